# %% [markdown]
# # Twenty testers were happy. Will the customers be?
#
# A load test can let people come in two ways. **Closed**: twenty testers upload, wait until the service is
# done, and upload again. **Open**: people come when they come, and nobody waits for somebody else's upload
# to finish. Customers are open; most load tests are closed. Here is one evening, played both ways.

# %%
from tempfile import TemporaryDirectory

from IPython.display import Markdown
from ipywidgets import interact
from matplotlib import pyplot as plt

import harness
from harness.lab.workload.scenario import load_scenario

LIVE = False  # True: play both evenings on this machine, in about ten minutes
plt.style.use("harness.lab.report.charts.harness")


# %% [markdown]
# Every shoot has a video this evening, and a video takes two minutes. MediaConvert works on twenty at once,
# so ten a minute come out. Eighteen a minute go in. (On your machine the limits are your machine's.)


# %%
def evening(scenario, recorded):
    return harness.play(scenario) if LIVE else harness.load_run(recorded)


closed = evening("video_evening_closed.toml", "../fixtures/runs/evening_closed")
opened = evening("video_evening.toml", "../fixtures/runs/evening_open")


# %%
def p95(run):
    return run.durations()["ready_s"].quantile(0.95, interpolation="higher") / 60


Markdown(
    f"**No. The testers saw a p95 of {p95(closed):.0f} minutes. The same service lets its customers "
    f"wait {p95(opened):.0f} minutes, and after ten an alarm goes off.**"
)

# %%
assert harness.check(closed).passed or LIVE
assert not harness.check(opened).passed or LIVE

# %% [markdown]
# ## Testers slow down when the service does
#
# Twenty testers have twenty uploads under way, never more: each waits. So the service is never asked for
# more than it can do, and what it could *not* do stays unseen.

# %%
figure, ax = plt.subplots()
for run, name in ((opened, "customers"), (closed, "twenty testers")):
    began = run.durations()["at_s"].sort_values() / 60
    ax.step(began, range(1, len(began) + 1), label=name)
ax.set(xlabel="minutes since the evening began", ylabel="uploads begun", xlim=(0, None), ylim=(0, None))
ax.legend()
plt.show()
# %% [markdown]
# ## What is not done piles up
#
# Customers keep coming. What comes in faster than it goes out has to stand somewhere: the number of batches
# in the pipeline grows for as long as the evening lasts. With twenty testers it is twenty (dashed).

# %%
opened.plot.in_flight(other=closed)

# %% [markdown]
# ## And who comes last waits longest
#
# The time until READY grows by the minute, for as long as the pile does. A test that stops after five
# minutes would have missed that, too.

# %%
opened.plot.processing(other=closed)


# %% [markdown]
# ## More testers do not help
#
# With more testers the figure grows, and it never says anything about customers: it says how many testers
# there were. Once all twenty slots are taken, batches come out no faster, and *waiting time = testers ÷
# what comes out*. (That is Little's law.) Each point is one simulated evening.


# %%
def tested_with(users):
    scenario = load_scenario("video_evening_closed.toml", {"users": str(users)})
    with TemporaryDirectory() as folder:
        return p95(harness.simulate(scenario, out=f"{folder}/run"))


crowds = [5, 10, 20, 40, 80]
waits = [tested_with(users) for users in crowds]

# %%
figure, ax = plt.subplots()
ax.axhline(p95(opened), label="customers")
ax.plot(crowds, waits, "C1o-", label="so many testers")
ax.set(xlabel="testers", ylabel="p95 until READY [minutes]", ylim=(0, 1.2 * p95(opened)))
ax.legend()
plt.show()
# %% [markdown]
# Try any number of testers. (The slider needs a running kernel: *Run → Run All Cells*.)

# %%
_ = interact(lambda testers: f"p95 {tested_with(testers):.1f} minutes", testers=(1, 120))

# %% [markdown]
# That is why the scenarios of this harness say how many *come in a minute*, not how many there are. Next:
# [where the time goes](03_where_the_time_goes.ipynb).
