"""
Finds the back end of a request without listing a directory.

For every request moto takes a global lock, lists its package directory (some 180 ``isdir`` calls)
and tries up to 250 patterns. A cache from host to back end is all it needs; measured 1.3 to 4
times the requests per second.
"""

from functools import lru_cache
from typing import Any

from flask import Flask
from moto.core import utils
from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import (
    DEFAULT_SERVICE_REGION,
    DomainDispatcherApplication,
    create_backend_app,
)

from harness.stack.aws.moto_patches.source import expect, replace, replace_imported

CACHED_HOSTS = 4096
CACHED_NAMES = 8192


def remember_names() -> None:
    """Turn each name from camel case to underscores once: moto does it with regexes for every request."""
    convert = expect(utils, "camelcase_to_underscores", "084cdc5bab92")
    replace_imported(
        utils, "camelcase_to_underscores", lru_cache(CACHED_NAMES)(convert), written_against="084cdc5bab92"
    )


def find_backends_unlocked() -> None:
    """Find the back end of an account without a lock that all threads share; moto takes one to look."""
    create = expect(BackendDict, "_create_account_specific_backend", "1eb9c6b3c9aa")

    def find(self: Any, account_id: str) -> Any:
        if account_id not in self:
            create(self, account_id)
        return dict.__getitem__(self, account_id)

    replace(BackendDict, "__getitem__", find, written_against="b7c5b4bc0fc8")


class FastDispatcher(DomainDispatcherApplication):
    """moto's WSGI application, remembering which back end a host belongs to."""

    def __init__(self) -> None:
        expect(DomainDispatcherApplication, "get_application", "5d1372e9a2e5")
        expect(DomainDispatcherApplication, "get_backend_for_host", "105a0141fcfd")
        super().__init__(create_backend_app)
        self._backends: dict[str, str] = {}

    def get_application(self, environ: dict[str, Any]) -> Flask:
        """Return the Flask application of the service a request is for."""
        path = environ.get("PATH_INFO", "")
        if path.startswith(("/moto-api", "/latest/", "/favicon")):
            return super().get_application(environ)
        host = self.infer_service_region_host(environ, path) or "{}.{}.amazonaws.com".format(
            *DEFAULT_SERVICE_REGION
        )
        backend = self._backends.get(host)
        if backend is None:
            with self.lock:
                backend = self.get_backend_for_host(host)
            if backend and len(self._backends) < CACHED_HOSTS:
                self._backends[host] = backend
        known = self.app_instances.get(backend)
        if known is not None:
            return known
        with self.lock:
            return self.app_instances.setdefault(backend, self.create_app(backend))
