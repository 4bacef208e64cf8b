# %% [markdown]
# # Does the whole path work?
#
# Photographers upload photos, videos and project files to a service. The service checks every file, makes
# smaller pictures, transcodes the videos, packs everything into one archive, and says so. This notebook
# looks at ten people who did that within ten seconds, and asks of each step: did it happen, and how long
# did it take?

# %%
from IPython.display import Markdown
from ipywidgets import interact

import harness

LIVE = False  # True: start the service on this machine and let the ten come now, in about a minute

# %% [markdown]
# A *scenario* is a text file that says who comes when, and with what. A *run* is one playing of it: a
# folder with everything that was measured. This one was recorded against the real service, with genuine
# photos.

# %%
recorded = "../fixtures/runs/smoke_live"
run = harness.play("../scenarios/smoke.toml") if LIVE else harness.load_run(recorded)
verdict = harness.check(run)
jobs = run.durations()
ready = int((jobs["outcome"] == "READY").sum())

# %%
Markdown(
    f"**{'Yes' if verdict.passed else 'No'}: {ready} of {len(jobs)} batches are READY, half of them "
    f"within {jobs['ready_s'].median():.1f} seconds, the slowest after {jobs['ready_s'].max():.1f}.**"
)

# %% [markdown]
# ## What was uploaded, and what became of it
#
# Each row is a *batch*: the files that somebody uploaded together. `processing_s` is the time the service
# needed, from the moment the last file had arrived; `ready_s` is what the photographer felt, from the first
# click. A batch that was run again has a second attempt.

# %%
what = ["family", "attempt", "photos", "videos", "documents", "outcome"]
jobs[[*what, "upload_s", "processing_s", "ready_s"]].round(1)

# %% [markdown]
# ## The life of one batch
#
# The slowest batch, from its first request at the top to its downloads at the bottom. Blue is a step of the
# service at work, grey is everything around it; a bar is as long as it took. The last long one, *seen by
# the client*, is no work at all: the batch was READY, and the photographer's app had not asked again yet.

# %%
run.plot.life()

# %% [markdown]
# Choose another batch. (The slider needs a running kernel: *Run → Run All Cells*.)

# %%
finished = jobs.dropna(subset="ready_s").sort_values("ready_s")["batch_id"].tolist()
_ = interact(lambda place: run.plot.life(finished[place - 1]), place=(1, len(finished)))
# %% [markdown]
# ## Who was turned away
#
# One of the ten tried what is forbidden: a listing that is not theirs, a forged token, a file that is not
# what was announced. `refused` is what we want to read here; `breached` would mean that something forbidden
# succeeded.

# %%
attempts = run.requests[run.requests["outcome"].isin(["refused", "breached"])]
attempts[["type", "name", "status", "outcome"]].convert_dtypes()

# %%
assert "breached" not in set(attempts["outcome"]), "something forbidden succeeded"

# %% [markdown]
# ## The judge
#
# The service is watched by alarms. The judge evaluates them over the run exactly as AWS would, and adds the
# promises that the scenario makes. One red line is enough for a build to fail.

# %%
verdict

# %% [markdown]
# Next: [why a load test must not wait for the service](02_open_and_closed_load.ipynb).
