"""
Transcoding jobs as tasks of a state machine, and their ends as events.

The time scale is 30.
"""

import json

import pytest

from tests.stack.conftest import ACCOUNT, ROLE

pytestmark = pytest.mark.stack

QUEUE = f"arn:aws:mediaconvert:us-east-1:{ACCOUNT}:queues/toq-media-queue"
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


class TestTranscodingTasks:
    def test_every_item_of_a_map_waits_for_its_own_job(self, play, client):
        """
        Two videos are two jobs, and their tasks can read the items of the Map.
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

    def test_a_job_that_fails_fails_the_task(self, play):
        """
        The cause is the JSON of the job, as in AWS.
        """
        settings = json.loads(json.dumps(JOB_SETTINGS).replace("nowhere/raw.mp4", "missing.mp4"))
        found = play({"Work": TRANSCODE}, {"settings": settings})

        job = json.loads(found["cause"])["Job"]
        assert found["error"] == "States.TaskFailed"
        assert (job["Status"], job["UserMetadata"]) == ("ERROR", {"a": "b"})
        assert "missing.mp4" in job["ErrorMessage"]

    def test_an_unknown_queue_fails_the_task(self, play):
        """
        A refusal of MediaConvert is an error of the task.
        """
        task = TRANSCODE | {"Parameters": TRANSCODE["Parameters"] | {"Queue": "nowhere"}}

        assert play({"Work": task}, {"settings": {}})["error"] == "MediaConvert.NotFoundException"

    def test_the_end_of_a_job_is_an_event(self, client, unique):
        """
        A rule sends the event COMPLETE to a queue.
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
