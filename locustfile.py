"""
Play a scenario with Locust's own command line.

`harness load` does this for you, on one machine or several, and then merges the tables and evaluates the run.
Use Locust directly for its own options:

    locust -f locustfile.py --headless --host http://localhost:8080 \\
        --scenario scenarios/smoke.toml --identities identities.csv --run-folder runs/by-hand
"""

from harness.lab.load.locust.locustfile import IdleUser

__all__ = ["IdleUser"]
