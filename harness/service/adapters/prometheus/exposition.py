"""The HTTP response with all metrics of a process, in the text format of Prometheus."""

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import Response


def metrics_response(registry: CollectorRegistry) -> Response:
    """Return the response to a request for ``/metrics``."""
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
