"""
A queue as a scenario: one Task with a number of servers, and a platform that takes no time.
"""

import pytest

from harness.lab.sim.sweep.parameters import VariableSystem
from harness.lab.workload.scenario import Scenario

NOTHING = {"distribution": "constant", "value": 0}
INSTANT = {
    "dispatcher.threads": 20,
    "s3.bytes_per_s": 1e15,
    **dict.fromkeys(("stepfunctions.start_s", "stepfunctions.hop_s", "sqs.delivery_s"), NOTHING),
    **dict.fromkeys(("dispatcher.message_s", "dispatcher.outbox_s", "s3.request_s"), NOTHING),
    **dict.fromkeys(("api.request_s", "api.network_s", "callback_s"), NOTHING),
}
MACHINE = {"StartAt": "Work", "States": {"Work": {"Type": "Task", "Resource": "arn:mine", "End": True}}}


@pytest.fixture(scope="session")
def queue():
    """Return a function that makes an M/M/c queue: rate [1/s], mean service time 20 s."""

    def make(rate, duration, **changes):
        fields = {
            "name": "queue",
            "question": "How many servers?",
            "duration_s": duration,
            "drain_s": 600,
            "arrivals": [{"process": "poisson", "stages": [{"hold_per_s": rate, "for_s": duration}]}],
            "flows": [{"name": "photo_shoot", "photos": 1, "videos": 0}],
            "model": {"Work": {"fixed_s": {"distribution": "exponential", "scale": 20}}},
            "behaviour": {"poll": {"first_s": 600, "cap_s": 600}},
        }
        scenario = Scenario.model_validate(fields | changes)
        return VariableSystem(scenario, INSTANT, state_machine=MACHINE)

    return make
