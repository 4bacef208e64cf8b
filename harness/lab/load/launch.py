"""Starts Locust as a subprocess."""
