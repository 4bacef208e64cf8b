"""The refusal of the compiled engine; nothing here needs Numba."""


class NotLowerable(ValueError):
    """The compiled engine cannot play this exactly, or not here; the message says why."""


class TooLarge(NotLowerable):
    """Something has more parts than the compiled engine has numbers or room for."""
