"""
A server that implements enough of the service's contract for load tests, and misbehaves on request.

It is two servers in one process, the API and the object store, so a client sees two hosts. It prints the URLs
as one line of JSON and runs until stdin is closed, so it cannot outlive a test.

    python fake_server.py --identities identities.csv --processing 0.1

Times are seconds. ``GET /_seen`` on either server returns its requests: method, path and headers.
"""

import argparse
import asyncio
import csv
import json
import sys
import threading
import time
from pathlib import Path

import uvicorn
from fake_service import Refused, Service, store

METRICS = """\
# TYPE media_batches_created_total counter
media_batches_created_total{{status="PENDING_UPLOAD"}} {created}
# TYPE media_batches_failed_total counter
media_batches_failed_total {failed}
# TYPE worker_loop_runs_total counter
# TYPE media_processing_dlq_messages_total counter
media_processing_dlq_messages_total 0.0
"""


async def read_body(receive):
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def respond(send, status, body, headers=()):
    headers = [(b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def as_json(value):
    return b"" if value is None else json.dumps(value).encode()


def headers_of(scope):
    return {name.decode().lower(): value.decode() for name, value in scope["headers"]}


def api_app(service):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        path = scope["path"]
        body = await read_body(receive)
        if path in {"/healthz", "/readyz"}:
            await respond(send, 200, b"{}")
            return
        if path == "/_seen":
            await respond(send, 200, as_json(service.seen))
            return
        if path == "/metrics":
            failed = sum(batch.status == "FAILED" for batch in service.batches.values())
            await respond(send, 200, METRICS.format(created=len(service.batches), failed=failed).encode())
            return
        service.seen.append(["POST", path, headers_of(scope)])
        if service.slow_status and path.endswith("/status"):
            await asyncio.sleep(service.slow_status)
        try:
            status, answer = service.answer(path, headers_of(scope), body)
        except Refused as refused:
            status = refused.status
            answer = {"code": status, "message": refused.reason, "details": {"reason": refused.reason}}
        await respond(send, status, as_json(answer), [(b"content-type", b"application/json")])

    return app


def store_app(service, seen):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        body = await read_body(receive)
        if scope["path"] == "/_seen":
            await respond(send, 200, as_json(seen))
            return
        headers = headers_of(scope)
        seen.append([scope["method"], scope["path"], headers])
        target = f"{scope['path']}?{scope['query_string'].decode()}"
        try:
            status, answer, extra = store(service, scope["method"], target, headers, body)
        except Refused as refused:
            status, answer, extra = refused.status, refused.reason.encode(), []
        await respond(send, status, answer, extra)

    return app


def read_identities(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return {row["token"]: (int(row["listing_id"]), row["role"]) for row in csv.DictReader(file)}


async def stall(for_s, every_s):
    """Block the event loop for *for_s* seconds in every *every_s*: no request is answered meanwhile."""
    next_at = time.perf_counter() + every_s
    while True:
        await asyncio.sleep(max(0.0, next_at - time.perf_counter()))
        time.sleep(for_s)
        next_at += every_s


async def serve(arguments):
    service = Service(
        identities=read_identities(arguments.identities),
        processing=arguments.processing,
        fail_first_job=arguments.fail_first_job,
        lenient=arguments.lenient,
        never_ready=arguments.never_ready,
        slow_status=arguments.slow_status,
        wrong_batch_id=arguments.wrong_batch_id,
    )
    servers, running, urls = [], [], {}
    for name, app in {"api_url": api_app(service), "store_url": store_app(service, [])}.items():
        config = uvicorn.Config(app, port=0, log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None
        sock = config.bind_socket()
        urls[name] = f"http://127.0.0.1:{sock.getsockname()[1]}"
        servers.append(server)
        running.append(asyncio.ensure_future(server.serve(sockets=[sock])))
    service.store_url = urls["store_url"]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
    if arguments.stall:
        running.append(asyncio.ensure_future(stall(*arguments.stall)))
    print(json.dumps(urls), flush=True)
    loop = asyncio.get_running_loop()
    closed = asyncio.Event()
    threading.Thread(
        target=lambda: (sys.stdin.read(), loop.call_soon_threadsafe(closed.set)), daemon=True
    ).start()
    await closed.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", required=True)
    parser.add_argument("--processing", type=float, default=0.1)
    parser.add_argument("--fail-first-job", action="store_true")
    parser.add_argument("--never-ready", action="store_true")
    parser.add_argument("--wrong-batch-id", action="store_true")
    parser.add_argument("--slow-status", type=float, default=0.0)
    parser.add_argument(
        "--lenient",
        default="",
        choices=["", "any_role", "any_token", "no_token", "any_signature", "any_checksum"],
    )
    parser.add_argument("--stall", type=float, nargs=2, metavar=("FOR_S", "EVERY_S"))
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
