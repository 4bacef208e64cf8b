"""
The outputs of a verdict: files, GitHub annotations, stdout and stderr.
"""

import math
import xml.etree.ElementTree as ET

import pytest

from harness.lab.alarms.alarm import Place
from harness.lab.gate.outputs import annotations, announce, junit, markdown, to_json, write
from harness.lab.gate.run_findings import FailureStreak, Unfinished
from harness.lab.gate.verdict import Outcome
from tests.lab.conftest import alarm_verdict, objective_verdict, verdict_over


class TestJson:
    def test_people_can_read_it(self):
        """
        The text is indented and keeps Unicode characters.
        """
        text = to_json(verdict_over(alarm_verdict("Überlauf")))

        assert '"name": "Überlauf"' in text
        assert len(text.splitlines()) > 10

    def test_nan_is_refused(self):
        """
        NaN is not valid JSON.
        """
        with pytest.raises(ValueError, match="not JSON compliant"):
            to_json(verdict_over(objective_verdict("mean(x) < 1 s", value=math.nan)))


class TestWrite:
    @pytest.fixture
    def verdict(self):
        return verdict_over(alarm_verdict("dead"))

    def test_three_files(self, verdict, monkeypatch, tmp_path):
        """
        Each has the text of its function; outside of GitHub there is no other file.
        """
        monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        write(verdict, tmp_path)

        assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
            "verdict.json": to_json(verdict),
            "junit.xml": junit(verdict),
            "summary.md": markdown(verdict),
        }

    def test_the_summary_of_a_github_job_grows(self, verdict, monkeypatch, tmp_path):
        """
        The text of other steps is kept.
        """
        summary = tmp_path / "step.md"
        summary.write_text("# Before\n")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
        write(verdict, tmp_path)

        assert summary.read_text() == "# Before\n" + markdown(verdict)


class TestJUnit:
    def test_each_outcome_has_its_element(self):
        """
        A breach is a failure, inconclusive is an error, skipped is skipped, a pass has no element.
        """
        suite = ET.fromstring(
            junit(
                verdict_over(
                    alarm_verdict("quiet"),
                    alarm_verdict("dead", Outcome.BREACH, why="It fired."),
                    alarm_verdict("band", Outcome.SKIPPED, why="not judged"),
                    objective_verdict("p95(a) < 1 s", Outcome.BREACH, why="It is 2 s."),
                    objective_verdict("p95(b) < 1 s", Outcome.INCONCLUSIVE, why="Too few."),
                    doubts=("A worker was lost.", "It lagged."),
                    breaches_of_security=1,
                )
            )
        )

        assert suite.attrib == {
            "name": "run-1", "tests": "7", "failures": "3", "errors": "2", "skipped": "1",
        }  # fmt: skip
        assert [
            (case.get("classname"), case.get("name"), [(one.tag, one.get("message")) for one in case])
            for case in suite
        ] == [
            ("security", "forbidden attempts are refused", [("failure", "1 forbidden attempts succeeded")]),
            ("generator", "figures can be trusted", [("error", "A worker was lost. It lagged.")]),
            ("alarms", "quiet", []),
            ("alarms", "dead", [("failure", "It fired.")]),
            ("alarms", "band", [("skipped", "not judged")]),
            ("objectives", "p95(a) < 1 s", [("failure", "It is 2 s.")]),
            ("objectives", "p95(b) < 1 s", [("error", "Too few.")]),
        ]

    def test_a_pass_is_a_document_without_failures(self):
        """
        It has an XML declaration, and every case is empty.
        """
        text = junit(verdict_over(alarm_verdict("quiet")))
        suite = ET.fromstring(text)

        assert text.startswith("<?xml ")
        assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "0", "0")
        assert [len(case) for case in suite] == [0, 0, 0]

    def test_characters_that_xml_does_not_allow_are_replaced(self):
        """
        Errors of workers are copied as they are, with the colours of a terminal.
        """
        suite = ET.fromstring(junit(verdict_over(doubts=("worker 0: \x1b[31mboom\x00 ü 🚀\tend",))))

        assert suite[1][0].get("message") == "worker 0: �[31mboom� ü 🚀\tend"


class TestMarkdown:
    def test_a_page(self):
        """
        The sentence, a row for each alarm and objective, and the remarks.
        """
        page = markdown(
            verdict_over(
                alarm_verdict(
                    "dead", Outcome.BREACH, fired_at_s=600.0, sensitive=("5 % away", "range 4 delays it")
                ),
                alarm_verdict("slow"),
                alarm_verdict("band", Outcome.SKIPPED, state="not judged", why="not judged, because no"),
                objective_verdict("p95(a) < 1 s", Outcome.BREACH, shown="5.00 s", interval=(4.5, 6.0)),
                objective_verdict("p99(a) < 9 s", shown="6.00 s", interval=(5.25, None)),
                objective_verdict("p1(a) < 9 s", shown="1.00 s", interval=(None, 1.5)),
                objective_verdict("count(a) == 0", Outcome.INCONCLUSIVE, shown="no data", samples=0),
                outcome=Outcome.BREACH,
                reasons=("Alarm dead fired.",),
                streaks=(FailureStreak("Zip", 9, 5, 4, 3), FailureStreak("Validate", 9, 1, 1, 1)),
            )
        )

        assert page.splitlines() == [
            "## ❌ run-1",
            "",
            "Breached. Alarm dead fired.",
            "",
            "| alarm | state | fired | |",
            "|---|---|---|---|",
            "| dead | OK | 10.0 min | ❌ 5 % away; range 4 delays it |",
            "| slow | OK | never | ✅  |",
            "| band | not judged |  | ➖  |",
            "",
            "| objective | measured | 95 % interval | samples | |",
            "|---|---|---|---|---|",
            "| `p95(a) < 1 s` | 5.00 s | 4.5 – 6 s | 60 | ❌ |",
            "| `p99(a) < 9 s` | 6.00 s | 5.25 – … s | 60 | ✅ |",
            "| `p1(a) < 9 s` | 1.00 s | … – 1.5 s | 60 | ✅ |",
            "| `count(a) == 0` | no data |  | 0 | ❔ |",
            "",
            "- band: not judged, because no",
            "- Zip failed 5 of 9 times; longest streak 4 invocations, 3 minutes in a row",
            "- Validate failed 1 of 9 times; longest streak 1 invocation, 1 minute in a row",
            "",
        ]

    def test_without_alarms_and_objectives_there_are_no_tables(self):
        """
        The heading and the sentence remain.
        """
        nothing = verdict_over(outcome=Outcome.INCONCLUSIVE, reasons=("Nothing was judged.",))

        assert markdown(nothing) == "## ❔ run-1\n\nInconclusive. Nothing was judged.\n\n"


class TestRemarks:
    @pytest.mark.parametrize(
        ("p95", "told"),
        [
            (601.26, ["2 batches never finished, the oldest 599 s old; p95 with them is at least 601.3 s"]),
            (None, ["2 batches never finished, the oldest 599 s old"]),
        ],
    )
    def test_unfinished_batches(self, p95, told):
        """
        Their number, the age of the oldest, and p95 with them if it is known.
        """
        assert list(verdict_over(unfinished=Unfinished(2, 599.2, p95, None)).remarks()) == told

    def test_alarms_skipped_for_one_reason_share_a_line(self):
        """
        Each reason is given once.
        """
        verdict = verdict_over(
            alarm_verdict("a", Outcome.SKIPPED, why="nobody could see it"),
            alarm_verdict("b", Outcome.SKIPPED, why="it is not supported"),
            alarm_verdict("c", Outcome.SKIPPED, why="nobody could see it"),
            alarm_verdict("d", why=""),
        )

        assert list(verdict.remarks()) == ["a, c: nobody could see it", "b: it is not supported"]


class TestAnnotations:
    def test_point_at_what_did_not_pass(self):
        """
        A breach is an error, inconclusive a warning; commas, colons and line ends are escaped.
        """
        verdict = verdict_over(
            alarm_verdict("quiet", place=Place("t.yaml", 1)),
            alarm_verdict("dead", Outcome.BREACH, why="100 %\nlost", place=Place("a,b.yaml", 7)),
            alarm_verdict("band", Outcome.SKIPPED, why="no"),
            objective_verdict("p95(E2E:ready) < 1 s", Outcome.INCONCLUSIVE, why="Too few: 3, or so."),
        )

        assert list(annotations(verdict)) == [
            "::error file=a%2Cb.yaml,line=7,title=dead::100 %25%0Alost",
            "::warning title=p95(E2E%3Aready) < 1 s::Too few: 3, or so.",
        ]


class TestAnnounce:
    @pytest.mark.parametrize(
        ("as_json", "github", "stdout"),
        [(False, "", ""), (True, "true", "{\n"), (False, "true", "::error title=dead::It fired.\n")],
    )
    def test_people_read_stderr_and_programs_read_stdout(self, monkeypatch, capsys, as_json, github, stdout):
        """
        Stdout has the JSON if it is requested, else the annotations of a GitHub job, else nothing.
        """
        monkeypatch.setenv("GITHUB_ACTIONS", github)
        dead = alarm_verdict("dead", Outcome.BREACH, fired_at_s=60.0, why="It fired.")
        announce(verdict_over(dead, outcome=Outcome.BREACH, reasons=("It fired.",)), as_json=as_json)
        printed = capsys.readouterr()

        assert printed.out.startswith(stdout)
        assert bool(printed.out) == bool(stdout)
        assert "Breached. It fired." in printed.err
