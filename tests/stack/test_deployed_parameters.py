"""
Parameters of the simulated platform that a stack can be deployed with.
"""

import pytest

from harness.blueprint.template import load_template
from harness.lab.sim.platform.platform_settings import Platform
from harness.service.settings import PREFIX, Settings
from harness.stack.deployed_parameters import SERVICE, TEMPLATE, DeployedParameters, can_be_deployed


def test_the_template_has_the_values():
    """
    Slots, visibility and concurrency of the deployed resources are those of the platform.
    """
    values = {
        "mediaconvert.slots": 3,
        "sqs.visibility_timeout_s": 45.0,
        "lambda.reserved_concurrency.thumbnails": 7,
    }
    template = load_template(parameters={"CallbackUrl": "", **DeployedParameters.of(values).template})

    assert template.media_convert_queue.concurrent_jobs == 3
    assert template.queue.visibility_timeout == 45
    assert template.functions["listing-media-thumbnails"].reserved_concurrency == 7


def test_every_variable_is_one_of_the_service():
    """
    A misspelt one would be ignored.
    """
    fields = {PREFIX + name.upper() for name in Settings.model_fields}

    assert set(SERVICE.values()) <= fields
    assert DeployedParameters.of({"dispatcher.threads": 4}).service == {"MEDIA_DISPATCHER_THREADS": "4"}


@pytest.mark.parametrize("key", [*TEMPLATE, *SERVICE])
def test_every_key_is_a_parameter_of_the_platform(key):
    """
    The simulator and the stack mean the same by it.
    """
    assert can_be_deployed(key)
    assert Platform.read({}, {key: 5})


@pytest.mark.parametrize("key", ["stepfunctions.hop_s", "lambda.cold_starts", "rate"])
def test_what_describes_aws_cannot_be_deployed(key):
    """
    The stack has latencies of its own; a rate belongs to the scenario.
    """
    assert not can_be_deployed(key)
