"""
Benchmarks of the harness, run by ``harness bench`` from a source checkout; they are not part of the package.

The modules `load`, `sim` and `judge` are the suites. Each has a function ``figures`` that measures.
"""
