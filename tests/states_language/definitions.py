"""
Short definitions of state machines for tests.
"""

DONE = {"Type": "Succeed"}


def machine(**states):
    """Return a definition that starts at its first state."""
    return {"StartAt": next(iter(states)), "States": states}


def task(**fields):
    """Return a Task that ends its state machine, with *fields* added or replaced."""
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True, **fields}
