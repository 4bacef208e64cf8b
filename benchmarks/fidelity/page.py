"""The tables of ``docs/explanation/fidelity.md``; what stands between its comments is written here."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fidelity.agreement import Agreement
from benchmarks.fidelity.live_runs import LiveRun

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "fidelity.md"


@dataclass(frozen=True)
class Pair:
    """
    One load: its live run and all predictions.

    Attributes:
        counts: READY and failed batches, live and predicted by the calibrated simulation.
        ready: The agreement of the times to READY, by predictor.
        steps: The agreement of the steps, of the calibrated simulation.
        wrong: Which part explains most of the difference.
    """

    load: str
    live: LiveRun
    counts: tuple[tuple[int, int], tuple[int, int]]
    ready: Mapping[str, Sequence[Agreement]]
    steps: Sequence[Agreement]
    wrong: str


def write_tables(tables: Mapping[str, str], path: Path = PAGE) -> None:
    """Replace the tables of a page that stand between the comments with their names."""
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        pattern = re.compile(rf"(<!-- written: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if (found := pattern.search(text)) is None:
            raise ValueError(f"{path} has no place for the table {name}")
        text = f"{text[: found.start()]}{found[1]}\n{table}\n\n{found[2]}{text[found.end() :]}"
    path.write_text(text, encoding="utf-8")


def family_tables(pairs: Sequence[Pair], facts: Mapping[str, str]) -> str:
    """Return all tables of one family of loads."""
    parts = [_facts(facts), _ready_table(pairs), _counts_table(pairs), _steps_table(pairs), _wrong(pairs)]
    parts += [_summary(pairs), _naive_table(pairs), _refused(pairs)]
    return "\n\n".join(part for part in parts if part)


def _facts(facts: Mapping[str, str]) -> str:
    return _table(("", ""), facts.items())


def _ready_table(pairs: Sequence[Pair]) -> str:
    rows = [
        (pair.load, *(_cell(one) for one in _calibrated(pair)), f"{pair.live.host_share:.1%}")
        for pair in pairs
    ]
    columns = ("time to READY, simulated / live", "mean", "p50", "p95", "p99", "waits for the host, at most")
    return _table(columns, rows)


def _counts_table(pairs: Sequence[Pair]) -> str:
    rows = [
        (pair.load, *(f"{ready} READY, {failed} failed" for ready, failed in pair.counts)) for pair in pairs
    ]
    return _table(("batches", "live", "simulated"), rows)


def _steps_table(pairs: Sequence[Pair]) -> str:
    states = list(dict.fromkeys(one.what for pair in pairs for one in pair.steps))
    rows = []
    for pair in pairs:
        of_state: dict[str, list[str]] = {}
        for one in pair.steps:
            of_state.setdefault(one.what, []).append(_ratio(one))
        rows.append((pair.load, *(", ".join(of_state.get(state, ["–"])) for state in states)))
    return _table(("steps, p50 and p95", *states), rows)


def _wrong(pairs: Sequence[Pair]) -> str:
    return "\n".join(f"- *{pair.load}*: {pair.wrong}" for pair in pairs if pair.wrong)


def _summary(pairs: Sequence[Pair]) -> str:
    figures = [one for pair in pairs for one in (*_calibrated(pair), *pair.steps)]
    held = sum(one.holds for one in figures)
    equal = sum(live == predicted for live, predicted in (pair.counts for pair in pairs))
    return (
        f"Within the tolerance: {held} of {len(figures)} figures; counts exact in {equal} of {len(pairs)} "
        "loads. A ratio in bold is outside."
    )


def _naive_table(pairs: Sequence[Pair]) -> str:
    """Return the mean absolute error of each predictor, over all loads."""
    rows = []
    for name in pairs[0].ready:
        figures = [pair.ready[name] for pair in pairs]
        errors = [
            sum(abs(of_load[place].ratio - 1) for of_load in figures) / len(figures)
            for place in range(len(figures[0]))
        ]
        rows.append((name, *(f"{error:.1%}" for error in errors)))
    return _table(("mean error of all loads", "mean", "p50", "p95", "p99"), rows)


def _refused(pairs: Sequence[Pair]) -> str:
    lines = [f"- *{pair.load}* was played again: {why}" for pair in pairs for why in pair.live.refused]
    lines += [
        f"- *{pair.load}* is in doubt after all attempts: {' '.join(pair.live.doubts)}"
        for pair in pairs
        if pair.live.doubts
    ]
    return "\n".join(lines) or "No run was repeated: the host never set the figures."


def _calibrated(pair: Pair) -> Sequence[Agreement]:
    return next(iter(pair.ready.values()))


def _cell(one: Agreement) -> str:
    return f"{_ratio(one)} ({one.low:.2f}–{one.high:.2f})"


def _ratio(one: Agreement) -> str:
    return f"{one.ratio:.2f}" if one.holds else f"**{one.ratio:.2f}**"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
