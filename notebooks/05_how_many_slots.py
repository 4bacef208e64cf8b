# %% [markdown]
# # How many transcoding slots do we need?
#
# **The work itself, rounded up, and one more where that is tight. A batch of this scenario takes 65
# slot-seconds, so a slot that never rests carries 55 an hour. With 95 of 100 batches ready within ten
# minutes, three slots carry 0.042 batches a second (151 an hour), five 0.072 (259), ten 0.149 (536). One
# slot too few is not a little slower: the queue grows for as long as the load lasts. A thousand batches
# cost about 120 dollars, with however many slots.**

# %%
LIVE = False  # True: what is billed at the end is played for real, in three minutes on both cores

# %%
import numpy as np
import pandas as pd
from ipywidgets import interact

import harness
from harness.lab.report.charts.axes import label_line, legend, log_time_axis
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREY, VERMILION

ALARM_S = 600

# %% [markdown]
# ## What a batch asks of the slots
#
# `video_heavy` is the scenario for this: few photos, one to three videos of about a minute, and AWS
# transcodes as many at once as the queue has slots. Before anything is simulated the scenario's own batches
# say how much work they are.

# %%
from harness.lab.workload.mix import Mix
from harness.lab.workload.scenario import load_scenario
from harness.lab.workload.service_times import ServiceTimes

polls = {"behaviour.poll.first_s": "10", "behaviour.poll.cap_s": "60"}  # asking less often, to save time
scenario = load_scenario("../scenarios/video_heavy.toml", {"faults": "[]", "warm_up_s": "0", **polls})
mix, times = Mix(scenario), ServiceTimes(scenario.model, scenario.seed)
batches = [mix.batch(arrival).videos for arrival in range(2000)]

# %%
work = [
    [times.seconds("transcode", [video], arrival, item) for item, video in enumerate(videos)]
    for arrival, videos in enumerate(batches)
]
slot_seconds = np.mean([sum(one) for one in work])
f"{slot_seconds:.0f} slot-seconds a batch; a slot that never rests: {3600 / slot_seconds:.0f} batches an hour"

# %% [markdown]
# Slots × 3600 / 65 is the **rule of thumb**: what the slots can carry at most. Below it the queue empties
# again and again; above it, it grows for as long as the load lasts. The question is how near one may go.
#
# ## Sweeping the slots
#
# A busy time of two hours, 216 batches an hour: 3.9 slots' worth of work. It is simulated with three slots,
# with four, and so on, twenty times each. The twenty replications differ in everything random, but
# replication 1 has the very same arrivals, files and transcoding times with three slots as with six (*common
# random numbers*), so that what differs is due to the slots.

# %%
from harness.lab.sim.experiment.experiment import compare

RATE = 0.06  # batches a second
two_hours = scenario.lasting(7200)


def simulated(rate: float, slots: int):
    """Simulate two busy hours, twenty times."""
    options = {"replications": 20, "processes": 1, "warm_up": 0, "cool_down": 0, "progress": False}
    return harness.experiment(two_hours.at_rate(rate), overrides={"mediaconvert.slots": slots}, **options)


swept = {slots: simulated(RATE, slots) for slots in (3, 4, 5, 6)}

# %% [markdown]
# Beside it, what can be calculated. The **Erlang formula** (M/M/c) knows how long videos wait for one of c
# slots if they come one by one. They come in batches, which makes for about a sixth more waiting (M/G/c,
# Allen and Cunneen's correction); then the longest video of the batch has to be transcoded. Both are for a
# load that lasts for ever, and have no answer where the slots cannot carry it.

# %%
from harness.lab.results.percentile import percentile
from harness.theory import MMc

one_by_one = np.concatenate(work)
mean_s, videos = one_by_one.mean(), np.array([len(one) for one in work])
longest = np.array([max(one) for one in work])
stretch = ((videos**2).mean() / videos.mean() + (one_by_one.std() / mean_s) ** 2) / 2
random = np.random.default_rng(5).random(len(work))


# %%
def calculated(rate: float, slots: int) -> float:
    """Return the p95 of waiting and transcoding in the long run [s]; infinite above what they can carry."""
    if rate * slot_seconds >= slots:
        return np.inf
    queue = MMc(rate * videos.mean(), 1 / mean_s, slots)
    drain = slots / mean_s - rate * videos.mean()
    waits = np.log(np.maximum(queue.probability_of_waiting / random, 1)) / drain
    return percentile(stretch * waits + longest, 95)


[round(calculated(RATE, slots)) for slots in (4, 5, 6)]

# %%
sweep = pd.DataFrame(
    [(slots, one.percentile(95), one.check_limit(95, ALARM_S)) for slots, one in swept.items()],
    columns=["slots", "p95_s", "p95 at most 10 min?"],
)
sweep["calculated_s"] = [round(calculated(RATE, slots), 1) for slots in sweep["slots"]]
sweep


# %%
def draw_sweep(ax):
    slots, found = sweep["slots"], sweep["p95_s"]
    ax.plot(slots, sweep["calculated_s"], "D", color=VERMILION, label="calculated, in the long run")
    style = {"color": BLUE, "marker": "o", "capsize": 4, "label": "simulated, two hours"}
    widths = [np.nan if np.isinf(one.half_width) else one.half_width for one in found]
    ax.errorbar(slots, [one.value for one in found], widths, **style)
    ax.set(xlabel="transcoding slots", xticks=slots, ylabel="p95, arrival to READY", ylim=(80, 2500))
    log_time_axis(ax)
    label_line(ax, ALARM_S, "alarm line 10 min")
    legend(ax)


# %%
few, enough = (sweep["p95_s"][row].value / 60 for row in (0, 2))
finding = f"With three slots the p95 is {few:.0f} min, with five {enough:.0f} min."
Chart("sweep", "p95 by transcoding slots", finding, sweep, draw_sweep)

# %% [markdown]
# A cliff, not a slope. Three slots are too few by a quarter, and the queue grows all afternoon. Four are
# busy 98 % of the time: two hours may go well or badly, and in the long run they go badly. With five the
# wait is gone, and every further slot is bought for nothing: the rest is transcoding itself, and some 40
# seconds of uploading and bundling that the calculation leaves out.
#
# How much the fifth slot saves at the 95th percentile, and how much the sixth, in seconds:

# %%
print("fifth:", compare(swept[4], swept[5]))
print("sixth:", compare(swept[5], swept[6]))

# %% [markdown]
# ## As the load grows
#
# Simulation and calculation agree on where the cliff is, so the calculation may go on alone: here is the
# smallest number of slots that stays below it, at every load. It hardly differs from the rule of thumb:
# **the work itself, rounded up, and one more where that is too tight.** Simulations at half and at one and
# a half times the load say whether to believe it.

# %%
checks = {(0.03, 2): None, (0.03, 3): None, (0.09, 6): None, (0.09, 7): None}
for rate, slots in checks:
    checks[rate, slots] = simulated(rate, slots).check_limit(95, ALARM_S)
checks |= {(RATE, slots): one.check_limit(95, ALARM_S) for slots, one in swept.items()}
{f"{rate}/s, {slots} slots": str(answer) for (rate, slots), answer in sorted(checks.items())}


# %%
def needed(rate: float) -> int:
    """Return the smallest number of slots with a calculated p95 within the alarm line."""
    slots = int(rate * slot_seconds) + 1
    while calculated(rate, slots) > ALARM_S:
        slots += 1
    return slots


growth = pd.DataFrame({"batches_per_s": np.arange(1, 151) / 1000})
growth["slots"] = [needed(rate) for rate in growth["batches_per_s"]]
growth["work"] = growth["batches_per_s"] * slot_seconds


# %%
LOOK = {"pass": "o", "inconclusive": "s", "fail": "X"}


def draw_growth(ax):
    rates = growth["batches_per_s"]
    ax.step(rates, growth["slots"], where="post", color=VERMILION, label="slots needed, calculated")
    ax.plot(rates, growth["work"], color=GREY, linestyle=(0, (1, 2)), label="the work itself")
    for answer, marker in LOOK.items():
        at = [key for key, judged in checks.items() if judged == answer]
        ax.plot(*zip(*at, strict=True), marker, color=BLUE, markersize=7, label=f"simulated: {answer}")
    ax.set(xlabel="batches per second", ylabel="transcoding slots", xlim=(0, 0.15), ylim=(0, 11.5))
    legend(ax, columns=3)


# %%
carried = {slots: growth.loc[growth["slots"] <= slots, "batches_per_s"].max() for slots in (3, 5, 10)}
finding = ", ".join(f"{slots} slots carry {rate:g} batches a second" for slots, rate in carried.items())
Chart("growth", "Slots needed by arrival rate", finding, growth, draw_growth, height=340)

# %% [markdown]
# ## And the thumbnails?
#
# A function's limit is of another kind: Lambda has no queue. A call beyond the reserved concurrency is
# refused, and the state machine comes back later, up to eight times; the waiting is done in the back-off. A
# morning of photos, with fewer and fewer executions of the thumbnails function at once:

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

kept = TemporaryDirectory()  # for the simulated runs, which are not wanted among yours
folder = Path(kept.name)
photos = load_scenario("../scenarios/steady.toml", {"flows": '[{name = "photo_shoot", videos = 0}]'})


def limited(executions: int):
    """Simulate a morning with a limit on the thumbnails function."""
    limit = {"lambda.reserved_concurrency": {"thumbnails": executions}}
    return harness.simulate(photos, overrides=limit, out=folder / f"{executions}")


# %%
def outcomes_with(executions: int) -> dict[str, float]:
    """Return what became of the batches under a limit."""
    run = limited(executions)
    calls = run.steps.query("state == 'GenerateThumbnails'")
    refused = calls["error"].eq("Lambda.TooManyRequestsException").mean()
    p95_s = percentile(run.durations()["processing_s"].dropna(), 95)
    failed = (run.batches["outcome"] == "FAILED").mean()
    return {"executions": executions, "calls refused": refused, "batches failed": failed, "p95_s": p95_s}


morning = pd.DataFrame([outcomes_with(executions) for executions in (1, 2, 3, 4, 6)])
morning.round(3)


# %%
def draw_morning(ax):
    executions = morning["executions"]
    ax.plot(executions, 100 * morning["calls refused"], color=GREY, marker="o", label="calls refused")
    ax.plot(executions, 100 * morning["batches failed"], color=VERMILION, marker="X", label="batches failed")
    ax.set(xlabel="executions at once", xticks=executions, ylabel="share [%]", ylim=(-2, 100))
    legend(ax)


finding = (
    "With three executions a third of the calls are refused, and no batch fails: the retries do the waiting."
)
Chart("morning", "Refused and failed by limit", finding, morning, draw_morning, height=260)

# %% [markdown]
# Here, too, it is the work, rounded up, and one more: 0.3 batches a second at some 5.6 seconds each keep
# 1.7 executions busy. With three no batch fails, and the p95 is 23 seconds instead of 17. The template
# reserves forty.
#
# ## What it costs
#
# On demand, AWS bills transcoding by the minute of video that comes out, not by the slot: more slots cost
# nothing, and fewer save nothing. Prices are a dated table of the harness; put your own there.

# %%
from harness.lab.sim.cost import bill

play = harness.play if LIVE else harness.simulate
costs = bill(play("../scenarios/video_heavy.toml", out=folder / "video_heavy"))
dollars = costs.per_thousand(costs.dollars)
costs.to_frame().groupby("service")["dollars_per_thousand_batches"].sum().sort_values(ascending=False).round(
    2
)

# %%
assert round(slot_seconds) == 65, "the answer at the top says otherwise"
assert carried == {3: 0.042, 5: 0.072, 10: 0.149}, "the answer at the top says otherwise"
assert [str(checks[RATE, slots]) for slots in (3, 4, 5)] == ["fail", "fail", "pass"], (
    "the answer says otherwise"
)
assert (round(dollars), morning["batches failed"][2]) == (120, 0), "so it does here"

# %% [markdown]
# ## Slots and load together
#
# `what_if` plays the whole scenario at each point of a grid, and evaluates the alarms and the cost there.

# %%
hour = scenario.lasting(3600)
grid = {"rate": [0.03, 0.06], "mediaconvert.slots": [3, 5]}
found = harness.what_if(hour, grid, replications=3, processes=1, progress=False)
columns = ["rate", "mediaconvert.slots", "p95_s", "alarms_fired", "dollars"]
found.to_frame()[columns].round({"p95_s": 1, "dollars": 2})

# %% [markdown]
# With a running kernel the sliders choose among them, and `at` simulates any other point at once.

# %%
found.sliders()

# %%
found.at(rate=0.06, mediaconvert__slots=4)[["p95_s", "alarms_fired"]].to_frame("")

# %% [markdown]
# ## Try it
#
# Any load, any number of slots, calculated (this needs a running kernel).


# %%
def look_up(batches_per_s=0.15, slots=10) -> str:
    """Return the p95 and how busy the slots are."""
    p95_s, busy = calculated(batches_per_s, slots), batches_per_s * slot_seconds / slots
    if busy >= 1:
        return f"{busy:.0%} of what the slots can carry: the queue grows without end"
    return f"the slots are {busy:.0%} busy; 95 of 100 batches are transcoded within {p95_s / 60:.1f} min"


look_up()

# %%
_ = interact(look_up, batches_per_s=(0.01, 0.3, 0.01), slots=(1, 25))
