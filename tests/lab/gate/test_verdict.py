"""
The verdict: its outcome, sentence, exit code and renderings.
"""

import pytest
from rich.console import Console

from harness.lab.gate.verdict import AlarmVerdict, Outcome, overall_outcome
from tests.lab.conftest import alarm_verdict, objective_verdict, verdict_over

MET = objective_verdict("max(ready) <= 2 s", samples=12)


def alarm(outcome: Outcome = Outcome.PASS, **changes: object) -> AlarmVerdict:
    return alarm_verdict("deep", outcome, **changes)


class TestOverall:
    @pytest.mark.parametrize(
        ("insecure", "sentence"),
        [(1, "1 forbidden attempt succeeded."), (2, "2 forbidden attempts succeeded.")],
    )
    def test_a_forbidden_success_takes_precedence(self, insecure, sentence):
        """
        It comes before a breach and before doubts; the sentence has singular and plural.
        """
        found = overall_outcome(
            [alarm(Outcome.BREACH, fired_at_s=60.0, why="It fired.")], [], ["A worker was lost."], insecure
        )

        assert found == (Outcome.SECURITY, (sentence,))

    def test_doubts_take_precedence_over_a_breach(self):
        """
        Figures that cannot be trusted prove neither a pass nor a breach.
        """
        found = overall_outcome(
            [alarm(Outcome.BREACH, fired_at_s=60.0, why="It fired.")], [], ["A worker was lost."], 0
        )

        assert found == (Outcome.INCONCLUSIVE, ("A worker was lost.",))

    def test_a_breach_takes_precedence_over_inconclusive(self):
        """
        The breach is the only reason.
        """
        found = overall_outcome(
            [alarm(Outcome.INCONCLUSIVE, why="No data.")],
            [objective_verdict("max(ready) <= 2 s", Outcome.BREACH, why="Slow.")],
            [],
            0,
        )

        assert found == (Outcome.BREACH, ("Slow.",))

    def test_a_run_without_any_evaluation_does_not_pass(self):
        """
        With one objective that is met it passes.
        """
        skipped = [alarm(Outcome.SKIPPED, why="not observed")]

        assert overall_outcome(skipped, [], [], 0)[0] is Outcome.INCONCLUSIVE
        assert overall_outcome([], [], [], 0)[0] is Outcome.INCONCLUSIVE
        assert overall_outcome(skipped, [MET], [], 0) == (Outcome.PASS, ())


class TestSentence:
    @pytest.mark.parametrize(
        ("alarms", "fine"),
        [
            ((), "every objective was met"),
            ((alarm(),), "every alarm stayed quiet and every objective was met"),
            (
                (alarm(), alarm(Outcome.SKIPPED)),
                "every alarm judged stayed quiet and every objective was met",
            ),
            (
                (alarm(fired_at_s=60.0),),
                "every alarm stayed quiet (except those with an objective) and every objective was met",
            ),
        ],
    )
    def test_of_a_pass_names_only_what_was_evaluated(self, alarms, fine):
        """
        It claims nothing of missing, skipped or fired alarms.
        """
        assert verdict_over(*alarms, MET).sentence == f"Fine: {fine}."

    def test_of_a_pass_without_objectives_names_none(self):
        """
        Only the alarms were evaluated.
        """
        assert verdict_over(alarm()).sentence == "Fine: every alarm stayed quiet."

    @pytest.mark.parametrize(
        ("outcome", "opening"),
        [
            (Outcome.BREACH, "Breached."),
            (Outcome.INCONCLUSIVE, "Inconclusive."),
            (Outcome.SECURITY, "Insecure."),
        ],
    )
    def test_of_anything_else_gives_the_reasons(self, outcome, opening):
        """
        One word for the outcome comes first.
        """
        assert (
            verdict_over(MET, outcome=outcome, reasons=("This.", "That.")).sentence
            == f"{opening} This. That."
        )


@pytest.mark.parametrize(
    ("outcome", "passed", "code"),
    [
        (Outcome.PASS, True, 0),
        (Outcome.BREACH, False, 3),
        (Outcome.INCONCLUSIVE, False, 4),
        (Outcome.SECURITY, False, 6),
    ],
)
def test_exit_codes(outcome, passed, code):
    """
    Only a pass exits with 0; the others have the documented codes.
    """
    found = verdict_over(MET, outcome=outcome)

    assert (found.passed, found.exit_code) == (passed, code)


class TestShown:
    @pytest.fixture
    def broken(self):
        return verdict_over(
            alarm(Outcome.BREACH, fired_at_s=60.0, why="It fired."),
            MET,
            outcome=Outcome.BREACH,
            reasons=("It fired.",),
        )

    def test_at_the_prompt(self, broken):
        """
        The representation has the run and the sentence.
        """
        assert repr(broken) == "<Verdict of run-1: Breached. It fired.>"

    def test_as_a_frame(self, broken):
        """
        One row for the alarm, one for the objective.
        """
        rows = broken.table().set_index("name")

        assert list(rows["kind"]) == ["alarm", "objective"]
        assert rows.loc["deep", "fired_at_s"] == 60.0
        assert rows.loc["max(ready) <= 2 s", ["shown", "samples"]].tolist() == ["1.00 s", 12]

    def test_in_a_terminal(self, broken):
        """
        The alarms, the objectives, and the sentence at the end.
        """
        console = Console(width=120)
        with console.capture() as printed:
            console.print(broken)
        lines = printed.get().splitlines()

        assert any("deep" in line and "at 1.0 min" in line for line in lines)
        assert any("max(ready) <= 2 s" in line for line in lines)
        assert lines[-1].strip() == "Breached. It fired."

    def test_in_a_notebook(self, broken):
        """
        The same as HTML with escaped text.
        """
        page = broken._repr_html_()

        assert "<b>Breached. It fired.</b>" in page
        assert "max(ready) &lt;= 2 s" in page
