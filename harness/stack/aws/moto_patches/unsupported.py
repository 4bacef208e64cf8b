"""
Replaces moto's answer to a request that it cannot handle: status 501 and a sentence instead of status 500.

Clients repeat a request after a 500, and its answer is a page of HTML without a reason.
"""

import logging
from http import HTTPStatus

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from harness.stack.aws.error_answer import error_body

LOG = logging.getLogger(__name__)


def explain_failures(app: Flask) -> Flask:
    """Let a service of moto answer what it does not support with status 501."""
    app.register_error_handler(Exception, _answer)
    return app


def _answer(failure: Exception) -> Response:
    if isinstance(failure, HTTPException):
        return Response(failure.get_body(), failure.code, failure.get_headers())
    action = request.headers.get("X-Amz-Target") or request.form.get("Action") or request.path
    reason = f"{type(failure).__name__}: {failure}"
    LOG.warning("%s %s is not supported: %s", request.method, action, reason)
    body, headers = error_body(
        request.environ, "NotImplemented", f"The local AWS does not support {action} ({reason})."
    )
    return Response(body, HTTPStatus.NOT_IMPLEMENTED, headers)
