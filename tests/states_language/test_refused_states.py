"""
Definitions that the parser refuses, each with the place of the error.
"""

import json

import pytest

from harness.states_language.parser import parse_state_machine
from tests.states_language.definitions import DONE, machine, task

NOWHERE = {"Type": "Pass", "Next": "Nowhere"}


def refusal(definition):
    with pytest.raises(ValueError) as caught:
        parse_state_machine(definition)
    return str(caught.value)


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{", "$: not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"StartAt": "A", "StartAt": "B"}', "$: the name 'StartAt' occurs twice in one object"),
        ("[]", "$: must be an object, not an array"),
        ({"States": {"A": DONE}}, "$: StartAt is missing"),
        ({"StartAt": "A"}, "$: States is missing"),
        ({"StartAt": "A", "States": {}}, "$.States: must not be empty"),
        ({"StartAt": "B", "States": {"A": DONE}}, "$.StartAt: there is no state 'B' in this flow"),
        (machine(A=NOWHERE), "$.States.A.Next: there is no state 'Nowhere' in this flow"),
        (
            machine(A=DONE) | {"QueryLanguage": "JSONata"},
            "$.QueryLanguage: only the query language JSONPath is supported",
        ),
        (
            machine(A=DONE) | {"TimeoutSeconds": "60"},
            "$.TimeoutSeconds: must be an integer, not the string '60'",
        ),
        (machine(A={"Type": "Sleep"}), "$.States.A.Type: 'Sleep' is not a type of state"),
        (machine(A={}), "$.States.A: Type is missing"),
        (machine(A={"Type": "Pass"}), '$.States.A: needs Next or "End": true'),
        (machine(A={"Type": "Pass", "End": False}), '$.States.A: needs Next or "End": true'),
        (
            machine(A={"Type": "Pass", "End": True, "Next": "A"}),
            "$.States.A: Next and End exclude each other",
        ),
        (machine(A=task(Retires=[])), "$.States.A.Retires: Retires is not a field of this object"),
        (machine(A=task(Arguments={})), "$.States.A.Arguments: this is JSONata; only JSONPath is supported"),
        (machine(A=task(Assign={})), "$.States.A.Assign: variables (Assign) are not supported"),
        (
            machine(A=task(TimeoutSeconds=0)),
            "$.States.A.TimeoutSeconds: must be between 1 and 99999999, not 0",
        ),
        (
            machine(A=task(TimeoutSeconds=5, HeartbeatSeconds=5)),
            "$.States.A.HeartbeatSeconds: must be below TimeoutSeconds (5), not 5",
        ),
        (
            machine(A=task(TimeoutSeconds=5, TimeoutSecondsPath="$.t")),
            "$.States.A: TimeoutSeconds and TimeoutSecondsPath exclude each other",
        ),
        (
            machine(A=task(Parameters={"Payload": {"x.$": "plain"}})),
            "$.States.A.Parameters.Payload['x.$']: must be a JSONPath or an intrinsic function, not 'plain'",
        ),
        (
            machine(A=task(ResultPath="$..x")),
            "$.States.A.ResultPath: must be a reference path such as $.result, not '$..x'",
        ),
        (
            machine(A=task(Retry=[{"ErrorEquals": ["States.ALL"]}, {"ErrorEquals": ["X"]}])),
            "$.States.A.Retry[0].ErrorEquals: States.ALL must stand alone, in the last entry",
        ),
        (
            machine(A=task(Retry=[{"ErrorEquals": ["X"], "BackoffRate": 0.5}])),
            "$.States.A.Retry[0].BackoffRate: must be at least 1.0, not 0.5",
        ),
        (
            json.dumps(machine(A=task(Retry=[{"ErrorEquals": ["X"], "BackoffRate": 9}]))).replace(
                "9", "1e400"
            ),
            "$: 1e400 is too large a number",
        ),
        (
            machine(A=task(Retry=[{"ErrorEquals": ["X"], "BackoffRate": float("nan")}])),
            "$.States.A.Retry[0].BackoffRate: must be a finite number, not nan",
        ),
        (
            machine(A=task(Retry=[{"ErrorEquals": ["X"], "JitterStrategy": "SOME"}])),
            "$.States.A.Retry[0].JitterStrategy: must be FULL or NONE, not 'SOME'",
        ),
        (
            machine(A=task(Catch=[{"ErrorEquals": ["X"], "Next": "Z"}])),
            "$.States.A.Catch[0].Next: there is no state 'Z' in this flow",
        ),
        (
            machine(
                A={"Type": "Choice", "Choices": [{"Variable": "$.x", "NumericEquals": "1", "Next": "A"}]}
            ),
            "$.States.A.Choices[0].NumericEquals: must be a number, not the string '1'",
        ),
        (
            machine(A={"Type": "Choice", "Choices": [{"Variable": "$.x", "Next": "A"}]}),
            "$.States.A.Choices[0]: needs exactly one operator, not none",
        ),
        (
            machine(
                A={
                    "Type": "Choice",
                    "Choices": [{"Not": {"Variable": "$.x", "IsNull": True, "Next": "A"}, "Next": "A"}],
                }
            ),
            "$.States.A.Choices[0].Not.Next: only the outermost rule may have Next",
        ),
        (
            machine(A={"Type": "Wait", "End": True}),
            "$.States.A: needs one of Seconds, Timestamp, SecondsPath, TimestampPath",
        ),
        (
            machine(A={"Type": "Wait", "End": True, "Timestamp": "2026-03-14"}),
            "$.States.A.Timestamp: must be an RFC 3339 timestamp with T and an offset, not '2026-03-14'",
        ),
        (
            machine(
                A={
                    "Type": "Map",
                    "End": True,
                    "ItemProcessor": machine(B=DONE) | {"ProcessorConfig": {"Mode": "DISTRIBUTED"}},
                }
            ),
            (
                "$.States.A.ItemProcessor.ProcessorConfig.Mode: "
                "a distributed Map is not supported, only an inline one"
            ),
        ),
        (
            machine(A={"Type": "Parallel", "End": True, "Branches": [machine(B=NOWHERE)]}),
            "$.States.A.Branches[0].States.B.Next: there is no state 'Nowhere' in this flow",
        ),
        (
            machine(A={"Type": "Parallel", "End": True, "Branches": [machine(A=DONE)]}),
            (
                "$.States.A.Branches[0].States.A: "
                "another state has the name 'A'; names must be unique in the whole state machine"
            ),
        ),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_place(definition, message):
    """Every refusal begins with the JSON path of what is wrong."""
    assert refusal(definition) == message


def test_a_branch_cannot_jump_out():
    """States of a branch go only to states of that branch."""
    jump = {"Type": "Pass", "Next": "Outside"}
    definition = machine(
        A={"Type": "Parallel", "Next": "Outside", "Branches": [machine(B=jump)]}, Outside=DONE
    )

    assert (
        refusal(definition)
        == "$.States.A.Branches[0].States.B.Next: there is no state 'Outside' in this flow"
    )


def test_odd_names_are_quoted_in_paths():
    """A name that is no identifier stands in brackets."""
    assert refusal(machine(**{"HasVideos?": {}})) == "$.States['HasVideos?']: Type is missing"
