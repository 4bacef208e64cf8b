# %% [markdown]
# # When should the alarm go off?
#
# **Earlier than it does: on simulated afternoons the template's alarm on slow batches never went off for
# nothing, but took 28 minutes to notice a surge. At 5.5 minutes instead of 10, over two single minutes in a
# row instead of five together, it would have given no false alarm either, and noticed after 15. Only the
# cost of a false alarm decides whether to go lower: at 5 minutes there are three a week.**

# %%
LIVE = False  # True: a surge is also played for real, at the end, in five minutes on both cores

# %%
import pandas as pd
from ipywidgets import interact

import harness
from harness.lab.report.charts.axes import label_line, legend
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, FAULT_BAND, GREY, VERMILION

# %% [markdown]
# ## Twenty-four afternoons
#
# A small service: 72 batches an hour, most with one video or two, and two transcoding slots, busy for two
# thirds of the time. For three hours nothing is wrong: an alarm then is a false one. Then comes a
# **surge**: for forty minutes two and a half times as many batches, more than the slots can take, and the
# queue grows. Now each minute counts until somebody is told.
#
# Three hours stand for a day: they hold what matters here, healthy time and one incident. The afternoons
# differ in everything that is random.
# %%
from harness.lab.workload.scenario import Scenario

HEALTHY_S, SURGE_S = 3 * 3600, 40 * 60
stages = [{"hold_per_s": 0.02, "for_s": HEALTHY_S}, {"hold_per_s": 0.05, "for_s": SURGE_S}]
seconds = {"distribution": "lognormal", "median": 60, "sigma": 0.5, "min": 5, "max": 240}
videos = {"distribution": "poisson", "mean": 1.5, "min": 1, "max": 3}
shoot = {"name": "photo_shoot", "photos": 1, "videos": videos, "video_seconds": seconds}

# %%
afternoon = Scenario(
    question="When does the alarm notice a surge?",
    seed=6,
    duration_s=HEALTHY_S + SURGE_S,
    drain_s=600,
    arrivals=[{"stages": stages}],
    flows=[shoot],
    behaviour={"poll": {"first_s": 60, "cap_s": 60}},
)

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.lab.alarms.timeline import Samples

kept = TemporaryDirectory()  # for the simulated runs, which are not wanted among yours


def played(day: int) -> Samples:
    """Simulate an afternoon; return when each batch ended and how long it took [s]: what the alarm reads."""
    two_slots = {"mediaconvert.slots": 2}
    run = harness.simulate(afternoon, replication=day, overrides=two_slots, out=Path(kept.name) / f"{day}")
    metric = run.metrics.query("metric == 'media_processing_duration_seconds'")
    return Samples.of(metric["at"], metric["value"])


# %%
days = [played(day) for day in range(24)]

# %% [markdown]
# ## One of them
#
# Each dot is a batch, at the minute it ended. In the healthy hours a clump now and then takes five minutes
# or six; in the surge each batch waits longer than the one before. How soon can one tell the two apart?

# %%
first = pd.DataFrame({"minute": days[0].at / 60, "took_min": days[0].values / 60})


def draw_day(ax):
    ax.axvspan(HEALTHY_S / 60, (HEALTHY_S + SURGE_S) / 60, color=FAULT_BAND, zorder=0, label="surge")
    ax.plot(first["minute"], first["took_min"], ".", color=BLUE, label="a batch")
    label_line(ax, 10, "threshold 10 min")
    ax.set(xlabel="minutes of the afternoon", ylabel="from RECEIVED to READY [min]")
    ax.set(xlim=(0, 250), ylim=(0, None))
    legend(ax)


# %%
healthy_min = first.loc[first["minute"] < HEALTHY_S / 60, "took_min"].max()
finding = (
    f"Up to {healthy_min:.0f} min in healthy hours, up to {first['took_min'].max():.0f} min in the surge."
)
Chart("day", "One afternoon", finding, first, draw_day)

# %% [markdown]
# ## The alarm, judged
#
# The alarm is read from the template, and the same judge that judges runs plays it over every afternoon,
# minute by minute as CloudWatch does: over the healthy hours, counting how often it goes off; then from the
# beginning of the surge, taking the time until it does.

# %%
from dataclasses import replace

from harness.blueprint.template import load_alarms
from harness.lab.alarms.alarm import Alarm
from harness.lab.alarms.evaluate import AlarmState
from harness.lab.alarms.timeline import Periods, evaluate

declared = {alarm.name: alarm for alarm in load_alarms(parameters={"CallbackUrl": ""})}
template = Alarm.from_properties(declared["media-processing-duration-p95"].properties)
template.period, template.rule.threshold, template.rule.datapoints_to_alarm, template.rule.evaluation_periods


# %%
def judged(alarm: Alarm, periods: Periods) -> tuple[int, float]:
    """Return how often an alarm went off for nothing on one day, and how late it was in the surge [min]."""
    quiet = evaluate(alarm, periods, start=0, end=HEALTHY_S, state=AlarmState.OK)
    surge = evaluate(alarm, periods, start=HEALTHY_S, end=HEALTHY_S + SURGE_S, state=AlarmState.OK)
    false_alarms = sum(change.state is AlarmState.ALARM for change in quiet.transitions)
    return false_alarms, (surge.fired_at or float("inf")) / 60 - HEALTHY_S / 60


# %%
metric = template.metrics[0][1]
reading = {
    period: [Periods(replace(template, period=period), {metric: samples}) for samples in days]
    for period in (60, 300)
}
CHOOSE, CONFIRM = slice(0, 16), slice(16, 24)


# %%
def tried(threshold_min: float, m: int, n: int, period: int, on=CHOOSE) -> tuple[float, float]:
    """Return false alarms in a week of 50 such hours, and the median minutes until a surge is noticed."""
    rule = replace(template.rule, threshold=60 * threshold_min, datapoints_to_alarm=m, evaluation_periods=n)
    alarm = replace(template, period=period, rule=rule)
    found = pd.DataFrame([judged(alarm, one) for one in reading[period][on]], columns=["false", "late_min"])
    return found["false"].mean() * 50 / (HEALTHY_S / 3600), found["late_min"].median()


# %% [markdown]
# ## Every setting
#
# Three things can be turned: the **threshold**, the **period** over which a p95 is taken (one minute or
# five), and **M of N**: how many of the last N periods must be too slow. Here are all combinations, each on
# the first sixteen afternoons. The other eight are kept for later: the best of many settings looks better
# than it is, on the days it was chosen by.

# %%
columns = ["threshold_min", "M", "N", "period_s", "false_per_week", "late_min"]
settings = [
    (threshold / 2, m, n, period)
    for threshold in range(4, 31)
    for m, n in ((1, 1), (2, 2), (2, 3), (3, 3), (3, 5))
    for period in (60, 300)
]
table = pd.DataFrame([(*one, *tried(*one)) for one in settings], columns=columns)

# %% [markdown]
# A setting is worth a thought only if no other is both quieter and quicker. Those lie on the line: nothing
# is to be had to the left of it, and every point to the right is a worse choice.

# %%
ordered = table.sort_values(["late_min", "false_per_week"])
best_before = ordered["false_per_week"].cummin().shift(fill_value=float("inf"))
front = ordered[ordered["false_per_week"] < best_before]
present = table.query("threshold_min == 10 and M == 1 and N == 1 and period_s == 300").iloc[0]
quiet, quick = front.iloc[-1], front[front["false_per_week"] < 5].iloc[0]


# %%
def draw_settings(ax, marked: pd.Series = present, name: str = "the template's"):
    ax.plot(table["late_min"], table["false_per_week"], ".", color=GREY, alpha=0.35, label="settings tried")
    ax.plot(front["late_min"], front["false_per_week"], color=BLUE, marker="o", label="best to be had")
    ax.plot(marked["late_min"], marked["false_per_week"], "X", color=VERMILION, markersize=11, label=name)
    ax.set_yscale("symlog", linthresh=1)
    ax.set(xlabel="minutes until a surge is noticed (median)", xlim=(0, 42), ylim=(-0.15, 300))
    ax.set(ylabel="false alarms per week", yticks=[0, 1, 10, 100], yticklabels=["0", "1", "10", "100"])
    legend(ax)


# %%
finding = (
    f"The template's alarm takes {present['late_min']:.0f} min to notice a surge; "
    f"{quiet['late_min']:.0f} min are to be had without a false alarm."
)
Chart("settings", "False alarms against time to detect", finding, table, draw_settings, height=380)

# %% [markdown]
# The line in figures. A threshold near the healthy maximum, over single minutes, two or three of them in a
# row: the p95 of one minute is mostly a single batch, and M of N keeps single batches from waking anybody.

# %%
front[front["false_per_week"] < 50].round(1)

# %% [markdown]
# ## Does it hold on other days?
#
# The quietest setting on the line, a quicker one that gives a few false alarms, and the template's, on the
# eight afternoons none of them was chosen by:

# %%
rows = []
for name, one in {"the template's": present, "quiet": quiet, "quick": quick}.items():
    setting = (one["threshold_min"], int(one["M"]), int(one["N"]), int(one["period_s"]))
    rows.append((name, *setting, *tried(*setting), *tried(*setting, on=CONFIRM)))
fresh = ["false_per_week, fresh days", "late_min, fresh days"]
pd.DataFrame(rows, columns=["alarm", *columns, *fresh]).set_index("alarm").round(1).T

# %% [markdown]
# No false alarm in 48 hours does not mean there will never be one: up to three in such a time would still
# be compatible with that (the rule of three), and eight more afternoons only say so more firmly. And the
# line belongs to *this* service under *this* surge. Put your own scenario at the top and look again.

# %%
figures = (present["late_min"], quiet["threshold_min"], quiet["late_min"], quick["threshold_min"])
assert figures == (28, 5.5, 15, 5), "the answer at the top says otherwise"
assert (quiet["M"], quiet["N"], quiet["period_s"]) == (2, 2, 60), "the answer at the top says otherwise"
assert (present["false_per_week"], round(quick["false_per_week"])) == (0, 3), "so it does here"

# %% [markdown]
# With `LIVE` the template's alarms are tried on a surge against the real service.

# %%
if LIVE:
    print(harness.check(harness.play("../scenarios/burst.toml", out=Path(kept.name) / "live")).sentence)

# %% [markdown]
# ## Try it
#
# Turn the settings and see where they land (this needs a running kernel).


# %%
def place(threshold_min=6.0, m=2, n=3, period=60) -> Chart:
    """Return the picture with a setting of yours marked."""
    false_per_week, late_min = tried(threshold_min, min(m, n), n, period)
    yours = pd.Series({"false_per_week": false_per_week, "late_min": late_min})
    finding = f"{false_per_week:.1f} false alarms per week, {late_min:.1f} min until a surge is noticed."
    return Chart("yours", "Yours", finding, table, lambda ax: draw_settings(ax, yours, "yours"), height=380)


_ = interact(place, threshold_min=(2, 15, 0.5), m=(1, 5), n=(1, 5), period=[60, 300])
