"""Error answers of the local AWS, in the format that the client of the request expects."""

import json
from wsgiref.types import WSGIEnvironment

QUERY = "application/x-www-form-urlencoded"
"""Content type of requests whose answers are XML; all others have answers in JSON."""


def error_body(environ: WSGIEnvironment, code: str, message: str) -> tuple[bytes, list[tuple[str, str]]]:
    """Return the body of an error answer and its headers."""
    if environ.get("CONTENT_TYPE", "").startswith(QUERY):
        kind = "text/xml"
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>"
            f"<Message>{_escaped(message)}</Message></Error></ErrorResponse>"
        )
    else:
        kind, text = "application/json", json.dumps({"__type": code, "message": message})
    body = text.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("x-amzn-ErrorType", code)]
    return body, headers


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
