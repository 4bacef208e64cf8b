"""Types of the messages between the coordinator and the workers, sent over Locust's own channel."""

PLAN = "media_plan"
"""To a worker: the scenario, the identities, its index and the number of workers. It prepares."""

READY = "media_ready"
"""To the coordinator: the handshake, and the worker's clock."""

START = "media_start"
"""To a worker: when the run begins."""

PROGRESS = "media_progress"
"""To the coordinator, twice a second: the counts."""

STOP = "media_stop"
"""To a worker: end now and record what is unfinished; or why the run cannot begin."""

PART = "media_part"
"""To the coordinator: a piece of a table, from a worker that does not share its disk."""

DEFECT = "media_defect"
"""To the coordinator: this worker cannot continue, and why."""

DONE = "media_done"
"""To the coordinator: everything is recorded; the worker's health."""

TO_WORKER = (PLAN, START, STOP)
TO_COORDINATOR = (READY, PROGRESS, PART, DEFECT, DONE)
