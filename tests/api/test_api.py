"""
``import harness`` is quick, and its functions do what their documentation says.
"""

import doctest
import importlib
import inspect
import pickle
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

import harness
from harness.lab.report.plots import PlottableRun
from harness.lab.results.run import Run
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.scenario_file import ScenarioError

ROOT = Path(__file__).parents[2]
HEAVY = ["boto3", "gevent", "locust", "matplotlib", "numba", "numpy", "pandas", "pydantic", "rich", "simpy"]
HEAVY += ["typer"]
FLAGS = doctest.NORMALIZE_WHITESPACE
RUNS = ROOT / "fixtures" / "runs"


def modules_with_examples():
    files = (path for path in (ROOT / "harness").rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
    names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files)
    return sorted(name.removesuffix(".__init__") for name in names)


def examples_of(module, tmp_path):
    finder = doctest.DocTestFinder(exclude_empty=True)
    return finder.find(module, extraglobs={"folder": tmp_path})


class TestImport:
    def test_nothing_heavy_is_loaded(self):
        """
        Importing the package alone loads no large library.
        """
        probe = f"import harness, sys; print([it for it in {HEAVY} if it in sys.modules])"
        printed = subprocess.run(
            [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
        )

        assert printed.stdout == "[]\n"

    def test_every_name_is_there(self):
        """
        All of them can be called, are listed for completion, and have documentation with an example.
        """
        assert harness.__all__ == [
            "calibrate",
            "calibrate_executions",
            "check",
            "compare",
            "confirm_live",
            "experiment",
            "frontier",
            "load_run",
            "load_runs",
            "morris",
            "plan",
            "play",
            "sensitivity",
            "simulate",
            "sweep",
            "what_if",
        ]
        assert set(harness.__all__) <= set(dir(harness))
        for name in harness.__all__:
            assert callable(getattr(harness, name))
            assert ">>> import harness" in getattr(harness, name).__doc__

    def test_editors_see_the_same_names(self):
        """
        Type checkers import the same objects as the module gives at run time.
        """
        text = (ROOT / "harness" / "__init__.py").read_text(encoding="utf-8")
        seen = re.findall(r"^    from ([\w.]+) import (\w+) as (\w+)$", text, re.MULTILINE)

        assert {alias: (module, name) for module, name, alias in seen} == {
            name: (f"harness.api.{module}", name) for name, module in harness._MODULES.items()
        }

    def test_another_name_is_an_attribute_error(self):
        """
        A misspelt name raises the usual error.
        """
        with pytest.raises(AttributeError, match="no attribute 'paly'"):
            harness.paly  # noqa: B018


class TestExamples:
    @pytest.mark.no_cover
    @pytest.mark.parametrize("name", modules_with_examples())
    def test_they_come_out_as_written(self, name, tmp_path, monkeypatch):
        """
        Every example in a docstring is run from the root of the repository; live ones in another test.
        """
        monkeypatch.chdir(ROOT)
        examples = [
            one for one in examples_of(importlib.import_module(name), tmp_path) if "play" not in one.name
        ]
        runner = doctest.DocTestRunner(optionflags=FLAGS)

        failed = sum(runner.run(one).failed for one in examples)

        assert failed == 0

    @pytest.mark.stack
    def test_playing_comes_out_as_written(self, tmp_path, monkeypatch):
        """
        The example that needs a stack starts one.
        """
        monkeypatch.chdir(ROOT)
        monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "state.json"))
        module = importlib.import_module("harness.api.play")
        (example,) = (one for one in examples_of(module, tmp_path) if one.name.endswith("play.play"))

        assert doctest.DocTestRunner(optionflags=FLAGS).run(example).failed == 0

    @pytest.mark.parametrize("page", ["README.md", "docs/how_to/pandas.md"])
    def test_the_path_of_an_analyst_is_under_ten_lines(self, page, tmp_path, monkeypatch):
        """
        Load a run, compare two, plot p95 by hour, export CSV: as the page says it.
        """
        text = (ROOT / page).read_text(encoding="utf-8")
        code = next(it for it in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "by_hour" in it)
        (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
        monkeypatch.chdir(tmp_path)
        mpl.use("agg")

        exec(compile(code, page, "exec"), {})  # noqa: S102 - our own page

        assert len(code.strip().splitlines()) < 10
        assert pd.read_csv("p95_by_hour.csv").columns.tolist() == [
            "at_s",
            "samples",
            "p50_s",
            "p95_s",
            "p99_s",
        ]


SLOTS = "mediaconvert.slots"
STUDIES = {
    "experiment": (),
    "sweep": ({SLOTS: [1, 2]},),
    "plan": (SLOTS, 1, 2, "p95(E2E:ready) <= 10 min"),
    "frontier": ((SLOTS, 1, 2), ("api.threads", 1, 2), "p95(E2E:ready) <= 10 min"),
    "sensitivity": ([SLOTS],),
    "morris": ([SLOTS, "api.threads"],),
    "what_if": ({SLOTS: [1, 2]},),
}


class TestStudies:
    @pytest.mark.parametrize("name", STUDIES)
    def test_a_fault_that_cannot_be_simulated_is_refused(self, name):
        """
        Otherwise its effect would be missing from the result.
        """
        fault = {"action": "harness:process:kill", "target": "worker", "at": "1 min"}
        scenario = Scenario.model_validate(
            {
                "question": "Does a killed worker matter?",
                "duration_s": 120,
                "arrivals": [{"process": "poisson", "stages": [{"hold_per_s": 0.1, "for_s": 120}]}],
                "flows": [{"name": "photo_shoot"}],
                "faults": [fault],
            }
        )

        with pytest.raises(ScenarioError, match="the simulator cannot play faults"):
            getattr(harness, name)(scenario, *STUDIES[name], progress=False)


class TestDisplay:
    def test_a_verdict(self):
        """
        A sentence as text, a table as HTML, and a frame.
        """
        verdict = harness.check(RUNS / "slow")
        page = verdict._repr_html_()

        assert repr(verdict).startswith("<Verdict of slow: Breached.")
        assert "fired 13.0 min into the run" in page
        assert page.count("<tr") == 1 + len(verdict.alarms)
        assert verdict.table().query("outcome == 'breach'")["fired_at_s"].tolist() == [780.0]

    def test_a_comparison(self):
        """
        The same lines as ``harness compare``, a frame of the ratios, and a page.
        """
        comparison = harness.compare(RUNS / "day_before", RUNS / "day_after")
        table = comparison.table()

        assert repr(comparison).splitlines()[0] == "day_after against day_before"
        assert table.columns.tolist() == [
            "name", "percent", "before_s", "now_s", "low", "high",
            "failed_before", "failed_now", "unfinished_before", "unfinished_now", "ratio", "slower",
        ]  # fmt: skip
        assert (table["low"] <= table["ratio"]).all()
        assert (table["ratio"] <= table["high"]).all()
        assert "Ratios of percentiles" in comparison._repr_html_()

    def test_an_experiment_and_a_sweep_as_short_text(self):
        """
        ``print`` shows estimates and a table, not the recorded arrays.
        """
        options = {"replications": 2, "duration": 300, "processes": 1, "progress": False}
        experiment = harness.experiment("steady", **options)
        sweep = harness.sweep("steady", {"mediaconvert.slots": [5, 10]}, **options)

        assert repr(experiment).startswith("Experiment: steady, 2 replications, counted from")
        assert f"p95 of READY [s]: {experiment.percentile(95)}" in repr(experiment).splitlines()
        assert len(repr(experiment).splitlines()) == 7
        assert repr(sweep).splitlines()[0] == "Sweep of steady"
        assert [line.split()[0] for line in repr(sweep).splitlines()[2:]] == ["5", "10"]

    def test_a_chart_is_a_small_picture_on_white(self):
        """
        It can be read in a dark notebook, too, and its finding is shown as text.
        """
        data, shown = harness.load_run(RUNS / "slow").plot.processing()._repr_mimebundle_()

        assert data["image/png"].startswith(b"\x89PNG")
        assert len(data["image/png"]) < 40_000
        assert "The highest p95 of a period was 10.8 min" in data["text/plain"]
        assert shown["image/png"]["width"] == 860

    def test_a_chart_on_the_callers_axes_is_not_shown_twice(self):
        """
        The notebook shows only its finding.
        """
        from matplotlib.figure import Figure

        ax = Figure().add_subplot()
        chart = harness.load_run(RUNS / "day_before").plot.latency(ax=ax)

        assert len(ax.lines) == 3
        assert set(chart._repr_mimebundle_()) == {"text/plain"}

    def test_a_loaded_run_has_plots_without_loading_matplotlib(self):
        """
        Opening a run and naming its charts draws nothing, so matplotlib is not imported.
        """
        probe = (
            "import harness, sys;"
            "print(harness.load_run('fixtures/runs/slow').plot, 'matplotlib' in sys.modules)"
        )
        printed = subprocess.run(
            [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
        )

        assert printed.stdout == "Plots(run=<Run slow: steady on live, seed 7>) False\n"

    @pytest.mark.parametrize("name", ["load_run", "play"])
    def test_a_function_that_returns_a_run_returns_one_with_plots(self, name):
        """
        The type checker holds each function to its annotation.
        """
        assert inspect.signature(getattr(harness, name)).return_annotation is PlottableRun

    def test_a_simulated_run_has_plots(self, tmp_path):
        """
        It is a run like any other, with charts of its own.
        """
        run = harness.simulate(ROOT / "scenarios" / "smoke.toml", out=tmp_path / "run")

        assert isinstance(run, Run)
        assert run.plot.arrivals().finding

    def test_a_run_can_be_pickled(self):
        """
        A run with a table in memory goes to another process and keeps its plots.
        """
        run = harness.load_run(RUNS / "slow")
        jobs = len(run.batches)
        copy = pickle.loads(pickle.dumps(run))  # noqa: S301 - our own bytes

        assert isinstance(copy, Run)
        assert (repr(copy), len(copy.batches)) == (repr(run), jobs)
        assert copy.plot.processing().finding == run.plot.processing().finding

    def test_every_chart_has_a_finding(self):
        """
        Each chart with data says in a sentence what it shows.
        """
        run, other = harness.load_run(RUNS / "day_before"), harness.load_run(RUNS / "day_after")
        names = [
            name
            for name in dir(run.plot)
            if not name.startswith("_") and name not in ("run", "alarms", "life")
        ]
        charts = [getattr(run.plot, name)(other=other) for name in names]
        charts += [run.plot.alarms(harness.check(run)), run.plot.life()]

        assert len(charts) == 15
        assert all(chart.finding for chart in charts if not chart.is_empty)
