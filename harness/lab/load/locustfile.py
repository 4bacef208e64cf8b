"""
What Locust loads to play a scenario; see `harness.lab.load.wiring`.
"""

from locust import events

from harness.lab.load.wiring import Arrivals, Wiring

__all__ = ["Arrivals"]

Wiring().install(events)
