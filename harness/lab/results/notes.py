"""Keys of the notes in a run's header that one package writes and another reads."""

REMARKS = "remarks"
"""Sentences about the run that do not put its figures in doubt."""

ABORTED = "aborted"
"""Why a live run was ended early: ``objective`` (its text), ``at_s`` (clock seconds) and ``why``."""

DAMAGED_PARTS = "damaged_parts"
"""Names of the part files of which the end could not be read: the rows since their last flush are missing."""

LOOPS = "returns_to_first_state"
"""Whether an execution of the simulated state machine can enter its first state again."""

TASKS = "tasks"
"""Names of the states that are Tasks, of a simulated state machine that is not the blueprint's."""

UNOBSERVED = "unobserved_namespaces"
"""The CloudWatch namespaces that the recorder could not observe.

Of a namespace observed in part, it lists single metrics, as the ``metrics`` table spells them, or the
namespace with the dimensions that were not observed: ``AWS/Lambda{"FunctionName":"resize"}``."""
