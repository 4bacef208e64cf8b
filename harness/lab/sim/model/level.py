"""
A gauge whose samples are peaks.
"""


class Level:
    """
    A number that rises and falls.

    A sample is the highest value since the previous sample: momentary values every few seconds would miss
    short peaks.
    """

    __slots__ = ("_peak", "value")

    def __init__(self) -> None:
        self.value = 0
        self._peak = 0

    def set(self, value: int) -> None:
        self.value = value
        self._peak = max(self._peak, value)

    def sample(self) -> float:
        """Return the highest value since the last call."""
        peak, self._peak = self._peak, self.value
        return float(peak)
