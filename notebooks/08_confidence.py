# %% [markdown]
# # How far can one simulated run be trusted?
#
# **Less far than it seems. The interval that the waiting times of one run suggest holds the truth in 15 of
# 100 tries, though it promises 95. An interval over twenty shorter runs, of the same work in all, holds it
# in 93. And to know the p95 of videos to ±5 %, ten runs of 100 minutes are enough; with fewer transcoding
# slots it takes 16.**

# %%
LIVE = False  # True: an afternoon is also played for real, at the end, in three minutes

# %%
import numpy as np
import pandas as pd
from ipywidgets import interact

import harness
from harness.lab.report.charts.axes import label_line, legend
from harness.lab.report.charts.chart import Chart
from harness.lab.report.charts.palette import BLUE, GREY, UNKNOWN_BAND, VERMILION
from harness.lab.sim.experiment.quantiles import mean_estimate, percentile_estimate
from harness.lab.sim.experiment.warm_up import detect
from harness.theory import MMc

# %% [markdown]
# ## A queue whose truth is known
#
# To see whether an interval is honest one needs a case where the right answer is known. The simplest queue
# is one: a counter with one clerk. Customers come independently of each other, 0.8 a second; each is served
# for a second on average, some shorter, some longer. A formula says how long a customer spends there,
# waiting and being served: five seconds on average.

# %%
BUSY = 0.8
truth_s = MMc(arrival_rate=BUSY, service_rate=1.0).mean_sojourn_time
round(truth_s, 6)


# %%
def simulated(runs: int, customers: int, seed: int, busy: float = BUSY):
    """Return when customers came, and how long they stayed [s]; a row is a run that begins empty."""
    random = np.random.default_rng(seed)
    gaps = random.exponential(1 / busy, (runs, customers))
    services = random.exponential(1.0, (runs, customers))
    ahead = np.cumsum(np.pad(services[:, :-1] - gaps[:, 1:], ((0, 0), (1, 0))), axis=1)
    waits = ahead - np.minimum.accumulate(ahead, axis=1)
    return gaps.cumsum(axis=1), waits + services


# %% [markdown]
# ## Why one run's times are not a sample
#
# Here are a thousand customers in a row. A long stay is followed by long stays, because they stood in the
# same queue: a thousand customers, but only a few dozen queues. Whoever counts them as a thousand
# independent opinions believes to know far more than they do.

# %%
_, stays = simulated(runs=1, customers=3000, seed=5)
row = pd.DataFrame({"customer": np.arange(1000), "stay_s": stays[0, 2000:]})


def draw_row(ax):
    ax.fill_between(row["customer"], row["stay_s"], color=BLUE, alpha=0.25, linewidth=0)
    ax.plot(row["customer"], row["stay_s"], color=BLUE, linewidth=0.8)
    label_line(ax, truth_s, "long-run mean")
    ax.set(xlabel="customers, in the order they came", ylabel="stay [s]", xlim=(0, 1140), ylim=(0, None))


lag_1, lag_50 = (row["stay_s"].autocorr(lag) for lag in (1, 50))
finding = f"Neighbours are alike: correlation {lag_1:.2f}; fifty customers on, still {lag_50:.2f}."
Chart("row", "A thousand customers in a row", finding, row, draw_row)

# %% [markdown]
# ## A hundred tries each way
#
# Now the same amount of work, twenty thousand customers, is spent in two ways, and each is tried a thousand
# times:
#
# - **one long run**, its stays taken as twenty thousand independent values;
# - **twenty replications** of a thousand customers, each from its own random numbers. The first 200 of each
#   are left out (why, below), and each gives *one* number: its mean. Those twenty are independent.

# %%
TRIES, RUNS, FORGET = 1000, 20, 200
alone, together = [], []
for one in range(TRIES):
    _, stays = simulated(RUNS, 1000, seed=one)
    together.append(mean_estimate(stays[:, FORGET:].mean(axis=1)))
    _, stays = simulated(1, 1000 * RUNS, seed=one)
    alone.append(mean_estimate(stays[0]))


# %%
def intervals(estimates) -> pd.DataFrame:
    """Return the interval of each try, and whether it holds the truth."""
    table = pd.DataFrame([(one.low, one.high) for one in estimates], columns=["low_s", "high_s"])
    table["holds"] = (table["low_s"] <= truth_s) & (truth_s <= table["high_s"])
    return table


promises = {"one run": intervals(alone), "twenty replications": intervals(together)}
hits = {name: round(100 * table["holds"].mean()) for name, table in promises.items()}
hits


# %%
def draw_tries(ax, table: pd.DataFrame) -> None:
    """Draw an interval for each try, those that miss the truth in another colour."""
    for holds, colour, word in ((True, BLUE, "holds the truth"), (False, VERMILION, "misses it")):
        some = table[table["holds"] == holds]
        ax.vlines(some.index, some["low_s"], some["high_s"], color=colour, linewidth=3, label=word)
    label_line(ax, truth_s, "truth")
    ax.set(xlabel="tries", ylabel="mean stay [s]", ylim=(3.5, 7), xlim=(-1, 108))
    legend(ax)


# %%
def tries_chart(name: str) -> Chart:
    """Return the chart of the first hundred tries."""
    table = promises[name].head(100)
    finding = f"{table['holds'].sum()} of the first 100 intervals hold the truth of 5 s."
    return Chart("tries", name, finding, table, lambda ax: draw_tries(ax, table), height=230)


# %% [markdown]
# **One long run.** Its intervals look precise, and are wrong most of the time:

# %%
tries_chart("one run")

# %% [markdown]
# **Twenty replications.** Wider, and honest. (93 and not quite 95, because a mean of 800 customers at a
# busy counter is not yet distributed like a bell; longer replications come closer.)

# %%
tries_chart("twenty replications")

# %%
assert hits == {"one run": 15, "twenty replications": 93}, "the answer at the top says otherwise"

# %% [markdown]
# ## Why the beginning is left out
#
# Every run begins empty, and empty is not how the counter stays: the first customers have it too good.
# Averaged over 2000 runs, one sees the stay climb to its level. The rule called **MSER-5** finds where to
# cut: it drops as many values from the beginning as make the mean of the rest most certain.

# %%
arrived_at, stays = simulated(runs=2000, customers=600, seed=2)
warm_up = detect(list(arrived_at), list(stays), horizon=600 / BUSY)
climb = pd.DataFrame({"customer": np.arange(600), "stay_s": stays.mean(axis=0)})
forget = round(warm_up.until * BUSY)
f"{warm_up.until:.0f} s, or about {forget} customers"


# %%
def draw_climb(ax):
    ax.axvspan(0, forget, color=UNKNOWN_BAND, zorder=0)
    ax.annotate("forgotten", (forget / 2, 0.3), ha="center")
    ax.plot(climb["customer"], climb["stay_s"], color=BLUE)
    label_line(ax, truth_s, "long-run mean")
    ax.set(xlabel="customers, in the order they came", ylabel="stay, mean of 2000 runs [s]")
    ax.set(xlim=(0, 599), ylim=(0, 6))


finding = f"The first {forget} customers of a run that begins empty stay shorter than those after."
Chart("climb", "From empty to usual", finding, climb, draw_climb)

# %% [markdown]
# ## How many replications are enough
#
# Now the service itself. How exactly is the p95 of `video_heavy` known after two replications, three,
# four…? The half-width of the interval shrinks roughly with the square root of their number: for half the
# uncertainty one pays four times. `harness.experiment` with a `precision` runs replications until it is
# narrow enough, or up to a maximum.
#
# A busier system needs more: with 14 transcoding slots instead of 20 batches wait for each other more
# often, and two runs differ more. Each run lasts 100 minutes: one that is too short for a steady state gets
# no interval, only the length that would do.

# %%
played = {
    slots: harness.experiment(
        "../scenarios/video_heavy.toml",
        replications=60, precision=0.05, processes=1, progress=False, duration=6000,
        overrides=overrides,
    )
    for slots, overrides in (("20 slots", None), ("14 slots", {"mediaconvert.slots": 14}))
}  # fmt: skip
needed = {name: len(one.replications) for name, one in played.items()}
needed


# %%
def half_widths(one) -> pd.DataFrame:
    """Return how exactly the p95 is known after 2, 3, 4 … replications."""
    rows = [(n, percentile_estimate(one.ready[:n], 95)) for n in range(2, len(one.ready) + 1)]
    table = pd.DataFrame([(n, found.value, found.half_width) for n, found in rows])
    return table.set_axis(["replications", "p95_s", "half_width_s"], axis=1)


narrowing = pd.concat({name: half_widths(one) for name, one in played.items()}, names=["system"])
narrowing["percent"] = 100 * narrowing["half_width_s"] / narrowing["p95_s"]
narrowing = narrowing.reset_index("system")


# %%
def draw_narrowing(ax):
    for (name, rows), colour in zip(narrowing.groupby("system", sort=False), (GREY, BLUE), strict=True):
        ax.plot(rows["replications"], rows["percent"], color=colour, marker=".", label=name)
    label_line(ax, 5, "±5 %")
    ax.set(xlabel="replications", ylabel="half-width of the p95 [%]", ylim=(0, 31), xlim=(1, 18))
    legend(ax)


finding = f"±5 % takes {needed['20 slots']} replications with 20 slots, {needed['14 slots']} with 14."
Chart("narrowing", "How exactly the p95 is known", finding, narrowing, draw_narrowing)

# %%
assert needed == {"20 slots": 10, "14 slots": 16}, "the answer at the top says otherwise"
played["20 slots"].percentile(95), played["14 slots"].percentile(95)

# %% [markdown]
# With `LIVE` one afternoon is played against the real service. It is one run, so do not expect its p95
# inside the interval; the interval is about the mean of all afternoons.

# %%
if LIVE:
    import harness

    print(harness.play("../scenarios/video_heavy.toml").durations()["ready_s"].quantile(0.95))

# %% [markdown]
# ## Try it
#
# How busy the clerk is decides how much one run deceives. Move the slider (it needs a running kernel): at
# 50 % the interval of one run holds the truth about half of the time, at 95 % almost never.


# %%
def deceive(busy: float = BUSY) -> str:
    """Return how often, of 200 long runs, the interval of one run holds the truth."""
    truth = MMc(arrival_rate=busy, service_rate=1.0).mean_sojourn_time
    _, stays = simulated(200, 20_000, seed=1, busy=busy)
    found = [mean_estimate(row) for row in stays]
    share = np.mean([one.low <= truth <= one.high for one in found])
    return f"{share:.0%} of the intervals hold {truth:.1f} s"


_ = interact(deceive, busy=(0.5, 0.95, 0.05))
