"""
The traces of batches: in a real OTLP receiver, with real media, and in a run folder.
"""

import csv
import gzip
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from harness.lab.results.writer import merge_parts
from harness.lab.workload.media.photos import photograph
from harness.lab.workload.media.videos import video
from harness.stack.local_stack import LocalStack, StackOptions
from harness.stack.run_sampler import sampled
from tests.stack.conftest import Uploader

COMPLETE = "POST /api/v2/listings/media/uploads/complete"
CALLBACK = "POST /internal/media-processing/callback"
TIMEOUT_S = 30.0


@dataclass
class Receiver:
    """An OTLP/HTTP receiver: the spans of each trace with the name of their service, by span id."""

    traces: dict[bytes, dict[bytes, tuple[str, Span]]] = field(default_factory=dict)

    def receive(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                trace = self.traces.setdefault(span.trace_id, {})
                trace[span.span_id] = (attributes["service.name"], span)

    def trace_of(self, batch_id: str, root: str, last: str) -> dict[bytes, tuple[str, Span]]:
        """Return the trace with this root and batch, once its span *last* and that one's parent have come."""
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            for trace in list(self.traces.values()):
                spans = [span for _, span in list(trace.values())]
                ends = [span for span in spans if span.name == last]
                is_whole = all(not span.parent_span_id or span.parent_span_id in trace for span in spans)
                if ends and is_whole and any(s.name == root and of_batch(s, batch_id) for s in spans):
                    return trace
            time.sleep(0.1)
        raise AssertionError(f"no whole trace from {root} to {last}: {self.traces}")


def of_batch(span: Span, batch_id: str) -> bool:
    return any(each.key == "batch_id" and each.value.string_value == batch_id for each in span.attributes)


def path_to_root(trace: dict[bytes, tuple[str, Span]], name: str) -> list[str]:
    """Return the services and names from the span *name* up to the root."""
    above = [(service, span) for service, span in trace.values() if span.name == name][-1:]
    while above[-1][1].parent_span_id:
        above.append(trace[above[-1][1].parent_span_id])
    return [f"{service}: {span.name}" for service, span in above]


@pytest.fixture(scope="module")
def receiver() -> Iterator[tuple[Receiver, str]]:
    kept = Receiver()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.receive(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield kept, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def exporting(receiver, tmp_path_factory) -> Iterator[Uploader]:
    """A stack with real handlers that exports to the receiver."""
    folder = tmp_path_factory.mktemp("traced")
    options = StackOptions(listings=2, developments=0, state_file=folder / "stack.json")
    with pytest.MonkeyPatch.context() as environment:
        # Only for the start: other stacks of this session keep their spans.
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver[1])
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        stack = LocalStack(options).start()
    try:
        with Path(stack.state.identities).open(newline="") as file:
            yield Uploader(stack.state, list(csv.DictReader(file)))
    finally:
        stack.stop()


@pytest.mark.stack
class TestReceiver:
    def test_one_tree_leads_from_the_request_to_the_callback(self, exporting, receiver):
        """
        No span is an orphan, every hop has a span of its own, and none has failed.
        """
        media = [
            ("PHOTO_HORIZONTAL", photograph(1, 400, 300).content),
            ("VIDEO_HORIZONTAL", video(1, 320, 180, duration=1.0).content),
        ]

        listing, batch = exporting.send(media)
        assert exporting.status(listing, batch)["status"] == "READY"
        trace = receiver[0].trace_of(batch, COMPLETE, CALLBACK)

        spans = {f"{service}: {span.name}": span for service, span in trace.values()}
        assert [name for name, span in spans.items() if not span.parent_span_id] == [
            f"listing-media-api: {COMPLETE}"
        ]
        assert {
            "listing-media-api: complete_upload_batch",
            "listing-media-api: MySQL insert listing_media_jobs",
            "listing-media-api: S3 head",
            "listing-media-worker: SQS send",
            "listing-media-worker: Step Functions start",
            "listing-media-validate: validate",
            "listing-media-validate: S3 GetObject",
            "listing-media-thumbnails: S3 PutObject",
            "listing-media-zip: zip",
            "mediaconvert: transcode",
        } <= set(spans)
        assert path_to_root(trace, CALLBACK) == [
            f"listing-media-api: {CALLBACK}",
            "listing-media-callback-dispatch: post_callback",
            "listing-media-callback-dispatch: callback_dispatch",
            "listing-media-worker: dispatch_jobs",
            "listing-media-worker: flush_outbox",
            f"listing-media-api: {COMPLETE}",
        ]
        assert [name for name, span in spans.items() if span.status.code == Status.STATUS_CODE_ERROR] == []

    def test_the_span_that_failed_has_the_error(self, exporting, receiver):
        """
        A truncated photo fails the validation; what reports it has not failed.
        """
        photo = photograph(2, 400, 300).content

        listing, batch = exporting.send([("PHOTO_HORIZONTAL", photo[: len(photo) // 2])])
        assert exporting.status(listing, batch)["status"] == "FAILED"
        trace = receiver[0].trace_of(batch, COMPLETE, CALLBACK)

        failed = [span for _, span in trace.values() if span.status.code == Status.STATUS_CODE_ERROR]
        assert [span.name for span in failed] == ["validate"]
        assert "DECODE_FAILED" in failed[0].status.message
        assert [event.name for event in failed[0].events] == ["exception"]


@pytest.mark.stack
def test_a_run_keeps_the_traces_that_its_clients_sample(modelled_stack, uploader, tmp_path):
    """
    All spans of a sampled batch, without orphans, and none of a batch whose client does not sample it.
    """
    traces = {flag: secrets.token_hex(16) for flag in ("01", "00")}
    with sampled(modelled_stack, tmp_path, time.time()):
        for flag, trace_id in traces.items():
            uploader.traceparent = f"00-{trace_id}-00000000000000aa-{flag}"
            try:
                listing, batch = uploader.upload(photos=1, videos=1)
            finally:
                uploader.traceparent = None
            assert uploader.status(listing, batch)["status"] == "READY"
        time.sleep(2)  # as a run does: the processes export twice a second
    merge_parts(tmp_path)
    spans = pd.read_parquet(tmp_path / "spans.parquet")

    sampled_spans = spans[spans["trace_id"] == traces["01"]]
    assert traces["00"] not in set(spans["trace_id"])
    assert set(sampled_spans["service"]) == {
        "listing-media-api", "listing-media-worker", "mediaconvert", "listing-media-validate",
        "listing-media-thumbnails", "listing-media-zip", "listing-media-callback-dispatch",
    }  # fmt: skip
    assert set(sampled_spans["parent_id"]) - set(sampled_spans["span_id"]) == {"00000000000000aa"}
    assert (sampled_spans["finished_at"] >= sampled_spans["started_at"]).all()
    loops = spans[spans["name"].str.startswith("loop ")]
    assert loops["name"].str.contains("outbox").any()
    assert loops["parent_id"].isna().all()
