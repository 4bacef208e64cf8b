"""The file that Locust loads to play a scenario; see `harness.lab.load.locust.wiring`."""

from locust import events

from harness.lab.load.locust.wiring import IdleUser, LocustWiring

__all__ = ["IdleUser"]

LocustWiring().install(events)
