"""
Builds the files that the template's parameters CodeKey and DefinitionKey name, in build/bundle.

The same sources and lock file give the same bytes. Dependencies are wheels for the functions' runtime
(Python 3.12, x86_64); boto3 is part of that runtime and left out.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "bundle"
PYTHON_VERSION = "3.12"
PLATFORM = "x86_64-manylinux_2_28"
PACKAGES = [
    "av",
    "cryptography",
    "httpx",
    "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry-sdk",
    "pillow",
    "pillow-heif",
    "pypdf",
    "structlog",
]
RUNTIME_PACKAGES = ["boto3"]
"""What AWS installs beside a function of this runtime."""
SOURCES = [
    "harness/__init__.py",
    "harness/service/__init__.py",
    "harness/service/adapters/__init__.py",
    "harness/service/adapters/opentelemetry",
    "harness/service/adapters/stepfunctions",
    "harness/service/aws_clients.py",
    "harness/service/core",
    "harness/service/pipeline",
    "harness/states_language",
]
HANDLERS = ["validate", "thumbnails", "zip_bundle", "callback_dispatch"]
UNZIPPED_MAX_BYTES = 250 * 2**20
"""Lambda's limit of an unzipped bundle."""
EPOCH = (1980, 1, 1, 0, 0, 0)
INSTALLER_FILES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"}
"""Files that an installer writes; they differ from machine to machine."""


def main() -> None:
    shutil.rmtree(BUILD, ignore_errors=True)
    content = BUILD / "content"
    install(PACKAGES, content)
    for source in SOURCES:
        copy(ROOT / source, content / source)
    shutil.copyfile(ROOT / "harness/blueprint/media_processing.asl.json", BUILD / "media_processing.asl.json")
    files = sorted(path for path in content.rglob("*") if path.is_file() and is_needed(path))
    bundle = BUILD / "pipeline.zip"
    write_zip(bundle, content, files)
    unzipped = sum(path.stat().st_size for path in files)
    if unzipped > UNZIPPED_MAX_BYTES:
        raise SystemExit(f"the bundle has {unzipped / 2**20:.0f} MiB unzipped; Lambda takes 250 MiB")
    check_imports(bundle)
    digest = hashlib.sha256(bundle.read_bytes()).hexdigest()
    zipped = bundle.stat().st_size
    size = f"{zipped / 2**20:.1f} MiB, {unzipped / 2**20:.1f} MiB unzipped"
    print(f"{bundle.relative_to(ROOT)}: {size}")
    print(f"sha256 {digest}")
    print(f"{(BUILD / 'media_processing.asl.json').relative_to(ROOT)}: the definition")
    shutil.rmtree(content)


def install(packages: list[str], target: Path) -> None:
    """Install wheels for the runtime, in the versions of the lock file."""
    command = [str(ROOT / ".venv/bin/uv"), "pip", "install", "-q", "--target", str(target)]
    command += ["--python-version", PYTHON_VERSION, "--python-platform", PLATFORM, "--only-binary", ":all:"]
    command += ["--constraint", str(ROOT / "requirements.lock"), "--link-mode", "copy", *packages]
    subprocess.run(command, check=True)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def is_needed(path: Path) -> bool:
    is_of_installer = path.parent.name.endswith(".dist-info") and path.name in INSTALLER_FILES
    return not is_of_installer and "__pycache__" not in path.parts and path.parts[-2] != "bin"


def write_zip(bundle: Path, content: Path, files: list[Path]) -> None:
    """Write *files* in order, with one date and one mode: the bytes depend on the content alone."""
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files:
            info = zipfile.ZipInfo(path.relative_to(content).as_posix(), EPOCH)
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, path.read_bytes())


def check_imports(bundle: Path) -> None:
    """Import each handler from the unpacked bundle, with an interpreter that finds nothing else but boto3."""
    python = interpreter()
    if python is None:
        print(f"imports not checked: name a Python {PYTHON_VERSION} with BUNDLE_PYTHON", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        task, runtime = Path(folder, "task"), Path(folder, "runtime")
        with zipfile.ZipFile(bundle) as archive:
            archive.extractall(task)
        install(RUNTIME_PACKAGES, runtime)
        for handler in HANDLERS:
            code = f"import sys; sys.path += [{str(task)!r}, {str(runtime)!r}]\n"
            code += f"from harness.service.pipeline.{handler} import handler\nassert callable(handler)"
            subprocess.run([python, "-I", "-S", "-B", "-c", code], check=True, cwd=folder, env={})
    print(f"imports checked: {', '.join(HANDLERS)} with Python {PYTHON_VERSION}")


def interpreter() -> str | None:
    """Return a Python of the runtime's version: ``BUNDLE_PYTHON``, or one on the path; None without."""
    for candidate in filter(None, (os.environ.get("BUNDLE_PYTHON"), shutil.which(f"python{PYTHON_VERSION}"))):
        version = "import sys; print('.'.join(map(str, sys.version_info[:2])))"
        found = subprocess.run([candidate, "-c", version], capture_output=True, text=True, check=False)
        if found.stdout.strip() == PYTHON_VERSION:
            return candidate
    return None


if __name__ == "__main__":
    main()
