"""The faults of a scenario at the calls of a rehearsed run, and its kills of processes."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from harness.lab.workload.faults.api_faults import ApiDelay, ApiFault
from harness.lab.workload.faults.callback_faults import (
    CallbackFault,
    DuplicateCallback,
    EmptyCallback,
    LateCallback,
    LostCallback,
    ReorderedCallback,
    TamperedCallback,
)
from harness.lab.workload.faults.process_faults import ClockSkew, ProcessKill
from harness.lab.workload.faults.struck_requests import StruckRequests
from harness.lab.workload.scenario import Scenario
from harness.service.rehearsal.fault_decisions import FaultDecision, FaultDecisions, Strike
from harness.service.rehearsal.rehearsed_service import RehearsedService
from harness.states_language.host import nanoseconds

DEPENDENCIES = {"database": ("database",), "s3": ("storage",), "aws": ("queue", "workflow")}
"""The dependencies that are away while a part is killed; API and worker are processes themselves."""
FOR_THE_RUN = 400 * 86_400.0
REQUESTS = {
    "queue send": ("sqs", "SendMessage"),
    "queue receive": ("sqs", "ReceiveMessage"),
    "queue delete": ("sqs", "DeleteMessage"),
    "workflow start": ("states", "StartExecution"),
    "workflow find": ("states", "DescribeExecution"),
    "workflow steps": ("states", "GetExecutionHistory"),
    "storage head": ("s3", "HeadObject"),
    "storage get": ("s3", "HeadObject"),
    "storage put": ("s3", "PutObject"),
    "storage tag": ("s3", "PutObjectTagging"),
    "storage delete": ("s3", "DeleteObject"),
    "storage list_keys": ("s3", "ListObjectsV2"),
}
"""The operations of AWS behind the calls."""
CALLBACK = "callback request"
ON_CALLBACKS = {
    LostCallback: Strike.UNAVAILABLE,
    DuplicateCallback: Strike.DUPLICATE,
    TamperedCallback: Strike.TAMPERED,
    EmptyCallback: Strike.EMPTY,
    ReorderedCallback: Strike.REORDER,
    LateCallback: Strike.LATE,
}


class ScenarioDecisions(FaultDecisions):
    """
    The faults of a scenario that strike requests; all others have a place of their own.

    Args:
        now: Seconds since the run began.
    """

    def __init__(self, scenario: Scenario, now: Callable[[], float]) -> None:
        self.taken = []
        self._struck = StruckRequests(scenario, now)
        self._counts: Counter[tuple[str, str]] = Counter()
        kinds = {type(fault) for fault in scenario.faults}
        self._has_requests = any(issubclass(kind, ApiFault) for kind in kinds)
        self._has_callbacks = any(issubclass(kind, CallbackFault) for kind in kinds)

    def at(self, task: str, call: str, strikes: Sequence[Strike]) -> FaultDecision | None:
        if self._has_callbacks and call == CALLBACK:
            for fault, draw in self._struck.strike(CallbackFault):
                return self._decided(task, call, ON_CALLBACKS[type(fault)], _length(fault, draw))
        if self._has_requests and call in REQUESTS:
            asked = REQUESTS[call]
            for asking, draw in self._struck.strike(ApiFault, lambda fault: fault.concerns(*asked)):
                is_slow = isinstance(asking, ApiDelay)
                seconds = max(0.0, asking.delay.sample(draw)) if isinstance(asking, ApiDelay) else 0.0
                strike = Strike.DELAY if is_slow else Strike.UNAVAILABLE
                return self._decided(task, call, strike, seconds) if strike in strikes else None
        return None

    def heal(self) -> None:
        """Let no fault strike from now on."""

    def _decided(self, task: str, call: str, strike: Strike, seconds: float) -> FaultDecision:
        self._counts[task, call] += 1
        decision = FaultDecision(task, call, self._counts[task, call], strike, seconds)
        self.taken.append(decision)
        return decision


def _length(fault: CallbackFault, draw: float) -> float:
    """Return how long a callback waits [s]."""
    match fault:
        case LateCallback():
            return fault.delay.sample(draw)
        case ReorderedCallback():
            return fault.longest
    return 0.0


def plan_process_faults(scenario: Scenario, service: RehearsedService) -> None:
    """Let the kills and the wrong clocks of a scenario happen at their times."""
    call_in = service.around.time.call_in
    for fault in scenario.faults:
        match fault:
            case ProcessKill():
                call_in(nanoseconds(fault.at), partial(_kill, fault, service))
            case ClockSkew():
                call_in(nanoseconds(fault.at), partial(_skew, service, fault.target, fault.by))
                if fault.lasting is not None:
                    call_in(nanoseconds(fault.until), partial(_skew, service, fault.target, 0.0))


def _skew(service: RehearsedService, target: str, seconds: float) -> None:
    (service.api if target == "api" else service.worker).skew = seconds


def _kill(fault: ProcessKill, service: RehearsedService) -> None:
    away = fault.restart or FOR_THE_RUN
    around = service.around
    if fault.target in ("api", "worker"):
        (service.api if fault.target == "api" else service.worker).crash(away)
        return
    around.tell(f"{fault.target} is killed", fault.target)
    for dependency in DEPENDENCIES[fault.target]:
        around.outages[dependency] = around.time.now + nanoseconds(away)
        around.breaks[dependency] = around.breaks.get(dependency, 0) + 1
