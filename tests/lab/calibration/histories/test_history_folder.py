"""
Folders of histories: what is read, and what is said about those that cannot be.
"""

import json

import pytest

from harness.lab.calibration.histories.history_folder import HistoriesInvalid, HistoryFolder
from harness.lab.calibration.histories.observed_machine import ObservedMachine
from tests.lab.calibration.histories.planted_machine import DEFINITION, EPOCH, PlantedMachine


@pytest.fixture
def events():
    """The events of one execution."""
    return PlantedMachine(failure_rate=0.0).histories(1, seed=1)[0]


@pytest.fixture
def folder(tmp_path, events):
    """A folder with one good history."""
    (tmp_path / "good.json").write_text(json.dumps({"events": events}))
    return tmp_path


class TestHistoryFolder:
    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            (lambda events: {"events": events[:4] + events[6:]}, "bad: events 5 to 6 are missing"),
            (lambda events: {"events": events[3:]}, "bad: events 1 to 3 are missing"),
            (lambda events: {"events": events[:5], "NextToken": "x"}, "bad is truncated after event 5"),
            (lambda events: {"events": []}, "bad has no events"),
            (lambda events: {"items": events}, "bad.json is no history: it has no events"),
            (lambda events: {"events": [1, 2]}, "bad has an entry without id, type and timestamp"),
            (
                lambda events: {"events": [events[0] | {"timestamp": "soon"}]},
                "bad: the time of event 1 is 'soon', which is no timestamp",
            ),
        ],
    )
    def test_a_bad_history_is_left_out_with_a_sentence(self, change, sentence, folder, events):
        """
        The good one beside it is used.
        """
        (folder / "bad.json").write_text(json.dumps(change(events)))
        found = HistoryFolder.read(folder)

        (problem,) = found.problems
        assert problem.startswith(sentence)
        assert len(found.executions) == 1

    def test_wrong_json_is_named(self, folder):
        """
        Half of a file.
        """
        (folder / "half.json").write_text('{"events": [')

        assert "half.json is not JSON: " in HistoryFolder.read(folder).problems[0]

    def test_events_in_reverse_order_are_put_in_order(self, tmp_path, events):
        """
        As with ``--reverse-order``; an event given twice counts once.
        """
        (tmp_path / "reverse.json").write_text(json.dumps({"events": [*reversed(events), events[0]]}))

        assert HistoryFolder.read(tmp_path).executions[0].events == events

    def test_histories_of_two_machines_are_refused(self, folder, events):
        """
        They begin in different states.
        """
        text = json.dumps({"events": events}).replace('"Parse"', '"Load"')
        (folder / "other.json").write_text(text)

        with pytest.raises(HistoriesInvalid, match=r"of 2 state machines: 1 begin in \w+ \(e.g. \w+\), 1"):
            HistoryFolder.read(folder)

    def test_a_definition_of_another_machine_is_refused(self, folder):
        """
        The history enters a state that the definition does not have.
        """
        definition = {"StartAt": "Parse", "States": {"Parse": {"Type": "Succeed"}}}
        (folder / "machine.json").write_text(json.dumps(definition))

        with pytest.raises(HistoriesInvalid, match="good enters the state Store, which the definition"):
            HistoryFolder.read(folder)

    def test_executions_of_an_older_version_are_left_out(self, folder, events):
        """
        A deploy has renamed a state: those before it enter a state that the definition no longer has.
        """
        (folder / "machine.json").write_text(json.dumps(DEFINITION))
        for number, name in enumerate(("Parse", "Store")):
            text = json.dumps({"events": events}).replace(f'"{name}"', '"Old"')
            (folder / f"old{number}.json").write_text(text)
        found = HistoryFolder.read(folder)

        assert [each.name for each in found.executions] == ["good"]
        assert found.problems == [
            f"old{number} enters the state Old, which the definition does not have: it is of another state "
            "machine, or of another version of it"
            for number in range(2)
        ]

    def test_executions_that_begin_elsewhere_are_left_out(self, folder, events):
        """
        The first state of the definition is another one than before.
        """
        (folder / "machine.json").write_text(json.dumps(DEFINITION))
        text = json.dumps({"events": events}).replace('"Parse"', '"Review"')
        (folder / "old.json").write_text(text)
        found = HistoryFolder.read(folder)

        assert len(found.executions) == 1
        assert found.problems[0].startswith("old begins in Review, and the definition in Parse: it is of")

    def test_a_folder_without_histories_is_refused(self, tmp_path):
        """
        And so is one that does not exist.
        """
        with pytest.raises(HistoriesInvalid, match="has no usable history"):
            HistoryFolder.read(tmp_path)
        with pytest.raises(HistoriesInvalid, match="is no folder of histories"):
            HistoryFolder.read(tmp_path / "none")

    def test_the_log_of_an_express_machine_is_read(self, tmp_path, events):
        """
        As CloudWatch Logs exports it: every event is a message.
        """
        messages = [{"message": json.dumps(_logged(event))} for event in events]
        (tmp_path / "log.json").write_text(json.dumps({"events": messages}))
        (execution,) = HistoryFolder.read(tmp_path).executions

        assert [state.name for state in execution.history.states][:2] == ["Parse", "Store"]
        assert execution.status == "SUCCEEDED"
        assert execution.started_at == pytest.approx(events[0]["timestamp"], abs=1e-3)

    def test_an_express_execution_may_be_in_two_files(self, tmp_path, events):
        """
        The export of a log has pages, and one ends within an execution.
        """
        messages = [{"message": json.dumps(_logged(event))} for event in events]
        (tmp_path / "page1.json").write_text(json.dumps({"events": messages[:5]}))
        (tmp_path / "page2.json").write_text(json.dumps({"events": messages[5:]}))
        found = HistoryFolder.read(tmp_path)

        assert [len(each.events) for each in found.executions] == [len(events)]
        assert found.problems == []

    def test_details_that_are_null_do_not_count(self, tmp_path, events):
        """
        Some clients write every field that an event may have.
        """
        written = [{"taskFailedEventDetails": None} | event for event in events]
        (tmp_path / "e.json").write_text(json.dumps({"events": written}))

        assert HistoryFolder.read(tmp_path).executions[0].first_state == "Parse"

    @pytest.mark.parametrize("names", [{}, {"executionArn": "arn:x:execution:Orders:e1"}])
    def test_an_execution_in_two_files_counts_once(self, names, folder, events):
        """
        By its ARN, or by its events; the longer history is kept.
        """
        for name, copy in (("a", events[: -1 if names else None]), ("b", events)):
            (folder / f"{name}.json").write_text(json.dumps({"events": copy, **names}))
        found = HistoryFolder.read(folder)

        (execution,) = found.executions
        assert len(execution.events) == len(events)
        assert all(" is in two files" in problem for problem in found.problems)

    def test_executions_with_equal_events_and_other_arns_are_two(self, tmp_path, events):
        """
        They began in the same millisecond, and the first state waits.
        """
        for name in ("e1", "e2"):
            content = {"executionArn": f"arn:x:execution:Orders:{name}", "events": events}
            (tmp_path / f"{name}.json").write_text(json.dumps(content))

        assert len(HistoryFolder.read(tmp_path).executions) == 2

    @pytest.mark.parametrize("details", [{}, {"stateEnteredEventDetails": None}])
    def test_a_state_without_details_is_left_out_with_a_sentence(self, details, folder, events):
        """
        An export that dropped them.
        """
        number = next(place for place, event in enumerate(events) if event["type"] == "TaskStateEntered")
        kept = {name: value for name, value in events[number].items() if not name.endswith("Details")}
        changed = [*events[:number], kept | details, *events[number + 1 :]]
        (folder / "bad.json").write_text(json.dumps({"events": changed}))

        (problem,) = HistoryFolder.read(folder).problems
        assert problem == "bad: event 2 (TaskStateEntered) does not name its state: export it again"

    @pytest.mark.parametrize(
        ("fetched", "bound", "remark"),
        [
            (
                {"fetchedAt": EPOCH + 900},
                900,
                "1 executions had not ended: their last attempts are lower bounds",
            ),
            ({}, 0, "1 executions had not ended, and their files do not say when they were exported: "),
        ],
    )
    def test_an_execution_that_was_under_way_gives_a_lower_bound(self, fetched, bound, remark, tmp_path):
        """
        It was fetched while its first Task worked, which had begun with it: the bound is the time since then.
        """
        for number in range(30):
            history = PlantedMachine(failure_rate=0).histories(1, seed=number)[0]
            (tmp_path / f"e{number}.json").write_text(json.dumps({"events": history}))
        cut = next(place for place, event in enumerate(history) if event["type"] == "TaskStarted")
        running = {"events": history[: cut + 1], **fetched}
        (tmp_path / "running.json").write_text(json.dumps(running))
        machine = ObservedMachine.of(HistoryFolder.read(tmp_path))

        assert machine.outcomes["RUNNING"] == 1
        assert any(each.startswith(remark) for each in machine.remarks)
        assert machine.stations[0].fit.observations == 30
        (open_one,) = machine.tasks[machine.tasks["outcome"] == "OPEN"].itertuples()
        assert open_one.seen_until - open_one.ready_at == pytest.approx(bound, abs=5)
        assert machine.stations[0].fit.censored == (1 if fetched else 0)


def _logged(event):
    details = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
    return {
        "id": str(event["id"]),
        "type": event["type"],
        "details": details,
        "previous_event_id": str(event["previousEventId"]),
        "event_timestamp": str(round(event["timestamp"] * 1000)),
        "execution_arn": "arn:aws:states:eu-west-1:123456789012:express:Orders:e1:0d1c",
    }
