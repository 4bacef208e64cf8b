"""
Measure how close the simulator is to live runs, and write the tables of ``docs/explanation/fidelity.md``.

One load is played and calibrated; others, which the fit has not seen, are predicted and then played. Used by
``make fidelity``.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fidelity.agreement import ready_agreement, step_agreement, what_is_wrong
from benchmarks.fidelity.live_runs import ATTEMPTS, LiveRun, measured
from benchmarks.fidelity.loads import Family, modelled, real
from benchmarks.fidelity.page import PAGE, Pair, family_tables, write_tables
from benchmarks.fidelity.predictions import Outcome, Predictor, predictors
from harness.api.calibrate import calibrate
from harness.lab.workload.scenario import Scenario

SHORT = {"modelled": 450.0, "real": 150.0}
LONG = {"modelled": 1800.0, "real": 400.0}
"""Lengths of each load [model s]: of modelled handlers ten times the clock's."""


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    lengths = SHORT if options.short else LONG
    families = [modelled(lengths["modelled"])] if "modelled" in options.families else []
    families += [real(lengths["real"])] if "real" in options.families else []
    with TemporaryDirectory(prefix="harness-fidelity-") as temporary:
        folder = options.keep or Path(temporary)
        tables = {
            family.name: _family_tables(family, folder / family.name, options.attempts, options.remark)
            for family in families
        }
    write_tables(tables, options.page)
    print(f"written: {options.page}", file=sys.stderr)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make fidelity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a quarter of the length: 10 to 15 minutes")
    parser.add_argument(
        "--families", nargs="+", choices=["modelled", "real"], default=["modelled"],
        help="kinds of handlers (default: modelled)",
    )  # fmt: skip
    parser.add_argument("--attempts", type=_positive, default=ATTEMPTS, help="runs of a load at most")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the runs in this folder")
    parser.add_argument("--remark", help="a remark on the conditions, for the page")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose tables are written")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _family_tables(family: Family, folder: Path, attempts: int, remark: str | None) -> str:
    began_at = time.monotonic()
    fitted = measured(family.fit, folder, attempts)
    calibration = folder / "fit.toml"
    calibrate(fitted.run, out=calibration)
    ways = predictors(fitted.run, calibration, folder)
    pairs = [_pair(load, folder, attempts, ways, family.tolerances) for load in family.unseen]
    facts = _facts(family, fitted, time.monotonic() - began_at)
    return family_tables(pairs, facts | ({"remark": remark} if remark else {}))


def _pair(
    load: Scenario,
    folder: Path,
    attempts: int,
    ways: Sequence[Predictor],
    tolerances: tuple[float, float, float],
) -> Pair:
    live = measured(load, folder, attempts)
    seen = Outcome.of(live.run)
    predicted = {way.name: way.predict(load) for way in ways}
    first = predicted[ways[0].name]
    assert seen.counts is not None and first.counts is not None  # noqa: S101, PT018 - both are runs
    return Pair(
        load.name.replace("_", " "),
        live,
        (seen.counts, first.counts),
        {name: ready_agreement(seen, one, tolerances) for name, one in predicted.items()},
        step_agreement(seen, first, tolerances),
        what_is_wrong(seen, first),
    )


def _facts(family: Family, fitted: LiveRun, seconds: float) -> dict[str, str]:
    mean, middle, tail = family.tolerances
    doubts = f"; in doubt: {' '.join(fitted.doubts)}" if fitted.doubts else ""
    return {
        "measured on": f"{datetime.now(UTC):%-d %B %Y}, in {seconds / 60:.0f} minutes",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}",
        "each load": (
            f"{family.unseen[0].duration_s:g} s of model time, the fit {family.fit.duration_s:g} s, "
            f"{family.fit.time_scale:g} times as fast as the clock"
        ),
        "fitted to": f"{len(fitted.run.batches)} batches at {family.fit.arrival_rate:.2g} a second{doubts}",
        "tolerances": f"mean {mean:.0%}, p50 and p95 {middle:.0%}, p99 {tail:.0%}; counts exact",
    }


if __name__ == "__main__":
    main()
