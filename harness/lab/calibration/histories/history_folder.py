"""
A folder of histories, as ``aws stepfunctions get-execution-history`` or `HistoryDownload` writes them.

Every JSON file is read for what it is: a history, the description of the state machine, its definition, a
list of executions (which is not needed), or a log of an Express state machine.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.lab.calibration.histories.express_log import is_log_entry, logged_events
from harness.lab.calibration.histories.machine_definition import definition_states
from harness.lab.calibration.histories.recorded_execution import HistoryInvalid, RecordedExecution
from harness.states_language.execution_history import Event, seconds_since_epoch

SAID = 5
"""Problems that are said one by one."""


class HistoriesInvalid(ValueError):
    """The histories of a folder cannot be used together; the message says why, in one sentence."""


@dataclass
class HistoryFolder:
    """
    The executions of one state machine.

    Attributes:
        definition: Its definition in Amazon States Language; None if the folder has none.
        problems: A sentence for each history that was left out.
    """

    executions: list[RecordedExecution] = field(default_factory=list)
    definition: Mapping[str, Any] | None = None
    problems: list[str] = field(default_factory=list)
    _logged: dict[str, list[Event]] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def read(cls, folder: Path, progress: Callable[[int], None] | None = None) -> "HistoryFolder":
        """
        Read a folder and those inside it; *progress* gets the number of files read.

        Raises:
            HistoriesInvalid: There is no usable history, or there is no definition and they are of several
                state machines.
        """
        if not folder.is_dir():
            raise HistoriesInvalid(f"{folder} is no folder of histories, and no ARN of a state machine")
        found = cls()
        files = sorted(path for path in folder.rglob("*.json*") if path.suffix in (".json", ".jsonl"))
        for count, path in enumerate(files, 1):
            found._add(path, str(path.relative_to(folder)))
            if progress is not None:
                progress(count)
        # An execution may be in several pages of an exported log.
        found._add_logged()
        found._keep_each_once()
        found._keep_one_machine()
        if not found.executions:
            reason = f": {found.problems[0]}" if found.problems else ""
            raise HistoriesInvalid(f"{folder} has no usable history{reason}")
        found.executions.sort(key=lambda each: (each.started_at, each.name))
        return found

    @property
    def warnings(self) -> Iterator[str]:
        """Sentences about what was left out: the first few, and how many more there are."""
        yield from self.problems[:SAID]
        if len(self.problems) > SAID:
            yield f"{len(self.problems) - SAID} more histories cannot be used"

    def _add(self, path: Path, name: str) -> None:
        try:
            text = path.read_text(encoding="utf-8")
            value = _lines(text) if path.suffix == ".jsonl" else json.loads(text)
        except UnicodeDecodeError:
            self.problems.append(f"{name} is not UTF-8 text")
            return
        except (ValueError, RecursionError) as error:
            self.problems.append(f"{name} is not JSON: {error}")
            return
        try:
            self._add_value(value, name)
        except HistoryInvalid as error:
            self.problems.append(str(error))
        except (ValueError, KeyError, TypeError) as error:
            self.problems.append(f"{name} cannot be read as a history: {error}")

    def _add_value(self, value: Any, name: str) -> None:
        entries = (
            value if isinstance(value, list) else value.get("events") if isinstance(value, dict) else None
        )
        if isinstance(entries, list) and entries and all(is_log_entry(entry) for entry in entries):
            for execution, event in logged_events(entries):
                self._logged.setdefault(execution, []).append(event)
        elif isinstance(value, dict) and isinstance(entries, list):
            is_cut = any(value.get(key) for key in ("nextToken", "NextToken"))
            arn = str(value.get("executionArn", ""))
            label = arn.rpartition(":")[2] or name.removesuffix(".json")
            fetched = value.get("fetchedAt")
            fetched_at = None if fetched is None else seconds_since_epoch(fetched)
            self.executions.append(
                RecordedExecution.of(label, entries, arn=arn, fetched_at=fetched_at, is_cut=is_cut)
            )
        elif isinstance(value, dict) and isinstance(value.get("definition"), str):
            self.definition = json.loads(value["definition"])
        elif isinstance(value, dict) and {"StartAt", "States"} <= value.keys():
            self.definition = value
        elif not (isinstance(value, dict) and "executions" in value):
            raise HistoryInvalid(f"{name} is no history: it has no events")

    def _add_logged(self) -> None:
        for execution, events in self._logged.items():
            try:
                self.executions.append(RecordedExecution.of(execution, events))
            except HistoryInvalid as error:
                self.problems.append(str(error))

    def _keep_each_once(self) -> None:
        """Leave out executions that are in two files: those of one ARN, or of the same events."""
        kept: list[RecordedExecution] = []
        by_arn: dict[str, RecordedExecution] = {}
        by_times: dict[tuple[float, float, int], list[RecordedExecution]] = {}
        for each in sorted(self.executions, key=lambda each: -len(each.events)):
            alike = by_times.setdefault((each.started_at, each.seen_until, len(each.events)), [])
            twin = by_arn.get(each.arn) or next((one for one in alike if _are_same(one, each)), None)
            if twin is not None:
                self.problems.append(f"{each.name} is in two files: the longer history is used")
                continue
            kept.append(each)
            alike.append(each)
            if each.arn:
                by_arn[each.arn] = each
        self.executions = kept

    def _keep_one_machine(self) -> None:
        """Leave out the executions of another version of the definition; without one all must be alike."""
        if self.definition is None:
            self._must_begin_alike()
            return
        first, known = (
            self.definition.get("StartAt"),
            {name for name, _ in definition_states(self.definition)},
        )
        kept = []
        for each in self.executions:
            if (difference := _difference(each, first, known)) is None:
                kept.append(each)
            else:
                self.problems.append(
                    f"{each.name} {difference}: it is of another state machine, or of another version of it"
                )
        self.executions = kept

    def _must_begin_alike(self) -> None:
        begins = Counter(each.first_state for each in self.executions if each.first_state is not None)
        if len(begins) < 2:
            return
        examples = {each.first_state: each.name for each in reversed(self.executions)}
        machines = ", ".join(
            f"{count} begin in {state} (e.g. {examples[state]})" for state, count in begins.most_common()
        )
        raise HistoriesInvalid(
            f"the histories are of {len(begins)} state machines: {machines}; keep those of one in the "
            "folder, or put its definition there"
        )


def _are_same(one: RecordedExecution, other: RecordedExecution) -> bool:
    """Return whether two histories of which one has no ARN are of the same execution."""
    return not (one.arn and other.arn) and one.events == other.events


def _difference(execution: RecordedExecution, first: Any, known: set[str]) -> str | None:
    """Return what an execution did that a definition does not allow, from its first state and its states."""
    unknown = next((state.name for state in execution.history.states if state.name not in known), None)
    if unknown is not None:
        return f"enters the state {unknown}, which the definition does not have"
    if execution.first_state not in (None, first):
        return f"begins in {execution.first_state}, and the definition in {first}"
    return None


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]
