"""
Numbers that rise and fall: what a gauge shows.
"""


class Level:
    """
    A number that rises and falls.

    A sample every few seconds would miss what comes and goes between two; so a sample is the most there
    was since the one before.
    """

    __slots__ = ("_most", "value")

    def __init__(self) -> None:
        self.value = 0
        self._most = 0

    def set(self, value: int) -> None:
        self.value = value
        self._most = max(self._most, value)

    def sample(self) -> float:
        """Return the most it was since the last call."""
        most, self._most = self._most, self.value
        return float(most)
