"""
What the conductor and the workers say to each other, over Locust's own channel.
"""

PLAN = "media_plan"
"""To a worker: the scenario and the identities. It prepares."""

READY = "media_ready"
"""To the conductor: the handshake, and the worker's clock."""

START = "media_start"
"""To a worker: when the run begins, its index, and how many there are."""

PROGRESS = "media_progress"
"""To the conductor, once a second: what was counted."""

STOP = "media_stop"
"""To a worker: end now, record what is unfinished; or why the run cannot begin."""

PART = "media_part"
"""To the conductor: a piece of a table, from a worker that does not share its disk."""

DEFECT = "media_defect"
"""To the conductor: this worker cannot go on, and why."""

DONE = "media_done"
"""To the conductor: everything is recorded; the worker's health."""
