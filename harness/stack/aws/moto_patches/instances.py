"""
Replaces moto's list of every object that it has ever made.

moto keeps each message, log line, stored object and the like for a reset that the stack does not offer. So a
process grew with all that was sent through it, deleted or not.
"""

from typing import Any

from moto.core.common_models import BaseModel

from harness.stack.aws.moto_patches.source import replace


def forget_instances() -> None:
    """Keep only the objects that a service still has."""
    replace(BaseModel, "__new__", "122d2cd5b021", _new)


def _new(cls: type[BaseModel], *_: Any, **__: Any) -> BaseModel:
    return super(BaseModel, cls).__new__(cls)
