"""
The history cache passes all requests on that are not for a history without data.
"""

import io
import json

import pytest

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
