"""Values for JSON, which has no infinite numbers."""

import math
from typing import Any


def json_value(value: Any) -> Any:
    """Return plain values with None in place of each number that is infinite or not a number."""
    if isinstance(value, dict):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
