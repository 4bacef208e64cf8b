"""
Looks up the locked dependencies in a database of known vulnerabilities: ``make audit-dependencies``.

Exit code 0: none is known. 3: some are. 4: the database, or the auditor itself, could not be reached, so
nothing is known. An argument is another file of requirements.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
AUDITOR = "pip-audit==2.9.0"
TIMEOUT_S = 600
FOUND, UNKNOWN = 3, 4


def main() -> int:
    lock = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "requirements.lock"
    if not lock.is_file():
        print(f"{lock} is not a file", file=sys.stderr)
        return 2
    command = [
        str(ROOT / ".venv/bin/uv"),
        "tool",
        "run",
        AUDITOR,
        "-r",
        str(lock),
        "--no-deps",
        "--disable-pip",
    ]
    try:
        done = subprocess.run(
            [*command, "-f", "json", "--progress-spinner", "off"],
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        audited = json.loads(done.stdout)["dependencies"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        reason = done.stderr.strip().splitlines()[-1:] if isinstance(error, ValueError) else [str(error)]
        print(f"Nothing is known: the audit did not run: {' '.join(reason)}", file=sys.stderr)
        return UNKNOWN
    return report(audited)


def report(audited: list[dict]) -> int:
    """Print what was found; return the exit code."""
    skipped = [one for one in audited if "skip_reason" in one]
    having = [one for one in audited if one.get("vulns")]
    for one in having:
        ids = ", ".join(found["id"] for found in one["vulns"])
        fixes = sorted({version for found in one["vulns"] for version in found["fix_versions"]})
        print(f"{one['name']} {one['version']}: {ids}; mended in {', '.join(fixes) or 'no version yet'}")
    for one in skipped:
        print(f"{one['name']}: not looked up: {one['skip_reason']}")
    print(
        f"{len(audited) - len(skipped)} looked up, {len(having)} with known vulnerabilities, "
        f"{len(skipped)} not known"
    )
    return FOUND if having else UNKNOWN if skipped else 0


if __name__ == "__main__":
    raise SystemExit(main())
