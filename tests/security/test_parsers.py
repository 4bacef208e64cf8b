"""
Any document is accepted or refused with the error class that its parser documents; no other error comes out.

Valid documents are spoiled in one to three places: a value is replaced, a key removed or renamed. Plain texts
are cut, and bytes replaced.
"""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.blueprint.document import TemplateError
from harness.blueprint.template import load_alarms, load_template
from harness.lab.alarms.vectors import check_vectors
from harness.lab.workload.faults.fault import read_fault
from harness.lab.workload.scenario import load_scenario
from harness.lab.workload.scenario_file import ScenarioError
from harness.service.core.errors import Invalid, Rejected, Retryable
from harness.service.core.model.callback import ProcessingCallback
from harness.service.core.model.job_message import JobMessage
from harness.service.pipeline.callback.callback_body import callback_body, require_detail
from harness.service.pipeline.callback.status_events import event_body, is_status_event
from harness.service.pipeline.lambda_handler import lambda_handler
from harness.states_language.parser import parse_state_machine
from tests.service.api.conftest import (
    PHOTOGRAPHER,
    ServiceEnvironment,
    env_of,
    open_env,
    photo,
    token,
    uploads,
)

ROOT = Path(__file__).parents[2]
MACHINE = json.loads((ROOT / "harness/blueprint/media_processing.asl.json").read_text())
TEMPLATE = (ROOT / "harness/blueprint/template.yaml").read_bytes()
SCENARIO = (ROOT / "scenarios/poison.toml").read_bytes()
VECTORS = json.loads(next((ROOT / "tests/lab/alarms/vectors").glob("*.json")).read_text())
CALLBACK = {
    "jobId": 1,
    "batchId": "00000000-0000-4000-8000-000000000000",
    "status": "SUCCEEDED",
    "externalId": "arn:aws:states:us-east-1:123456789012:execution:sm:x",
    "outputs": [
        {"rawKey": "1/raw/x", "processedKey": "1/p", "outputs": {"large": "1/p"}, "width": 1, "height": 1}
    ],
    "zip": {"key": "1/zip/x/1/full.zip", "bytes": 1, "assets": 1},
    "error": {"Error": "Rejected", "Cause": "x"},
}

FAULTS = [
    {"action": "aws:lambda:invocation-add-delay", "function": "zip", "delay": "2 s", "at": "1 min", "for": 5},
    {"action": "aws:fis:inject-api-throttle-error", "service": "sqs", "operations": ["SendMessage"]},
    {"action": "harness:callback:reorder", "longest": "5 s", "rate": 0.5},
    {"action": "harness:media:oversize-file", "rate": 0.1, "at": 5},
    {"action": "harness:sqs:duplicate-message"},
    {"action": "harness:process:kill", "target": "api", "at": 1, "restart": "5 s"},
    {"action": "harness:clock:skew", "target": "worker", "by": "-1 h"},
    {"action": "harness:disk:fill", "target": "s3", "for": "1 min"},
]
EXECUTION_EVENT = {
    "detail-type": "Step Functions Execution Status Change",
    "detail": {
        "name": "batch-00000000-0000-4000-8000-000000000000-job-1",
        "executionArn": "arn:aws:states:us-east-1:123456789012:execution:sm:x",
        "status": "FAILED",
        "input": json.dumps({"jobId": 1, "batchId": "b", "listingId": 1, "assets": [{"key": "k"}]}),
        "error": "Rejected",
        "cause": "DECODE_FAILED: k: damaged",
    },
}
TRANSCODING_EVENT = {
    "detail-type": "MediaConvert Job State Change",
    "detail": {
        "status": "COMPLETE",
        "timestamp": 1_700_000_000_000,
        "userMetadata": {"jobId": "1", "batchId": "b", "listingId": "1", "item": "0"},
        "jobProgress": {"jobPercentComplete": 50},
    },
}

LAUGHS = b"".join(b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in b"bcdefgh")
"""Anchors, each of which multiplies the one before by nine: 38 million values."""

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["$", "$$.x", "=1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def spoiled(draw: st.DrawFn, document: Any) -> Any:
    """A copy of *document* with one to three changes."""
    whole = {"": copy.deepcopy(document)}
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(whole))))
        how = draw(st.sampled_from(["replace", "remove", "rename"]))
        if how == "remove" and key != "":
            del holder[key]
        elif how == "rename" and isinstance(holder, dict) and key != "":
            holder[draw(st.text(max_size=6))] = holder.pop(key)
        else:
            holder[key] = draw(ANYTHING)
    return whole[""]


def _places(node: Any) -> Any:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from _places(value)


@st.composite
def damaged(draw: st.DrawFn, text: bytes) -> bytes:
    """A copy of *text* with bytes replaced, cut out or doubled."""
    at = draw(st.integers(0, len(text)))
    end = min(len(text), at + draw(st.integers(0, 40)))
    put = draw(
        st.binary(max_size=12)
        | st.sampled_from([b"[", b"{", b"=", b"'", b":", b"- ", b"&a *a", b"\xff", b"\0"])
    )
    return text[:at] + put + text[end:]


def only(error: type[Exception] | tuple[type[Exception], ...], parse: Callable[[], object]) -> None:
    """Call *parse*; *error* may come out, and its message must say something."""
    try:
        parse()
    except error as refused:
        message = str(refused)
    else:
        message = "accepted"
    assert message


@pytest.fixture(scope="module")
def env() -> Iterator[ServiceEnvironment]:
    client, ports = open_env()
    client.event_hooks = {}  # spoiled documents are in no document of the API
    with client:
        yield env_of(client, ports)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("documents")


class TestStateMachine:
    @FEW
    @given(spoiled(MACHINE))
    def test_a_definition(self, document: Any) -> None:
        """
        ValueError names the place.
        """
        only(
            ValueError,
            lambda: parse_state_machine(document if isinstance(document, dict) else json.dumps(document)),
        )

    @FEW
    @given(damaged(json.dumps(MACHINE).encode()))
    def test_the_text_of_a_definition(self, text: bytes) -> None:
        """
        So does a text that is no JSON.
        """
        only(ValueError, lambda: parse_state_machine(text.decode(errors="replace")))

    @pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 50_000, "9" * 10_000, '"\\ud800"', "\0", ""])
    def test_bombs(self, text: str) -> None:
        """
        Deep and large documents are refused, too.
        """
        with pytest.raises(ValueError):
            parse_state_machine(text)


class TestTemplate:
    @settings(FEW, max_examples=15)
    @given(damaged(TEMPLATE))
    @example(TEMPLATE[:100])
    def test_the_text_of_a_template(self, folder: Path, text: bytes) -> None:
        """
        Only `TemplateError` comes out.
        """
        path = folder / "template.yaml"
        path.write_bytes(text)

        only(TemplateError, lambda: load_template(path))
        only(TemplateError, lambda: load_alarms(path))

    @pytest.mark.parametrize(
        "text",
        [
            b"Resources: !!python/object/apply:os.system ['true']",
            b"a: &a [*a]",
            b"Resources: &a {x: *a}",
            b"a: &a [x,x,x,x,x,x,x,x]\n" + LAUGHS + b"Resources: {c: *h}",
            b"[" * 3000,
            b"\xff\xfe",
            b"Resources: {A: {Type: 1}}",
            b"Resources: {A: {Type: 'AWS::CloudWatch::Alarm', Properties: []}}",
            b"? {a: b}\n: c",
        ],
    )
    def test_bombs(self, folder: Path, text: bytes) -> None:
        """
        Python objects, cycles and anchors that multiply are refused, not followed.
        """
        path = folder / "bomb.yaml"
        path.write_bytes(text)

        with pytest.raises(TemplateError):
            load_template(path)


class TestScenario:
    @FEW
    @given(damaged(SCENARIO))
    def test_the_text_of_a_scenario(self, folder: Path, text: bytes) -> None:
        """
        Only `ScenarioError` comes out.
        """
        path = folder / "scenario.toml"
        path.write_bytes(text)

        only(ScenarioError, lambda: load_scenario(path))

    @FEW
    @given(data=st.data())
    def test_the_values_of_a_scenario(self, folder: Path, data: st.DataObject) -> None:
        """
        So it is for values of other types and sizes, given as JSON.
        """
        valid = load_scenario(ROOT / "scenarios/poison.toml").model_dump(mode="json", exclude_unset=True)
        path = folder / "scenario.json"
        path.write_text(json.dumps(data.draw(spoiled(valid))))

        only(ScenarioError, lambda: load_scenario(path))

    @FEW
    @given(spoiled(FAULTS))
    def test_the_faults_of_a_scenario(self, folder: Path, document: Any) -> None:
        """
        So it is for each kind of fault.
        """
        valid = load_scenario(ROOT / "scenarios/poison.toml").model_dump(mode="json", exclude_unset=True)
        path = folder / "faults.json"
        path.write_text(json.dumps(valid | {"faults": document}))

        only(ScenarioError, lambda: load_scenario(path))

    def test_the_faults_are_valid(self, folder: Path) -> None:
        """
        Before they are spoiled.
        """
        assert [read_fault(each).action for each in FAULTS] == [each["action"] for each in FAULTS]


class TestManifest:
    @FEW
    @given(document=spoiled(uploads(photo("a"), photo("b", sequence=2))))
    def test_a_manifest(self, env: ServiceEnvironment, document: Any) -> None:
        """
        It is taken, or refused with 4xx and a reason; nothing else comes out of the API.
        """
        headers = {"Authorization": f"Bearer {token(PHOTOGRAPHER)}", "Content-Type": "application/json"}
        answer = env.client.post(
            "/api/v2/listings/media/uploads", content=json.dumps(document), headers=headers
        )

        assert answer.status_code == 201 or 400 <= answer.status_code < 500
        assert answer.status_code == 201 or answer.json()["message"]


class TestEvents:
    @FEW
    @given(spoiled(EXECUTION_EVENT))
    def test_an_event_of_an_execution(self, document: Any) -> None:
        """
        The callback function ends with one of the two errors that its callers match.
        """
        only((Rejected, Retryable), lambda: no_internal_error(document))

    @FEW
    @given(spoiled(TRANSCODING_EVENT))
    def test_an_event_of_a_transcoding_job(self, document: Any) -> None:
        """
        So it does for the events of MediaConvert.
        """
        only((Rejected, Retryable), lambda: no_internal_error(document))


def no_internal_error(event: Any) -> object:
    """Read an event as the callback function does; an error that it does not expect is a defect."""

    def body_of(given: Any, _: object) -> Any:
        if is_status_event(given):
            return event_body(given, lambda _: None) or {}
        require_detail(given)
        return callback_body(given)

    try:
        return lambda_handler("callback_dispatch")(body_of)(event, None)
    except Rejected as error:
        if str(error).startswith("INTERNAL_ERROR"):
            raise AssertionError(str(error)) from error
        raise


class TestMessages:
    @FEW
    @given(spoiled(CALLBACK))
    def test_a_callback(self, document: Any) -> None:
        """
        `Invalid` is what a caller gets as 400.
        """
        only(Invalid, lambda: ProcessingCallback.parse(document))

    @FEW
    @given(spoiled({"jobId": 1, "batchId": "x", "listingId": 1, "assets": [{"key": "k"}]}))
    def test_a_job_message(self, document: Any) -> None:
        """
        A message that cannot be read is `Invalid`, and the dispatcher leaves it in the queue.
        """
        only(Invalid, lambda: JobMessage.parse(json.dumps(document), {}))


class TestAlarmCases:
    @FEW
    @given(spoiled(VECTORS[:3]))
    def test_the_cases_of_a_file(self, folder: Path, document: Any) -> None:
        """
        ValueError names the case.
        """
        path = folder / "cases.json"
        path.write_text(json.dumps(document))

        only(ValueError, lambda: check_vectors(path))
