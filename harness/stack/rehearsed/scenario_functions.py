"""The functions and the transcoder of a rehearsed run: the service times and the faults of its scenario."""

from typing import Any

from harness.blueprint.template import load_template
from harness.lab.workload.scenario import Scenario
from harness.lab.workload.work_and_faults import CALLBACK_FUNCTION, FUNCTION_PREFIX, TaskWorkModel, step_of
from harness.service.pipeline.execution_assets import assets_in
from harness.service.rehearsal.rehearsed_functions import PlannedWork, RehearsedFunctions
from harness.stack.modelled.planned_batches import PlannedBatches
from harness.stack.rehearsed.run_recorder import RehearsedRecorder
from harness.states_language.host import TaskAttempt

TIMED_OUT = "Sandbox.Timedout"


class ScenarioFunctions(RehearsedFunctions):
    """The functions under one scenario; `follow` must be called before the first invocation."""

    def follow(self, scenario: Scenario, recorder: RehearsedRecorder) -> None:
        """Take service times and faults from a scenario, and record the metrics of invocations."""

        def now() -> float:
            return self._around.time.seconds

        self._batches = PlannedBatches(scenario)
        self._model = TaskWorkModel(scenario, now)
        self._recorder = recorder
        deployed = load_template(parameters={"CallbackUrl": ""}).functions
        self._time_outs = {name: function.timeout for name, function in deployed.items()}

    def plan(self, attempt: TaskAttempt, handler: str) -> PlannedWork:
        payload: dict[str, Any] = attempt.payload["Payload"]
        state = payload.get("detail", payload) if handler == CALLBACK_FUNCTION else payload
        batch = self._batches.batch(assets_in(state))
        number = self._batches.next_attempt(str(state["batchId"]), step_of(handler))
        seconds, error, cause = self._model.function(handler, batch, number)
        limit = self._time_outs.get(FUNCTION_PREFIX + handler, 900.0)
        if seconds > limit:
            seconds, error, cause = limit, TIMED_OUT, f"Task timed out after {limit:.2f} seconds"
        return PlannedWork(seconds, error, cause)

    def plan_transcoding(self, attempt: TaskAttempt) -> PlannedWork:
        key = (
            str(attempt.payload["Settings"]["Inputs"][0]["FileInput"]).removeprefix("s3://").partition("/")[2]
        )
        batch, video, item = self._batches.video(key, size=0)
        batch_id = str(attempt.execution.input["batchId"])
        number = self._batches.next_attempt(batch_id, "transcode", item)
        return PlannedWork(*self._model.transcoding(batch, video, item, number))

    def invoked(self, handler: str, seconds: float, *, failed: bool) -> None:
        labels = {"FunctionName": FUNCTION_PREFIX + handler}
        for name, value in (
            ("Invocations", 1.0),
            ("Errors", float(failed)),
            ("Throttles", 0.0),
            ("Duration", 1000 * seconds),
        ):
            self._recorder.metric(f"AWS/Lambda/{name}", labels, value)
