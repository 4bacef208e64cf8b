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

from harness.lab.calibration.histories.express_log import events_by_execution, is_log_entry
from harness.lab.calibration.histories.recorded_execution import HistoryInvalid, RecordedExecution

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

    @classmethod
    def read(cls, folder: Path, progress: Callable[[int], None] | None = None) -> "HistoryFolder":
        """
        Read a folder and those inside it; *progress* gets the number of files read.

        Raises:
            HistoriesInvalid: There is no usable history, or they are of several state machines.
        """
        if not folder.is_dir():
            raise HistoriesInvalid(f"{folder} is no folder of histories, and no ARN of a state machine")
        found = cls()
        files = sorted(path for path in folder.rglob("*.json*") if path.suffix in (".json", ".jsonl"))
        for count, path in enumerate(files, 1):
            found._add(path, str(path.relative_to(folder)))
            if progress is not None:
                progress(count)
        if not found.executions:
            reason = f": {found.problems[0]}" if found.problems else ""
            raise HistoriesInvalid(f"{folder} has no usable history{reason}")
        found._must_be_of_one_machine()
        found.executions.sort(key=lambda each: each.started_at)
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
            self._add_log(entries, name)
        elif isinstance(value, dict) and isinstance(entries, list):
            is_cut = any(value.get(key) for key in ("nextToken", "NextToken"))
            label = str(value.get("executionArn", name.removesuffix(".json"))).rpartition(":")[2]
            self.executions.append(RecordedExecution.of(label, entries, is_cut=is_cut))
        elif isinstance(value, dict) and isinstance(value.get("definition"), str):
            self.definition = json.loads(value["definition"])
        elif isinstance(value, dict) and {"StartAt", "States"} <= value.keys():
            self.definition = value
        elif not (isinstance(value, dict) and "executions" in value):
            raise HistoryInvalid(f"{name} is no history: it has no events")

    def _add_log(self, entries: list[Any], name: str) -> None:
        for execution, events in events_by_execution(entries).items():
            try:
                self.executions.append(RecordedExecution.of(execution, events))
            except HistoryInvalid as error:
                self.problems.append(f"{name}: {error}")

    def _must_be_of_one_machine(self) -> None:
        begins = Counter(each.first_state for each in self.executions if each.first_state is not None)
        if len(begins) > 1:
            examples = {each.first_state: each.name for each in reversed(self.executions)}
            machines = ", ".join(
                f"{count} begin in {state} (e.g. {examples[state]})" for state, count in begins.most_common()
            )
            raise HistoriesInvalid(
                f"the histories are of {len(begins)} state machines: {machines}; keep those of one in the "
                "folder"
            )
        if self.definition is None:
            return
        known = set(_state_names(self.definition))
        for each in self.executions:
            unknown = next((state.name for state in each.history.states if state.name not in known), None)
            if unknown is not None:
                raise HistoriesInvalid(
                    f"{each.name} enters the state {unknown}, which the definition does not have: it is of "
                    "another state machine, or of an older version of this one"
                )


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _state_names(machine: Any) -> Iterator[str]:
    """Yield the names of all states of a definition, in branches and iterations too."""
    if not isinstance(machine, Mapping):
        return
    for name, state in machine.get("States", {}).items():
        yield name
        inner = [*state.get("Branches", ()), state.get("ItemProcessor"), state.get("Iterator")]
        for each in inner:
            yield from _state_names(each)
