"""
The extras of the distribution that bring optional packages.
"""

EXTRAS = {
    "load": ("av", "gevent", "httptools", "imageio_ffmpeg", "locust", "pillow_heif", "prometheus_client"),
    "stack": (
        *("awscrt", "cheroot", "fastapi", "fastapi_offline", "flask", "granian", "jwt", "moto"),
        *("pydantic_settings", "pymysql", "starlette", "structlog", "uvicorn", "werkzeug"),
    ),
    "notebooks": ("ipywidgets", "jupyterlab"),
    "cluster": ("distributed",),
    "sensitivity": ("SALib",),
}
"""Importable packages by the extra that brings them."""


def missing_package(error: ModuleNotFoundError) -> str | None:
    """Return what to install for a package that is missing; None if no extra brings it."""
    package = (error.name or "").partition(".")[0]
    for extra, packages in EXTRAS.items():
        if package in packages:
            return f"the package {package} is missing: pip install 'media-harness[{extra}]'"
    return None
