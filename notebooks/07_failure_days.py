# %% [markdown]
# # What happens on a bad day, when a function fails or a message cannot be read?
#
# **Retries forgive much, up to a point. When every third call of the thumbnails function fails, its three
# attempts leave 3 failed batches in 100, for 44 % more calls; when 85 in 100 calls fail, so do 61 batches
# in 100. When many clients meet a limit, trying again at random moments (jitter) loses 3 % of the batches
# where trying again in step loses 32 %. And an unreadable message is given up after five receives, 15
# minutes; its alarm goes off within the next minute.**

# %%
LIVE = False  # True plays the storm with Locust against a stack started for it: three minutes, both cores

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from ipywidgets import interact

import harness
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREY, VERMILION

kept = TemporaryDirectory()  # for the simulated runs, which are not wanted among yours
runs = Path(kept.name)

# %% [markdown]
# ## A storm
#
# `retry_storm` is a quarter of an hour in which, for five minutes, every third call of the thumbnails
# function fails in a way that may pass. The state machine tries again after 5 and after 10 seconds. At the
# same time four in ten photographers have their batch processed again, twice.

# %%
if LIVE:
    storm = harness.play("../scenarios/retry_storm.toml", out=runs / "storm")
else:
    storm = harness.simulate("../scenarios/retry_storm.toml", out=runs / "storm")
storm

# %%
storm.plot.retries()

# %% [markdown]
# Only what failed is repeated: a batch that needs a second attempt is ready five seconds later, one that
# needs a third fifteen. In the processing times the storm (shaded) cannot be told from the other minutes.

# %%
storm.plot.processing()

# %% [markdown]
# The alarms can tell: the one on the function's errors, and the one on failed executions, because one batch
# in thirty has no luck three times.

# %%
verdict = harness.check(storm)
storm.plot.alarms(verdict=verdict)

# %% [markdown]
# ## How much can fail before it hurts?
#
# Now the same uploads, without the people who try again, while the function fails all the time: at
# different rates, three simulated quarters of an hour each. With three attempts a batch fails only if all
# three do. If failures are independent, that is the failure rate to the third power, and the calls per
# batch are 1 + p + p².

# %%
from harness.lab.sim.experiment.quantiles import mean_estimate
from harness.lab.workload.scenario import load_scenario

SHOOTS = '[{name = "photo_shoot"}]'
RATES = (0.0, 0.15, 0.33, 0.5, 0.7, 0.85, 1.0)


def failing(rate: float, replication: int):
    """Simulate the storm's uploads while a share of the thumbnails calls fails."""
    fault = f'[{{action = "aws:lambda:invocation-error", function = "thumbnails", rate = {rate}}}]'
    scenario = load_scenario("../scenarios/retry_storm.toml", {"flows": SHOOTS, "faults": fault})
    return harness.simulate(scenario, replication=replication, out=runs / f"failing-{rate}-{replication}")


# %%
def harm(run) -> dict[str, float]:
    """Return what became of the batches of a run, and what it took."""
    took, ready = run.durations()["processing_s"], run.batches["outcome"] == "READY"
    calls = (run.steps["state"] == "GenerateThumbnails").sum()
    p50_s, p95_s = took[ready].quantile([0.5, 0.95])
    return {"failed": 1 - ready.mean(), "calls_per_batch": calls / len(ready), "p50_s": p50_s, "p95_s": p95_s}


measured = pd.DataFrame([{"rate": p, **harm(failing(p, k))} for p in RATES for k in range(3)])
table = measured.groupby("rate").agg(mean_estimate)

# %%
from harness.lab.report.charts.axes import legend


def estimates(ax, column: str, factor: float = 1.0) -> None:
    """Draw what was simulated at each failure rate, with its 95 % interval."""
    found = [(100 * rate, factor * one.value, factor * one.half_width) for rate, one in table[column].items()]
    rates, values, reach = zip(*found, strict=True)
    ax.errorbar(rates, values, reach, color=BLUE, fmt="o", markersize=5, capsize=3, label="simulated")
    ax.set(xlabel="calls that fail [%]", xlim=(-2, 102))
    legend(ax)


# %%
def draw_failed(ax):
    percent = pd.Series(range(101))
    ax.plot(percent, percent, color=GREY, linestyle=(0, (1, 2)), label="without retries")
    ax.plot(percent, 100 * (percent / 100) ** 3, color=VERMILION, label="theory: p³")
    ax.set(ylabel="batches that fail [%]", ylim=(-2, 102))
    estimates(ax, "failed", 100)


# %%
third, most = (table.loc[rate, "failed"].value for rate in (0.33, 0.85))
finding = f"At 33 % failing calls {third:.0%} of the batches fail, at 85 % {most:.0%}."
Chart("failed", "Batches that fail", finding, measured, draw_failed)

# %% [markdown]
# The price is work: each batch that is saved costs calls, just when the function is in trouble.


# %%
def draw_calls(ax):
    percent = pd.Series(range(101))
    ax.plot(percent, 1 + percent / 100 + (percent / 100) ** 2, color=VERMILION, label="theory: 1 + p + p²")
    ax.set(ylabel="calls per batch", ylim=(0.9, 3.1))
    estimates(ax, "calls_per_batch")


more = table.loc[0.33, "calls_per_batch"].value - 1
finding = f"At 33 % failing calls there are {more:.0%} more of them."
Chart("calls", "Calls per batch", finding, measured, draw_calls, height=260)

# %% [markdown]
# And time: whoever gets through in the end is later by the pauses, five seconds after the first failure and
# ten more after the second. That shows in the median; the slowest batches are those with videos, whose
# transcoding takes longer than the pauses beside it. Either way it is nothing next to ten minutes: the
# alarm on slow batches sleeps through all of this.


# %%
def draw_late(ax):
    some = table[table.index < 1]
    for column, name, colour in (("p95_s", "p95", BLUE), ("p50_s", "median", VERMILION)):
        values, reach = ([getattr(one, part) for one in some[column]] for part in ("value", "half_width"))
        ax.errorbar(100 * some.index, values, reach, color=colour, marker="o", capsize=3, label=name)
    ax.set(xlabel="calls that fail [%]", ylabel="READY after [s]", xlim=(-2, 102), ylim=(0, None))
    legend(ax)


# %%
before_s, after_s = (table.loc[rate, "p50_s"].value for rate in (0, 0.85))
finding = f"The median of the batches that get through rises from {before_s:.0f} s to {after_s:.0f} s."
Chart("late", "Time to READY of those that get through", finding, measured, draw_late, height=260)

# %%
assert [round(100 * one) for one in (third, more, most)] == [3, 44, 61], (
    "the answer at the top says otherwise"
)

# %% [markdown]
# Independent failures are the kind case. The three attempts of a batch lie within some twenty seconds, so
# an outage that lasts a minute hits all three, and the formula promises too much. For that a longer
# back-off helps, not more attempts.
#
# ## Many clients at a limit: trying again in step, or at random
#
# AWS refuses calls beyond a function's concurrency, and the state machine comes back after 2, 4, 8…
# seconds, up to eight times. Suppose 200 batches arrive within ten seconds, and only five calls of the
# thumbnails function may run at once. Those refused together come back together: a wave takes the five
# places, the rest is refused again, and between the waves the places stand empty. With **jitter**
# (`"JitterStrategy": "FULL"`, one line in the state machine) each waits a random part of the pause.

# %%
import json

from harness.blueprint.template import load_template
from harness.lab.workload.scenario import Scenario

in_step = load_template(parameters={"CallbackUrl": ""}).state_machine.definition
at_random = in_step.replace('"IntervalSeconds"', '"JitterStrategy": "FULL", "IntervalSeconds"')
machines = {"in step": json.loads(in_step), "at random": json.loads(at_random)}

# %%
uploads = {"process": "poisson", "stages": [{"hold_per_s": 20, "for_s": 10}]}
photos = {"name": "photo_shoot", "photos": 6, "videos": 0}
burst = Scenario(question="What if a burst comes?", duration_s=10, arrivals=[uploads], flows=[photos])
five = {"lambda.reserved_concurrency": {"thumbnails": 5}}


def at_the_limit(name: str, replication: int = 0):
    """Simulate the burst with one of the two state machines."""
    folder = runs / f"burst {name} {replication}"
    return harness.simulate(
        burst, replication=replication, state_machine=machines[name], overrides=five, out=folder
    )


# %%
crowds = {name: [at_the_limit(name, k) for k in range(5)] for name in machines}
lost = {
    name: mean_estimate([(run.batches["outcome"] == "FAILED").mean() for run in played])
    for name, played in crowds.items()
}
for name, one in lost.items():
    print(
        f"{name}: {one.value:.0%} of the batches fail (95 % interval {max(one.low, 0):.0%} to {one.high:.0%})"
    )


# %%
def at_work(run) -> pd.Series:
    """Return how many calls of the thumbnails function were at work, from each instant on."""
    calls = run.steps.query("state == 'GenerateThumbnails' and outcome == 'SUCCEEDED'")
    changes = pd.concat([pd.Series(1, calls["started_at"]), pd.Series(-1, calls["finished_at"])])
    return changes.groupby(level=0).sum().cumsum()


busy = pd.DataFrame({name: at_work(played[0]) for name, played in crowds.items()}).ffill()
busy = busy.rename_axis("at_s").reset_index()


# %%
def draw_busy(ax):
    for base, (name, one), colour in zip((7, 0), lost.items(), (VERMILION, BLUE), strict=True):
        ax.fill_between(busy["at_s"], base, base + busy[name], step="post", color=colour, linewidth=0)
        ax.text(290, base + 5.3, f"trying again {name}: {one.value:.0%} of the batches fail", ha="right")
    ax.set(yticks=[0, 5, 7, 12], yticklabels=[0, 5, 0, 5], xlim=(0, 290), ylim=(0, 13.5))
    ax.set(xlabel="seconds since the run began", ylabel="calls at work")


# %%
finding = "In step the five places are taken in waves, and empty in between; at random they are always used."
Chart("busy", "Thumbnails calls at work", finding, busy, draw_busy)

# %%
assert [round(100 * one.value) for one in lost.values()] == [32, 3], "the answer at the top says otherwise"

# %% [markdown]
# ## A message nobody can read
#
# In `poison` one message in twenty cannot be parsed. Whoever receives it cannot delete it, so the queue
# shows it again when its visibility time-out of three minutes is over. After the fifth time it goes to the
# dead-letter queue; the worker drains that within seconds and marks the batch FAILED, so that the
# photographer is told.

# %%
poison = harness.simulate("../scenarios/poison.toml", out=runs / "poison")
unread = poison.durations().query("outcome == 'FAILED' and processing_s > 600")
unread = unread.assign(ends_s=poison.batches["finished_at"], begins_s=poison.batches["received_at"])
alarm = next(
    one for one in harness.check(poison).alarms if one.name == "media-processing-dead-letters-arrived"
)
first_s = unread["ends_s"].min()
f"first dead letter after {first_s / 60:.1f} min, alarm after {alarm.fired_at_s / 60:.1f} min"


# %%
def draw_unread(ax):
    begins, ends, places = unread["begins_s"] / 60, unread["ends_s"] / 60, range(len(unread))
    ax.hlines(places, begins, ends, color=GREY, linewidth=1)
    for receive in range(5):
        name = None if receive else "received"
        ax.plot(begins + 3 * receive, places, "o", color=BLUE, markersize=5, label=name)
    ax.plot(ends, places, "X", color=VERMILION, markersize=8, label="dead letter")
    ax.axvline(alarm.fired_at_s / 60, color=VERMILION, label="alarm")
    ax.set(xlabel="minutes since the run began", yticks=[], ylabel="messages", xlim=(0, None))
    legend(ax)


# %%
finding = (
    f"{len(unread)} messages are received five times, three minutes apart, and are dead after 15 minutes."
)
Chart("unread", "The life of unreadable messages", finding, unread, draw_unread, height=260)

# %%
waits_min = unread["processing_s"] / 60
assert waits_min.round().eq(15).all(), "the answer at the top says otherwise"
assert 0 < alarm.fired_at_s - first_s <= 60, "the answer at the top says otherwise"

# %% [markdown]
# ## Try it
#
# Fifteen minutes are visibility time-out × receives, and both can be chosen. But a message may also fail by
# bad luck, because a database was away for a moment; then every receive less is a chance less. What would
# you choose? (The sliders need a running kernel.)

# %%
from harness.theory import Redelivery


def giving_up(failing=0.3, visibility_s=180, receives=5) -> str:
    """Return when a dead message is given up, and how many are that only had bad luck."""
    luck = Redelivery(1 - failing, visibility_s, receives)
    minutes = visibility_s * receives / 60
    return (
        f"dead after {minutes:.0f} min; {luck.probability_of_dlq:.2%} of those that could have been read, too"
    )


giving_up()

# %%
_ = interact(giving_up, failing=(0.05, 0.9, 0.05), visibility_s=(30, 600, 30), receives=(1, 10))
