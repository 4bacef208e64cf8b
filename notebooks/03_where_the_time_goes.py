# %% [markdown]
# # Where does the time go?
#
# A batch is READY some seconds after its last file has arrived. Some of that is work, and some is waiting
# for work to begin. Only the longest step is worth making faster: what runs beside it costs nobody
# anything.

# %%
from tempfile import TemporaryDirectory

import pandas as pd
from IPython.display import Markdown
from ipywidgets import interact
from matplotlib import pyplot as plt

import harness
from harness.lab.report.state_stations import time_spent
from harness.lab.workload.scenario import load_scenario

LIVE = False  # True: play the morning on this machine, in about four minutes
plt.style.use("harness.lab.report.charts.harness")

# %% [markdown]
# A quiet morning, played against the real service: five minutes, every third shoot with a video.

# %%
recorded = "../fixtures/runs/morning_live"
run = harness.play("quiet_morning.toml") if LIVE else harness.load_run(recorded)
steps = time_spent(run).query("kind == 'state'").set_index("name")
work = steps.drop(index=["ParallelProcessing", "ProcessVideos"])  # they only hold others
longest = work["p50_s"].idxmax()


# %%
def by_kind(run):
    jobs = run.durations()
    kind = jobs["videos"].gt(0).map({True: "with a video", False: "photos only"})
    return jobs.groupby(kind)["processing_s"].median()


medians = by_kind(run)

# %%
Markdown(
    f"**Into {longest}: {work['p50_s'].max():.0f} seconds. A batch with a video takes "
    f"{medians['with a video']:.0f} seconds, one without {medians['photos only']:.0f}.**"
)

# %%
assert longest == "TranscodeVideo" or LIVE

# %% [markdown]
# ## The steps, one after another
#
# Each lane is a step of the pipeline, and begins where it usually begins. The thick bar is the median: half
# of the batches took less. The thin bar is p95: one in twenty took longer still. `ParallelProcessing` holds
# `GenerateThumbnails` and `ProcessVideos`, which run side by side; it takes as long as the longer of the
# two.

# %%
run.plot.waterfall()

# %% [markdown]
# ## Photos and videos are two different services
#
# One percentile for both would describe neither. Read a line upwards: so many per cent of such batches were
# done within the time below.

# %%
run.plot.size_classes()

# %% [markdown]
# ## What would be gained?
#
# Before you make something faster, ask the simulation what it would bring. Twice as fast at making small
# pictures is good for those who bring photos only. For the others it does nothing at all: their pictures
# have long been waiting for the video.


# %%
def simulated(changes=None, overrides=None):
    scenario = load_scenario("quiet_morning.toml", changes)
    with TemporaryDirectory() as folder:
        return by_kind(harness.simulate(scenario, overrides=overrides, out=f"{folder}/run"))


# %%
FASTER = '{ distribution = "lognormal", median = 0.017, sigma = 0.3 }'  # half the seconds for a megapixel
cases = {
    "as it is": simulated(),
    "pictures twice as fast": simulated({"model.thumbnails.per_megapixel_s": FASTER}),
    "videos twice as fast": simulated(overrides={"mediaconvert.speed": 2}),
}
table = pd.DataFrame(cases)
table.round(1)

# %%
ax = table.T.plot.barh(width=0.7)
ax.set(xlabel="median time from RECEIVED to READY [seconds]", xlim=(0, None))
ax.grid(axis="y", visible=False)
ax.invert_yaxis()
plt.show()

# %% [markdown]
# How fast would MediaConvert have to be? (The slider needs a running kernel: *Run → Run All Cells*.)

# %%
_ = interact(lambda speed: simulated(overrides={"mediaconvert.speed": speed}).round(1), speed=(0.5, 4.0))

# %% [markdown]
# Can the simulation be believed? Next: [live and simulated](04_live_and_simulated.ipynb).
