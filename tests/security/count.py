"""
Send every hostile request and write the tables of ``docs/explanation/security.md``: ``make security``.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.security import test_authorization as authorization
from tests.security.attacks import Attack, all_attacks
from tests.service.api.conftest import env_of, open_env
from tests.service.rehearsal.reliability import filled

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "security.md"


def play(attacks: Sequence[Attack]) -> list[tuple[Attack, int]]:
    """Return the status of the answer to each attack, by a service in memory."""
    client, ports = open_env()
    client.event_hooks = {}
    with client:
        env = env_of(client, ports)
        env.received()
        return [
            (
                one,
                client.request(
                    one.method, one.path, headers=dict(one.headers), content=one.content
                ).status_code,
            )
            for one in attacks
        ]


def table(played: Sequence[tuple[Attack, int]]) -> str:
    """Return the number of attacks and of answers by kind as a table of Markdown."""
    lines = [
        "| kind | tried | accepted, because harmless | refused 4xx | 5xx | wrong answer |",
        "|---|---|---|---|---|---|",
    ]
    kinds = [*dict.fromkeys(one.kind for one, _ in played), "all"]
    for kind in kinds:
        of_kind = [(one, status) for one, status in played if kind in (one.kind, "all")]
        classes = Counter(status // 100 for _, status in of_kind)
        wrong = sum(status not in one.answers for one, status in of_kind)
        lines.append(f"| {kind} | {len(of_kind)} | {classes[2]} | {classes[4]} | {classes[5]} | {wrong} |")
    return "\n".join(lines)


def matrix() -> str:
    """Return who may do what as a table of Markdown: the table that the tests check cell by cell."""
    lines = ["| role | " + " | ".join(authorization.ENDPOINTS) + " |", "|---" * 7 + "|"]
    for role in authorization.ROLES:
        cells = []
        for endpoint in authorization.ENDPOINTS:
            got = [authorization.expected(endpoint, family, role) for family in authorization.CONTROL]
            cells.append(str(got[0]) if got[0] == got[1] else f"shoot {got[0]}, project {got[1]}")
        lines.append(f"| {role} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Write the page; return 1 if an answer was wrong."""
    played = play(all_attacks())
    wrong = [(one.kind, one.name, status) for one, status in played if status not in one.answers]
    for kind, name, status in wrong:
        sys.stderr.write(f"{kind}: {name}: {status}\n")
    tables = {"attacks": table(played), "matrix": matrix()}
    PAGE.write_text(filled(PAGE.read_text(), tables))
    sys.stdout.write(f"{len(played)} attacks, {len(wrong)} wrong answers: {PAGE.name}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
