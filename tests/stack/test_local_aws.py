"""
The local AWS where moto alone would be wrong: machines nobody here has seen, queues, metrics, rules.

Time passes 30 times faster than the definitions say.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.stack

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/any"
VALIDATE = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:listing-media-validate"
QUEUE = f"arn:aws:mediaconvert:us-east-1:{ACCOUNT}:queues/toq-media-queue"
CATCH = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Caught"}]
JOB_SETTINGS = {
    "Inputs": [{"FileInput": "s3://toq-listing-medias/nowhere/raw.mp4"}],
    "OutputGroups": [
        {
            "OutputGroupSettings": {
                "Type": "FILE_GROUP_SETTINGS",
                "FileGroupSettings": {"Destination": "s3://toq-listing-medias/nowhere/out"},
            },
            "Outputs": [
                {
                    "ContainerSettings": {"Container": "MP4"},
                    "VideoDescription": {
                        "Width": 1280,
                        "Height": 720,
                        "CodecSettings": {"Codec": "H_264", "H264Settings": {"MaxBitrate": 3000000}},
                    },
                }
            ],
        }
    ],
}

TRANSCODE = {
    "Type": "Task",
    "Resource": "arn:aws:states:::mediaconvert:createJob.sync",
    "Parameters": {"Role": ROLE, "Queue": QUEUE, "Settings.$": "$.settings", "UserMetadata": {"a": "b"}},
    "End": True,
}

Play = Callable[..., dict[str, Any]]


@pytest.fixture
def states(client):
    return client("stepfunctions")


@pytest.fixture
def machine(states, unique) -> Callable[[dict[str, Any]], str]:
    """Make a state machine of some states; the first one begins."""

    def make(definition: dict[str, Any], **more: Any) -> str:
        whole = {"StartAt": next(iter(definition)), "States": definition} | more
        made = states.create_state_machine(name=unique("machine"), definition=json.dumps(whole), roleArn=ROLE)
        return str(made["stateMachineArn"])

    return make


@pytest.fixture
def play(states, machine) -> Play:
    """Run a machine of some states to its end; return what DescribeExecution says."""

    def run(definition: dict[str, Any], given: Any = None, **more: Any) -> dict[str, Any]:
        arn = states.start_execution(
            stateMachineArn=machine(definition, **more), input=json.dumps(given or {})
        )["executionArn"]
        return ended(states, arn)

    return run


def ended(states: Any, arn: str) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        found: dict[str, Any] = states.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING" or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def histories_both_ways(states, arn: str) -> tuple[list[Any], list[Any]]:
    """Return the events without data, asked for forwards and backwards, both oldest first."""
    forwards = states.get_execution_history(executionArn=arn, includeExecutionData=False)
    backwards = states.get_execution_history(executionArn=arn, includeExecutionData=False, reverseOrder=True)
    return forwards["events"], backwards["events"][::-1]


def kinds(states: Any, arn: str) -> list[str]:
    return [
        event["type"] for event in states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    ]


class TestTime:
    def test_a_wait_is_shortened(self, play):
        """
        A Wait of 15 s takes half a second at scale 30.
        """
        found = play({"Pause": {"Type": "Wait", "Seconds": 15, "End": True}})
        took = (found["stopDate"] - found["startDate"]).total_seconds()

        assert found["status"] == "SUCCEEDED"
        assert 0.5 <= took < 5

    def test_retries_back_off_in_model_time_and_are_counted(self, states, play):
        """
        Two retries after 15 and 30 s take a second and a half; three attempts fail.
        """
        retry = [{"ErrorEquals": ["Rejected"], "IntervalSeconds": 15, "MaxAttempts": 2, "BackoffRate": 2}]
        found = play({"Work": {"Type": "Task", "Resource": VALIDATE, "Retry": retry, "End": True}})
        took = (found["stopDate"] - found["startDate"]).total_seconds()

        assert (found["status"], found["error"]) == ("FAILED", "Rejected")
        assert 1.5 <= took < 10
        assert kinds(states, found["executionArn"]).count("LambdaFunctionFailed") == 3

    def test_the_machines_own_time_out_ends_it_at_once(self, states, play):
        """
        TIMED_OUT has a stop date, and its history ends there.
        """
        found = play({"Pause": {"Type": "Wait", "Seconds": 900, "End": True}}, TimeoutSeconds=15)

        assert found["status"] == "TIMED_OUT"
        assert (found["stopDate"] - found["startDate"]).total_seconds() < 10
        assert kinds(states, found["executionArn"])[-1] == "ExecutionTimedOut"

    def test_the_history_keeps_the_nominal_time_out(self, states, play):
        """
        What the definition says is what the history shows.
        """
        task = {"Type": "Task", "Resource": VALIDATE, "TimeoutSeconds": 120, "End": True}
        found = play({"Work": task})
        events = states.get_execution_history(executionArn=found["executionArn"])["events"]
        scheduled = next(event for event in events if event["type"] == "LambdaFunctionScheduled")

        assert scheduled["lambdaFunctionScheduledEventDetails"]["timeoutInSeconds"] == 120


class TestExecutions:
    def test_without_a_name_each_start_is_another(self, states, machine):
        """
        Two nameless starts are two executions.
        """
        arn = machine({"Done": {"Type": "Succeed"}})
        names = {states.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(2)}

        assert len(names) == 2

    def test_a_name_is_used_once(self, states, machine):
        """
        The same start again while it runs is the same execution; once it has ended the name is taken.
        """
        arn = machine({"Pause": {"Type": "Wait", "Seconds": 30, "End": True}})
        first = states.start_execution(stateMachineArn=arn, name="one", input="{}")
        again = states.start_execution(stateMachineArn=arn, name="one", input="{}")
        ended(states, first["executionArn"])

        assert again["executionArn"] == first["executionArn"]
        with pytest.raises(states.exceptions.ExecutionAlreadyExists):
            states.start_execution(stateMachineArn=arn, name="one", input="{}")

    def test_stopping_is_immediate_and_says_why(self, states, machine):
        """
        ABORTED with error, cause and stop date, though its task still waits.
        """
        arn = states.start_execution(
            stateMachineArn=machine({"P": {"Type": "Wait", "Seconds": 900, "End": True}})
        )
        states.stop_execution(executionArn=arn["executionArn"], error="Enough", cause="the test says so")
        found = states.describe_execution(executionArn=arn["executionArn"])

        assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "the test says so")
        assert found["stopDate"] >= found["startDate"]
        assert kinds(states, arn["executionArn"])[-1] == "ExecutionAborted"

    def test_a_history_is_read_backwards_and_in_pages(self, states, play):
        """
        reverseOrder and maxResults mean what AWS says they mean.
        """
        arn = play({f"Step{n}": {"Type": "Pass", "Next": f"Step{n + 1}"} for n in range(4)}
                   | {"Step4": {"Type": "Succeed"}})["executionArn"]  # fmt: skip
        whole = states.get_execution_history(executionArn=arn)["events"]
        page = states.get_execution_history(executionArn=arn, reverseOrder=True, maxResults=2)
        rest = states.get_execution_history(
            executionArn=arn, reverseOrder=True, maxResults=1000, nextToken=page["nextToken"]
        )

        assert [event["id"] for event in page["events"] + rest["events"]] == [
            event["id"] for event in reversed(whole)
        ]
        assert "nextToken" not in rest

    def test_a_history_without_data_lacks_nothing_else(self, states, machine):
        """
        While it runs and when it has ended, asked forwards (the quick way) and backwards (moto's).
        """
        arn = states.start_execution(
            stateMachineArn=machine(
                {
                    "First": {"Type": "Pass", "Result": {"a": 1}, "Next": "Wait"},
                    "Wait": {"Type": "Wait", "Seconds": 30, "End": True},
                }
            ),
            input='{"b": 2}',
        )["executionArn"]
        running = histories_both_ways(states, arn)
        ended(states, arn)
        over = histories_both_ways(states, arn)

        assert running[0] == running[1]
        assert over[0] == over[1]
        assert [event["id"] for event in over[0]] == [1, 2, 3, 4, 5, 6]
        assert over[0][1]["stateEnteredEventDetails"]["name"] == "First"
        assert "input" not in over[0][1]["stateEnteredEventDetails"]

    def test_a_history_nobody_has_does_not_exist(self, states, machine):
        """
        Without data or with.
        """
        arn = machine({"Only": {"Type": "Succeed"}}).replace(":stateMachine:", ":execution:") + ":nothing"
        with pytest.raises(states.exceptions.ExecutionDoesNotExist):
            states.get_execution_history(executionArn=arn, includeExecutionData=False)


class TestLambdaTasks:
    def test_a_throttled_function_has_its_error_name(self, play, client, unique):
        """
        With no concurrency left the state machine sees Lambda.TooManyRequestsException.
        """
        functions = client("lambda")
        name = unique("idle")
        role = functions.get_function_configuration(FunctionName="listing-media-validate")["Role"]
        functions.create_function(
            FunctionName=name, Runtime="python3.12", Handler="a.b", Role=role, Code={"ZipFile": b"none"}
        )
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        invoke = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": name, "Payload": {}},
            "End": True,
        }
        direct = {"Type": "Task", "Resource": VALIDATE.replace("listing-media-validate", name), "End": True}

        assert play({"Work": invoke})["error"] == "Lambda.TooManyRequestsException"
        assert play({"Work": direct})["error"] == "Lambda.TooManyRequestsException"
        with pytest.raises(functions.exceptions.TooManyRequestsException):
            functions.invoke(FunctionName=name, Payload=b"{}")

    def test_an_error_of_a_function_is_caught_by_its_name(self, play):
        """
        The twin of validate rejects an empty event, and the catcher gets the error.
        """
        found = play(
            {
                "Work": {"Type": "Task", "Resource": VALIDATE, "Catch": CATCH, "End": True},
                "Caught": {"Type": "Succeed"},
            }
        )

        assert json.loads(found["output"])["error"]["Error"] == "Rejected"

    def test_invocations_by_http_end_in_the_same_place(self, client):
        """
        Invoke answers with the function's error and the tail of its log.
        """
        answer = client("lambda").invoke(FunctionName="listing-media-validate", Payload=b"{}", LogType="Tail")

        assert answer["FunctionError"] == "Unhandled"
        assert json.load(answer["Payload"])["errorType"] == "Rejected"
        assert answer["LogResult"]

    def test_what_functions_log_is_in_cloudwatch_logs(self, client):
        """
        The log group of a function has START and REPORT of its invocations.
        """
        client("lambda").invoke(FunctionName="listing-media-validate", Payload=b"{}")
        events = client("logs").filter_log_events(logGroupName="/aws/lambda/listing-media-validate")["events"]

        assert any(event["message"].startswith("REPORT RequestId") for event in events)


class TestTranscodingTasks:
    def test_every_item_of_a_map_waits_for_its_own_job(self, play, client):
        """
        Two videos, two jobs, and the Map's items are known inside.
        """
        client("s3").put_object(Bucket="toq-listing-medias", Key="nowhere/raw.mp4", Body=b"a video")
        each = TRANSCODE | {"ResultSelector": {"key.$": "$$.Map.Item.Value.key", "status.$": "$.Job.Status"}}
        loop = {
            "Type": "Map",
            "ItemsPath": "$.videos",
            "ItemSelector": {"settings.$": "$.settings", "key.$": "$$.Map.Item.Value.key"},
            "ItemProcessor": {"StartAt": "Transcode", "States": {"Transcode": each}},
            "End": True,
        }
        found = play({"Videos": loop}, {"settings": JOB_SETTINGS, "videos": [{"key": "one"}, {"key": "two"}]})

        assert "error" not in found, (found["error"], found["cause"])
        assert json.loads(found["output"]) == [
            {"key": "one", "status": "COMPLETE"},
            {"key": "two", "status": "COMPLETE"},
        ]

    def test_the_map_item_is_known_to_the_parameters_of_its_task(self, play):
        """
        A task inside a Map may use the context object's item in its own parameters.
        """
        inner = {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": VALIDATE, "Payload": {"index.$": "$$.Map.Item.Index"}},
            "Catch": [{"ErrorEquals": ["Rejected"], "ResultPath": "$.error", "Next": "Known"}],
            "End": True,
        }
        loop = {
            "Type": "Map",
            "ItemsPath": "$.items",
            "ItemProcessor": {"StartAt": "Inner", "States": {"Inner": inner, "Known": {"Type": "Succeed"}}},
            "End": True,
        }

        assert play({"Loop": loop}, {"items": [{}]})["status"] == "SUCCEEDED"

    def test_a_job_that_fails_fails_the_task(self, play):
        """
        The error is MediaConvert's, the cause the job's.
        """
        settings = json.loads(json.dumps(JOB_SETTINGS).replace("nowhere/raw.mp4", "missing.mp4"))
        found = play({"Work": TRANSCODE}, {"settings": settings})

        assert found["error"] == "MediaConvert.JobFailedException"
        assert "missing.mp4" in found["cause"]

    def test_an_unknown_queue_fails_the_task(self, play):
        """
        What MediaConvert refuses is an error of the task.
        """
        task = TRANSCODE | {"Parameters": TRANSCODE["Parameters"] | {"Queue": "nowhere"}}

        assert play({"Work": task}, {"settings": {}})["error"] == "MediaConvert.NotFoundException"

    def test_the_end_of_a_job_is_an_event(self, client, unique):
        """
        A rule on MediaConvert's status brings COMPLETE to a queue.
        """
        sqs, events, mediaconvert = client("sqs"), client("events"), client("mediaconvert")
        client("s3").put_object(Bucket="toq-listing-medias", Key="nowhere/raw.mp4", Body=b"a video")
        url = sqs.create_queue(QueueName=unique("ends"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        rule = unique("rule")
        pattern = {"source": ["aws.mediaconvert"], "detail": {"status": ["COMPLETE"]}}
        events.put_rule(Name=rule, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": arn}])

        job = mediaconvert.create_job(Role=ROLE, Queue=QUEUE, Settings=JOB_SETTINGS)["Job"]

        (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
        events.remove_targets(Rule=rule, Ids=["queue"])
        assert json.loads(message["Body"])["detail"]["jobId"] == job["Id"]
        assert mediaconvert.get_job(Id=job["Id"])["Job"]["Status"] == "COMPLETE"


class TestRules:
    def test_a_rule_starts_a_state_machine(self, client, states, machine, unique):
        """
        PutEvents succeeds and the machine gets the event.
        """
        events, rule, source = client("events"), unique("rule"), unique("source")
        arn = machine({"Done": {"Type": "Succeed"}})
        events.put_rule(Name=rule, EventPattern=json.dumps({"source": [source]}))
        events.put_targets(Rule=rule, Targets=[{"Id": "machine", "Arn": arn}])

        answer = events.put_events(Entries=[{"Source": source, "DetailType": "t", "Detail": '{"n": 1}'}])

        assert answer["FailedEntryCount"] == 0
        deadline = time.monotonic() + 20
        while not (found := states.list_executions(stateMachineArn=arn)["executions"]):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        given = states.describe_execution(executionArn=found[0]["executionArn"])["input"]
        assert json.loads(given)["detail"] == {"n": 1}


class TestQueues:
    @pytest.fixture
    def sqs(self, client):
        return client("sqs")

    def test_a_message_comes_back_after_its_visibility_and_then_goes_to_the_dead_letters(self, sqs, unique):
        """
        Visibility of 15 s lasts half a second; the third receive finds it moved.
        """
        dead = sqs.create_queue(QueueName=unique("dead"))["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "2"})
        url = sqs.create_queue(
            QueueName=unique("work"), Attributes={"VisibilityTimeout": "15", "RedrivePolicy": redrive}
        )["QueueUrl"]
        attribute = {"Traceparent": {"DataType": "String", "StringValue": "00-ab"}}
        sqs.send_message(QueueUrl=url, MessageBody="hard", MessageAttributes=attribute)

        counts = []
        for _ in range(2):
            (message,) = sqs.receive_message(
                QueueUrl=url, WaitTimeSeconds=20, MessageSystemAttributeNames=["ApproximateReceiveCount"]
            )["Messages"]
            counts.append(message["Attributes"]["ApproximateReceiveCount"])
        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2)
        (letter,) = sqs.receive_message(QueueUrl=dead, MessageAttributeNames=["All"])["Messages"]

        assert counts == ["1", "2"]
        assert letter["MessageAttributes"]["Traceparent"]["StringValue"] == "00-ab"

    def test_depth_is_counted(self, sqs, unique):
        """
        Visible and in flight are told apart, and a deleted message is gone.
        """
        url = sqs.create_queue(QueueName=unique("deep"))["QueueUrl"]
        for number in range(25):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=received[1]["ReceiptHandle"], VisibilityTimeout=0
        )
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

        assert found["ApproximateNumberOfMessages"] == "16"
        assert found["ApproximateNumberOfMessagesNotVisible"] == "8"

    def test_a_delayed_message_is_not_there_yet(self, sqs, unique):
        """
        DelaySeconds of 30 is one second here.
        """
        url = sqs.create_queue(QueueName=unique("late"))["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=30)

        assert "Messages" not in sqs.receive_message(QueueUrl=url)
        assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]["Body"] == "later"

    def test_a_receipt_nobody_gave_is_refused(self, sqs, unique):
        """
        Deleting takes a receipt handle of this queue.
        """
        url = sqs.create_queue(QueueName=unique("plain"))["QueueUrl"]

        with pytest.raises(ClientError, match="ReceiptHandleIsInvalid"):
            sqs.delete_message(QueueUrl=url, ReceiptHandle="none")

    def test_a_purged_queue_is_empty(self, sqs, unique):
        """
        Nothing is left, and nothing comes back.
        """
        url = sqs.create_queue(QueueName=unique("full"), Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="a")
        sqs.receive_message(QueueUrl=url)
        sqs.purge_queue(QueueUrl=url)

        assert "Messages" not in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)

    def test_fifo_queues_keep_their_order(self, sqs, unique):
        """
        moto's own code serves them, under our lock.
        """
        url = sqs.create_queue(
            QueueName=unique("line") + ".fifo",
            Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"},
        )["QueueUrl"]
        for body in ("one", "two", "two"):
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
        received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]

        assert [message["Body"] for message in received] == ["one", "two"]


class TestMetrics:
    def test_percentiles_are_nearest_ranks_of_raw_values(self, client, unique):
        """
        p95 of 1 to 100 is 95, by either call, in aligned periods.
        """
        cloudwatch, name = client("cloudwatch"), unique("duration")
        now = datetime.now(tz=UTC)
        dimensions = [{"Name": "outcome", "Value": "READY"}]
        datum = {"MetricName": name, "Dimensions": dimensions, "Timestamp": now}
        for start in (1, 51):
            values = [float(n) for n in range(start, start + 50)]
            cloudwatch.put_metric_data(Namespace="T", MetricData=[datum | {"Values": values}])
        window = {"StartTime": now - timedelta(hours=1), "EndTime": now + timedelta(hours=1)}

        (point,) = cloudwatch.get_metric_statistics(
            Namespace="T", MetricName=name, Dimensions=dimensions, Period=300,
            ExtendedStatistics=["p95", "p99.9"], Statistics=["Maximum"], **window,
        )["Datapoints"]  # fmt: skip
        stat = {
            "Metric": {"Namespace": "T", "MetricName": name, "Dimensions": dimensions},
            "Period": 300,
            "Stat": "p95",
        }
        (data,) = cloudwatch.get_metric_data(MetricDataQueries=[{"Id": "a", "MetricStat": stat}], **window)[
            "MetricDataResults"
        ]
        without = cloudwatch.get_metric_statistics(
            Namespace="T", MetricName=name, Period=300, Statistics=["Sum"], **window
        )

        assert point["ExtendedStatistics"] == {"p95": 95.0, "p99.9": 100.0}
        assert point["Maximum"] == 100
        assert data["Values"] == [95.0]
        assert without["Datapoints"] == []

    def test_counts_weigh_values(self, client, unique):
        """
        A value with a count of three is three values.
        """
        cloudwatch, name = client("cloudwatch"), unique("counted")
        cloudwatch.put_metric_data(
            Namespace="T", MetricData=[{"MetricName": name, "Values": [1.0, 9.0], "Counts": [3.0, 1.0]}]
        )
        now = datetime.now(tz=UTC)
        (point,) = cloudwatch.get_metric_statistics(
            Namespace="T", MetricName=name, Period=60, StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1), Statistics=["SampleCount", "Sum"], ExtendedStatistics=["p50"],
        )["Datapoints"]  # fmt: skip

        assert (point["SampleCount"], point["Sum"], point["ExtendedStatistics"]["p50"]) == (4, 12, 1)

    def test_alarms_begin_without_data_and_may_be_composite(self, client, unique):
        """
        INSUFFICIENT_DATA until somebody evaluates; a composite alarm keeps its rule.
        """
        cloudwatch, name = client("cloudwatch"), unique("alarm")
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="T", MetricName="m", ExtendedStatistic="p95", Period=300,
            EvaluationPeriods=1, Threshold=600, ComparisonOperator="GreaterThanThreshold",
        )  # fmt: skip
        cloudwatch.put_composite_alarm(AlarmName=f"{name}-any", AlarmRule=f'ALARM("{name}")')
        metric = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
        composite = cloudwatch.describe_alarms(AlarmNames=[f"{name}-any"], AlarmTypes=["CompositeAlarm"])[
            "CompositeAlarms"
        ][0]

        assert metric["StateValue"] == "INSUFFICIENT_DATA"
        assert composite["AlarmRule"] == f'ALARM("{name}")'
