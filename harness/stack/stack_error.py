"""The base of the errors of the stack."""


class StackError(RuntimeError):
    """The stack, or a part of it, cannot start or has ended; the message says why and what to do."""
