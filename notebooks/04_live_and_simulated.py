# %% [markdown]
# # Can the simulation be believed?
#
# The same morning can be played against the real service, or computed: same people, same files, same state
# machine. If both say the same, the simulation may answer what nobody can try out. Where they differ, we
# want to know why.

# %%
from tempfile import TemporaryDirectory

from IPython.display import Markdown
from ipywidgets import interact
from matplotlib import pyplot as plt

import harness

LIVE = False  # True: play the morning on this machine, in about four minutes
plt.style.use("harness.lab.report.charts.harness")

# %%
if LIVE:
    live = harness.play("quiet_morning.toml")
    simulated = harness.simulate("quiet_morning.toml", platform="local")
else:
    live = harness.load_run("../fixtures/runs/morning_live")
    simulated = harness.load_run("../fixtures/runs/morning_simulated")

# %%
jobs, computed = (run.durations().sort_values("at_s", ignore_index=True) for run in (live, simulated))
apart = (computed["processing_s"] / jobs["processing_s"] - 1).abs()
half, most = apart.quantile(0.5), apart.quantile(0.9)
Markdown(
    f"**For processing times, yes: of {len(jobs)} batches, half were computed to within {half:.0%} "
    f"of what was measured, and nine in ten to within {most:.0%}. For single requests, no: see below.**"
)

# %%
assert apart.median() < 0.1 or LIVE

# %% [markdown]
# ## Batch by batch
#
# Each point is a batch: to the right what the service took, upwards what was computed for the very same
# files. On the line both are equal. Nothing was fitted: the points lie there because both play the same
# state machine.

# %%
assert jobs["at_s"].round(6).equals(computed["at_s"].round(6)), "not the same arrivals"
figure, ax = plt.subplots(figsize=(5, 5))
longest = max(jobs["processing_s"].max(), computed["processing_s"].max())
ax.plot([0, longest], [0, longest], color="C5", linewidth=0.8)
ax.plot(jobs["processing_s"], computed["processing_s"], "o", alpha=0.6)
ax.set(xlabel="measured [seconds]", ylabel="computed [seconds]")
plt.show()

# %% [markdown]
# ## Step by step
#
# Thick bars are medians of the live run, the thin ones below them of the simulation. They agree where work
# is done. Steps that only pass things on take a little longer in reality: there, other programs want the
# processor, too.

# %%
live.plot.waterfall(other=simulated)

# %% [markdown]
# ## Over time
#
# The live run drawn through, the simulated one dashed: both have the same batches in the pipeline at the
# same time.

# %%
live.plot.in_flight(other=simulated)

# %% [markdown]
# ## Where it is not to be believed
#
# The model gives a request the same few milliseconds every time; a real one is sometimes quick and
# sometimes not. A ratio of 1 would be agreement, and the interval says how sure the figure is. So: no
# questions about single requests.

# %%
table = harness.compare(live, simulated).table().set_index(["name", "percent"])
names = ["E2E processing", "POST uploads, model time", "PUT object, model time"]
table.loc[names, ["before_s", "now_s", "ratio", "low", "high"]].round(3)


# %% [markdown]
# ## What it is good for
#
# Nobody can ask AWS for a MediaConvert queue with two slots, just to see. The simulation can: this is how
# long the people of this morning would have waited.


# %%
def waiting(slots):
    few = {"mediaconvert.slots": slots}
    with TemporaryDirectory() as folder:
        run = harness.simulate("quiet_morning.toml", overrides=few, out=f"{folder}/run")
        return run.durations()["processing_s"]


# %%
slots = [1, 2, 3, 4, 6]
p95 = [waiting(number).quantile(0.95, interpolation="higher") for number in slots]
figure, ax = plt.subplots()
ax.bar([str(number) for number in slots], p95)
ax.set(xlabel="slots of MediaConvert", ylabel="p95 of the processing time [seconds]")
plt.show()

# %% [markdown]
# Try it. (The slider needs a running kernel: *Run → Run All Cells*.)

# %%
_ = interact(lambda slots: waiting(slots).describe().round(1), slots=(1, 20))

# %% [markdown]
# Next: [how many transcoding slots a load needs](05_how_many_slots.ipynb).
