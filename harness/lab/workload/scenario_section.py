"""The base class of every table of a scenario file."""

from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

AS_IT_IS = ("metadata", "default", "serialization")
"""Parts of a schema that validate nothing."""


def _number(given: object) -> object:
    if isinstance(given, bool | str):
        raise PydanticKnownError("float_type")
    return given


def _with_strict_numbers(schema: Any) -> Any:
    """Return a schema in which booleans and texts are no numbers; tables inside have one already."""
    if isinstance(schema, list):
        return [_with_strict_numbers(each) for each in schema]
    if not isinstance(schema, dict) or schema.get("type") == "model":
        return schema
    if schema.get("type") in ("int", "float"):
        found: Any = schema
        return core_schema.no_info_before_validator_function(_number, found)
    return {key: each if key in AS_IT_IS else _with_strict_numbers(each) for key, each in schema.items()}


class ScenarioSection(BaseModel):
    """
    A table of a scenario file: it cannot be changed, and unknown keys and infinite numbers are errors.

    Booleans and texts are no numbers; a field that accepts a text, e.g. a time, reads it before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        model: Any = handler.resolve_ref_schema(schema)
        # Validators of the whole table are around its model.
        while model["type"] != "model":
            model = model["schema"]
        model["schema"] = _with_strict_numbers(model["schema"])
        return schema
