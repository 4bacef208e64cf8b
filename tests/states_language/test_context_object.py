"""
The context object, as the AWS Step Functions developer guide shows it.
"""


def machine(**states):
    return {"StartAt": next(iter(states)), "States": states}


class TestExecution:
    def test_all_fields(self, bench):
        """
        The role has the account and the name of the state machine.
        """
        host = bench(machine(P={"Type": "Pass", "Parameters": {"about.$": "$$.Execution"}, "End": True}))
        host.machine = {"Id": "arn:aws:states:eu-west-1:123456789012:stateMachine:media", "Name": "media"}

        assert host.execute({"a": 1}).output["about"] == {
            "Id": "arn:aws:states:eu-west-1:123456789012:execution:media:execution-0",
            "Input": {"a": 1},
            "Name": "execution-0",
            "RedriveCount": 0,
            "RoleArn": "arn:aws:iam::123456789012:role/media",
            "StartTime": "2026-01-05T00:00:00.000Z",
        }


class TestTimes:
    def test_times_end_in_z(self, bench):
        """
        They are in UTC, with milliseconds.
        """
        times = {"started.$": "$$.Execution.StartTime", "entered.$": "$$.State.EnteredTime"}
        host = bench(
            machine(
                W={"Type": "Wait", "SecondsPath": "$.pause", "Next": "P"},
                P={"Type": "Pass", "Parameters": times, "End": True},
            )
        )

        assert host.execute({"pause": 5.123}).output == {
            "started": "2026-01-05T00:00:00.000Z",
            "entered": "2026-01-05T00:00:05.123Z",
        }

    def test_can_be_waited_for_and_compared(self, bench):
        """
        The start of the execution is before the entry of the Choice.
        """
        later = {"Variable": "$$.State.EnteredTime", "TimestampGreaterThanPath": "$$.Execution.StartTime"}
        host = bench(
            machine(
                A={"Type": "Wait", "Seconds": 2, "Next": "C"},
                C={"Type": "Choice", "Choices": [{**later, "Next": "B"}]},
                B={"Type": "Wait", "TimestampPath": "$$.Execution.StartTime", "End": True},
            )
        )
        execution = host.execute()

        assert execution.error is None
        assert host.env.seconds == 2
