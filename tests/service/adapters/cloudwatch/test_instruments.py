"""
The data sent to CloudWatch, and the independence of callers from it.
"""

import logging
import queue
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from harness.service.adapters.cloudwatch.instruments import CloudWatchInstruments
from harness.service.core.errors import Unavailable
from harness.service.core.model.batch import BatchStatus

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}


@pytest.fixture
def instruments() -> CloudWatchInstruments:
    """Instruments whose thread does not run; the test calls `flush`."""
    return CloudWatchInstruments(boto3.Session(**CREDENTIALS), inflight=lambda: 4)


@pytest.fixture
def cloudwatch(instruments: CloudWatchInstruments) -> Iterator[Stubber]:
    """A stub of CloudWatch with prepared responses."""
    with Stubber(instruments._client) as stubber:
        yield stubber


def datum(name: str, value: float, unit: str = "Count", **dimensions: str) -> dict[str, Any]:
    return {
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
        "Timestamp": ANY,
        "Value": value,
        "Unit": unit,
    }


def expect(cloudwatch: Stubber, *data: dict[str, Any]) -> None:
    request = {"Namespace": "TOQ/MediaProcessing", "MetricData": list(data)}
    cloudwatch.add_response("put_metric_data", {}, request)


class TestFlush:
    def test_observations_are_sent_raw_with_and_without_dimension(
        self, instruments: CloudWatchInstruments, cloudwatch: Stubber
    ) -> None:
        """
        Counters as increments, durations as measured.
        """
        instruments.batch_entered(BatchStatus.FAILED)
        instruments.processing_finished(612.5, outcome=BatchStatus.FAILED)
        instruments.dead_letter()
        instruments.reprocess_requested()
        instruments.callback_failed()
        expect(
            cloudwatch,
            datum("media_batches_created_total", 1),
            datum("media_batches_created_total", 1, status="FAILED"),
            datum("media_batches_failed_total", 1),
            datum("media_processing_duration_seconds", 612.5, "Seconds"),
            datum("media_processing_duration_seconds", 612.5, "Seconds", outcome="FAILED"),
            datum("media_processing_dlq_messages_total", 1),
            datum("media_reprocess_requests_total", 1),
            datum("media_processing_callback_errors_total", 1),
        )

        instruments.flush()
        instruments.flush()

        cloudwatch.assert_no_pending_responses()

    def test_an_unsigned_callback_is_not_in_the_total(
        self, instruments: CloudWatchInstruments, cloudwatch: Stubber
    ) -> None:
        """
        An alarm on the total cannot be raised from outside.
        """
        instruments.callback_unsigned()
        expect(cloudwatch, datum("media_processing_callback_errors_total", 1, reason="signature"))

        instruments.flush()

        cloudwatch.assert_no_pending_responses()

    def test_data_is_sent_again_in_order_after_an_error(
        self, instruments: CloudWatchInstruments, cloudwatch: Stubber
    ) -> None:
        """
        An internal error of CloudWatch loses no data.
        """
        instruments.dead_letter()
        cloudwatch.add_client_error("put_metric_data", "InternalFailure", http_status_code=500)
        instruments.flush()
        instruments.callback_failed()
        expect(
            cloudwatch,
            datum("media_processing_dlq_messages_total", 1),
            datum("media_processing_callback_errors_total", 1),
        )

        instruments.flush()

        cloudwatch.assert_no_pending_responses()

    def test_refused_data_is_dropped_and_logged(
        self, instruments: CloudWatchInstruments, cloudwatch: Stubber, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        It must not delay the later data.
        """
        instruments.dead_letter()
        cloudwatch.add_client_error("put_metric_data", "InvalidParameterValue", http_status_code=400)
        instruments.flush()
        instruments.flush()

        assert [record.message for record in caplog.records] == ["service.metrics.refused"]

    def test_a_thousand_observations_are_several_requests(
        self, instruments: CloudWatchInstruments, cloudwatch: Stubber
    ) -> None:
        """
        A request is not larger than CloudWatch accepts.
        """
        for _ in range(1001):
            instruments.dead_letter()
        for size in (500, 500, 1):
            expect(cloudwatch, *[datum("media_processing_dlq_messages_total", 1)] * size)

        instruments.flush()

        cloudwatch.assert_no_pending_responses()


class TestThread:
    def test_callers_get_no_error_if_cloudwatch_does_not_answer(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        Data that is not sent at the end is logged as lost.
        """
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
            with (
                caplog.at_level(logging.WARNING, "harness"),
                CloudWatchInstruments(boto3.Session(**CREDENTIALS), flush_interval=60) as instruments,
            ):
                instruments.dead_letter()

        assert [record.message for record in caplog.records] == [
            "service.metrics.not_sent",
            "service.metrics.lost",
        ]

    def test_an_absent_database_is_not_sampled(
        self, instruments: CloudWatchInstruments, cloudwatch: Stubber
    ) -> None:
        """
        Jobs in progress are sent if the database answers; otherwise nothing is sent.
        """

        def away() -> int:
            raise Unavailable("The database does not answer.")

        instruments._sample_inflight()
        instruments._inflight = away
        instruments._sample_inflight()
        expect(cloudwatch, datum("media_processing_inflight_jobs", 4))

        instruments.flush()

        cloudwatch.assert_no_pending_responses()

    def test_the_thread_survives_unexpected_errors(self) -> None:
        """
        A missing table and a defect of the client are logged; a later observation is sent.
        """

        def broken() -> int:
            raise LookupError("1146: Table does not exist")

        sent = queue.Queue[list[str]]()
        answers = iter([TypeError("defect"), None])

        def put(**request: Any) -> None:
            sent.put([datum["MetricName"] for datum in request["MetricData"]])
            if error := next(answers):
                raise error

        instruments = CloudWatchInstruments(
            boto3.Session(**CREDENTIALS), inflight=broken, flush_interval=0.001
        )
        instruments._client.put_metric_data = put  # type: ignore[method-assign]
        with instruments:
            instruments.dead_letter()
            assert sent.get(timeout=10) == ["media_processing_dlq_messages_total"]
            instruments.callback_failed()
            assert sent.get(timeout=10) == ["media_processing_callback_errors_total"]

    @pytest.mark.stack
    def test_stopping_sends_what_is_left(self, aws: boto3.Session) -> None:
        """
        A real server returns the sum.
        """
        with CloudWatchInstruments(aws, namespace="Test/Stop", flush_interval=60) as instruments:
            for _ in range(3):
                instruments.batch_entered(BatchStatus.READY)

        now = datetime.now(UTC)
        found = aws.client("cloudwatch").get_metric_statistics(
            Namespace="Test/Stop",
            MetricName="media_batches_created_total",
            Dimensions=[{"Name": "status", "Value": "READY"}],
            StartTime=now - timedelta(minutes=5),
            EndTime=now + timedelta(minutes=5),
            Period=3600,
            Statistics=["Sum"],
        )

        assert sum(point["Sum"] for point in found["Datapoints"]) == 3
