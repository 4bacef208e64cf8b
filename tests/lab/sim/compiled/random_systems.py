"""Random systems for the identity of the engines: a state machine, a scenario and its platform."""

from itertools import pairwise
from random import Random
from typing import Any

LAMBDA = "arn:aws:states:::lambda:invoke"
TRANSCODE = "arn:aws:states:::mediaconvert:createJob"
PIPELINE = ("validate", "thumbnails", "zip", "callback-dispatch")

Document = dict[str, Any]


def random_system(r: Random, seed: int) -> tuple[Document, Document | None]:
    """Return a scenario, and a state machine; None for the blueprint's."""
    machine = _RandomMachine(r) if r.random() < 0.8 else None
    scenario = {
        "question": "Are the rows equal?",
        "seed": seed,
        "duration_s": r.randint(10, 30),
        "drain_s": r.choice([30, 60, 200]),
        "flows": _flows(r, own_machine=machine is not None),
        "faults": _faults(r),
        "media": r.choice(["placeholder", "placeholder", "real"]),
        "max_in_flight": r.choice([2, 5, 1000]),
        "behaviour": _behaviour(r),
        "platform": _platform(r),
    }
    if machine is not None:
        scenario["model"], scenario["platform"]["behaviours"] = machine.models(), machine.behaviours()
    scenario["model"] = scenario.get("model", {}) | _pipeline_models(r)
    if r.random() < 0.25:
        scenario["users"] = r.randint(1, 4)
    else:
        stage = {"hold_per_s": r.choice([0.5, 1, 2]), "for_s": scenario["duration_s"]}
        scenario["arrivals"] = [{"process": r.choice(["paced", "poisson"]), "stages": [stage]}]
    return scenario, None if machine is None else machine.definition


class _RandomMachine:
    """A state machine whose Tasks, waits and choices are in a row, some of them in branches or iterations."""

    def __init__(self, r: Random) -> None:
        self._r = r
        self._names = 0
        self._tasks: dict[str, Document] = {}
        self.definition = self._flow(depth=2)
        if r.random() < 0.4:
            self.definition["TimeoutSeconds"] = r.randint(5, 40)

    def models(self) -> Document:
        """Return service times of some Tasks that the platform does not know."""
        r, models = self._r, {}
        for name, state in self._tasks.items():
            if not _is_known(state) and r.random() < 0.8:
                models[name] = {"fixed_s": _time(r)} | ({"per_file_s": 1} if r.random() < 0.2 else {})
        return models

    def behaviours(self) -> Document:
        r = self._r
        drawn = {name: self._behaviour(state) for name, state in self._tasks.items() if r.random() < 0.5}
        return {name: each for name, each in drawn.items() if each}

    def _behaviour(self, state: Document) -> Document:
        r, drawn = self._r, {}
        if r.random() < 0.5:
            error, rate = r.choice(["Busy", "Bad"]), r.choice([0, 0.3])
            drawn["failures"] = [{"error": error, "rate": rate, "first_attempts": r.randint(0, 2)}]
        if state["Resource"] != "arn:x":
            return drawn
        for name, share, value in (
            ("servers", 0.7, r.randint(1, 3)),
            ("capacity", 0.3, r.randint(1, 5)),
            ("heartbeat_s", 0.4, r.randint(1, 3)),
            ("priority", 0.3, "$.items[1]"),
            ("outputs", 0.3, [{"a": 1}, {"b.$": r.choice(["$.items", "$.nope"])}]),
        ):
            if r.random() < share:
                drawn[name] = value
        return drawn

    def _name(self, kind: str) -> str:
        self._names += 1
        return f"{kind}{self._names}"

    def _flow(self, depth: int) -> Document:
        r, states = self._r, {}
        forks = ["Parallel", "Map", "Map"] if depth else []
        for _ in range(r.randint(1, 3)):
            kind = r.choice(["Task", "Task", "Task", "Wait", "Choice", "Pass", *forks])
            name = self._name(kind)
            states[name] = {"Type": kind, **self._fields(kind, name, depth)}
        end = self._name("End")
        fails = {"Type": "Fail", "Error": r.choice(["Busy", "Other"]), "Cause": "MY_CODE: on purpose"}
        states[end] = fails if r.random() < 0.2 else {"Type": "Succeed"}
        for name, after in pairwise([*states]):
            state = states[name]
            if state["Type"] == "Choice":
                state["Choices"][0]["Next"], state["Default"] = after, end
            else:
                state["Next"] = after
            for catcher in state.get("Catch", ()):
                catcher["Next"] = after
        return {"StartAt": next(iter(states)), "States": states}

    def _fields(self, kind: str, name: str, depth: int) -> Document:
        r = self._r
        match kind:
            case "Task":
                state = self._tasks[name] = self._task() | self._recovery()
                return state
            case "Wait":
                return {"Seconds": r.randint(0, 3)}
            case "Choice":
                return {"Choices": [{"Variable": "$.items[0]", "NumericEquals": r.randint(0, 1)}]}
            case "Parallel":
                branches = [self._flow(depth - 1) for _ in range(r.randint(1, 3))]
                return {"Branches": branches, "ResultPath": None} | self._recovery()
            case "Map":
                selector = {"items.$": "$.items", "place.$": "$$.Map.Item.Index"}
                fields = {"ItemsPath": "$.items", "ResultPath": None, "ItemSelector": selector}
                fields |= {"MaxConcurrency": r.randint(0, 2), "ItemProcessor": self._flow(depth - 1)}
                return fields | self._recovery()
        return {}

    def _task(self) -> Document:
        r = self._r
        resource = r.choice(["arn:x", "arn:x", LAMBDA, f"{TRANSCODE}.sync", TRANSCODE])
        state: Document = {"Resource": resource, "ResultPath": None}
        if resource == LAMBDA:
            function = r.choice(["listing-media-validate", "listing-media-callback-dispatch", "other"])
            payload = {
                "status": r.choice(["SUCCEEDED", "TIMED_OUT", "FAILED", "RUNNING"]),
                "error": {"Cause": r.choice(["SOME_CODE: why", "why"])},
            }
            state["Parameters"] = {"FunctionName": function, "Payload": payload}
        if r.random() < 0.6:
            state["TimeoutSeconds"] = timeout = r.randint(1, 6)
            if timeout > 1 and r.random() < 0.4:
                state["HeartbeatSeconds"] = r.randint(1, timeout - 1)
        return state

    def _recovery(self) -> Document:
        r, fields = self._r, {}
        if r.random() < 0.6:
            error = r.choice(["Busy", "States.Timeout", "States.TaskFailed"])
            retrier = {"ErrorEquals": [error], "IntervalSeconds": r.randint(1, 3)}
            retrier |= {"MaxAttempts": r.randint(0, 3), "BackoffRate": r.choice([1.0, 1.5, 2.0])}
            fields["Retry"] = [retrier | {"JitterStrategy": r.choice(["FULL", "NONE"])}]
            if r.random() < 0.4:
                fields["Retry"].append({"ErrorEquals": ["States.ALL"], "MaxAttempts": r.randint(0, 2)})
        if r.random() < 0.5:
            fields["Catch"] = [{"ErrorEquals": [r.choice(["States.ALL", "Busy"])], "ResultPath": None}]
        return fields


def _is_known(state: Document) -> bool:
    function = state.get("Parameters", {}).get("FunctionName", "")
    return "mediaconvert" in state["Resource"] or function.startswith("listing-media-")


def _time(r: Random) -> Any:
    """Return a duration; most of them are whole seconds."""
    return r.choice(
        [
            0,
            r.randint(0, 3),
            r.randint(0, 3),
            {"distribution": "uniform", "low": 0.5, "high": 2.5},
            {"distribution": "lognormal", "median": 1.0, "sigma": 0.7},
            {"distribution": "exponential", "scale": 1.0, "min": 0.2, "max": 5},
            {"distribution": "gamma", "shape": 1.5, "scale": 0.8},
            {"distribution": "triangular", "low": 0, "mode": 1, "high": 2},
            {"distribution": "empirical", "values": [0.5, 1, 1, 2]},
        ]
    )


def _pipeline_models(r: Random) -> Document:
    """Return service times of some steps of the pipeline."""
    steps = ("validate", "thumbnails", "zip", "callback", "transcode")
    return {step: {"fixed_s": _time(r)} for step in steps if r.random() < 0.5}


def _flows(r: Random, *, own_machine: bool) -> list[Document]:
    items = [r.randint(0, 1), 2, 3][: r.randint(2, 3)]
    given = {"input": {"items": items}} if own_machine else {}
    shoot = {"name": "photo_shoot", "weight": 3, "photos": r.randint(0, 3), "videos": r.randint(0, 2)}
    others = [
        (0.4, {"name": "retry", "photos": 1, "videos": 0, "retries": r.randint(1, 2), **given}),
        (0.4, {"name": "viewer", "fetches": r.randint(0, 3)}),
        (0.3, {"name": "abandon", "weight": 0.5, "after": r.choice(["create", "uploads"])}),
        (0.3, {"name": "forbidden", "weight": 0.5}),
        (0.0 if own_machine else 0.3, {"name": "project_documents", "weight": 0.5}),
    ]
    return [shoot | given] + [flow for share, flow in others if r.random() < share]


def _faults(r: Random) -> list[Document]:
    error = r.choice(["Retryable", "Busy"])
    faults = [
        (0.3, {"kind": "lambda_error", "function": r.choice(PIPELINE), "rate": 0.4, "error": error}),
        (0.2, {"kind": "mediaconvert_error", "rate": 0.4}),
        (0.2, {"kind": "poisoned_message", "rate": 0.2}),
        (0.2, {"kind": "corrupt_file", "rate": 0.2}),
        (0.2, {"kind": "slow_callback", "rate": 0.5, "delay_s": 2, "from_s": 5, "until_s": 30}),
    ]
    return [fault for share, fault in faults if r.random() < share]


def _behaviour(r: Random) -> Document:
    return {
        "think_time_s": r.choice([0, 1, {"distribution": "uniform", "low": 0, "high": 2}]),
        "poll": {"first_s": 1, "cap_s": 4, "timeout_s": r.choice([10, 100, 1800])},
        "retry": {"base_s": 1, "max_attempts": r.randint(1, 3)},
    }


def _platform(r: Random) -> Document:
    sections: Document = {
        "stepfunctions": {"start_s": _time(r), "hop_s": _time(r), "plain_hop_s": _time(r)},
        "sqs": {
            "delivery_s": _time(r),
            "visibility_timeout_s": r.randint(1, 10),
            "max_receive_count": r.randint(1, 3),
            "duplicate_rate": r.choice([0, 0, 0.5]),
        },
        "dispatcher": {
            "threads": r.randint(1, 2),
            "batch_size": r.randint(1, 3),
            "message_s": _time(r),
            "outbox_s": _time(r),
            "reconciler_interval_s": r.choice([3, 10]),
            "reconcile_grace_s": r.choice([2, 10]),
            "stuck_job_timeout_s": r.choice([8, 30]),
            "abandon_after_s": r.choice([5, 20]),
            "dead_letter_interval_s": r.choice([2, 5]),
        },
        "lambda": {
            "cold_starts": r.random() < 0.6,
            "account_concurrency": r.choice([1000, 40, 42]),
            "keep_alive_s": r.choice([2, 600]),
            "reserved_concurrency": r.choice([{}, {"validate": 1}, {"validate": 0}]),
            "scale_up_bucket": r.choice([1, 1000]),
            "scale_up_per_s": 1,
        },
        "mediaconvert": {
            "slots": r.randint(1, 2),
            "completion_s": _time(r),
            "start_delay_s": _time(r),
            "speed": r.choice([1, 10, 3]),
        },
        "api": {
            "threads": r.randint(1, 2),
            "request_s": _time(r),
            "network_s": _time(r),
            "upload_ttl_s": r.choice([2, 900]),
        },
        "s3": {"request_s": _time(r)},
    }
    sections["stepfunctions"] |= r.choice([{}, {"transition_bucket": 2, "transition_per_s": 3}])
    sections["stepfunctions"] |= r.choice([{}, {}, {"start_bucket": 1, "start_per_s": 0.5}])
    sections["lambda"] |= r.choice(
        [{}, {"sandboxes": 1}, {"init_s": 1, "placement_s": 0}, {"cold_s": _time(r)}]
    )
    sections["mediaconvert"] |= r.choice([{}, {"create_bucket": 1, "create_per_s": 1}])
    sections["api"] |= r.choice([{}, {"longest_wait_s": 1}])
    kept = {name: section for name, section in sections.items() if r.random() < 0.7}
    preset = r.choice(["aws", "local", "simfaas"])
    return kept | {"preset": preset, "callback_s": _time(r), "host": _host(r)}


def _host(r: Random) -> Document:
    """Return the processors of the host, scarce ones for most systems, and what uses them."""
    times = ("request_cpu_s", "object_cpu_s", "message_cpu_s", "transition_cpu_s")
    steps = ("validate", "thumbnails", "zip", "transcode")
    return {
        "processors": r.choice([0, 1, 1, 2, 3]),
        **{time: r.choice([0, 0.25, 1, 1, 2, r.uniform(0, 0.1)]) for time in times},
        "work_processors": {step: r.choice([0, 0.75, 1, 1, 2]) for step in steps if r.random() < 0.8},
    }
