"""
The cache of histories without data, and what stays of an execution that has ended.
"""

import io
import json
from types import SimpleNamespace

import pytest

from harness.stack.aws.moto_patches import histories
from harness.stack.aws.moto_patches.histories import TARGET, HistoryCache

ARN = "arn:aws:states:us-east-1:123456789012:execution:unknown:batch-1"
SIGNED = "AWS4-HMAC-SHA256 Credential=test/20261123/us-east-1/states/aws4_request, SignedHeaders=host"


class TestHistoryCache:
    @pytest.mark.parametrize(
        ("target", "body"),
        [
            ("AWSStepFunctions.DescribeExecution", json.dumps({"executionArn": ARN})),
            (TARGET, json.dumps({"executionArn": ARN})),
            (TARGET, json.dumps({"executionArn": ARN, "includeExecutionData": True})),
            (TARGET, json.dumps({"executionArn": ARN, "includeExecutionData": False, "reverseOrder": True})),
            (TARGET, json.dumps({"executionArn": ARN, "includeExecutionData": False})),
            (TARGET, json.dumps({"executionArn": "mine", "includeExecutionData": False})),
            (TARGET, json.dumps({"executionArn": 7})),
            (TARGET, "[]"),
            (TARGET, "no JSON"),
        ],
    )
    def test_other_requests_are_passed_on(self, target, body):
        """
        Other actions, other parameters, unknown executions and invalid bodies reach moto with their body.
        """
        passed = []

        def moto(environ, start_response):
            passed.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
            return [b"moto"]

        answer = HistoryCache(moto)(
            {
                "HTTP_X_AMZ_TARGET": target,
                "HTTP_AUTHORIZATION": SIGNED,
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.input": io.BytesIO(body.encode()),
            },
            lambda *_: None,
        )

        assert (list(answer), passed) == ([b"moto"], [body])


def running(events):
    """Return an execution with these events, as the interpreter leaves it at its end."""
    manager = SimpleNamespace(_history_event_list=events)
    worker = SimpleNamespace(env=SimpleNamespace(event_manager=manager))
    return SimpleNamespace(
        exec_worker=worker, input_data={"assets": ["a" * 999]}, output={"zip": {"bytes": 1}}
    )


class TestPack:
    @pytest.mark.parametrize("polled_before", [False, True])
    def test_an_ended_execution_keeps_its_answers_but_not_its_texts(self, polled_before):
        """
        Polled before its end or not, the history without data is complete, and it is kept compressed.
        """
        events = [
            {"id": number, "timestamp": "2026-01-01T00:00:00+00:00", "details": {"output": "x" * 999}}
            for number in range(50)
        ]
        execution = running(events[:49])
        if polled_before:
            assert len(histories._texts_without_data(execution)) == 49
        execution.exec_worker.env.event_manager._history_event_list.append(events[49])

        histories.pack(execution)
        texts = histories._texts_without_data(execution)

        assert [json.loads(text)["id"] for text in texts] == list(range(50))
        assert texts == histories._texts_without_data(execution)
        assert histories.output_text(execution) == '{"zip":{"bytes":1}}'
        kept = {name: value for name, value in vars(execution).items() if value is not None}
        assert sum(len(value) for value in kept.values()) < 2000
        assert "texts_without_data" not in kept
