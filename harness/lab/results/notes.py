"""
Keys of a run header's notes that one floor writes and another reads.
"""

REMARKS = "remarks"
"""Sentences about the run that put nothing in doubt."""

UNOBSERVED = "unobserved_namespaces"
"""The CloudWatch namespaces a recorder had no means to see.

Of a namespace it saw in part, it lists single metrics, as the ``metrics`` table spells them, or the namespace
with the dimensions it could not see: ``AWS/Lambda{"FunctionName":"resize"}``."""
