"""``harness audit``: whether a run lost or doubled anything."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.completion import runs
from harness.cli.exit_codes import ExitCode
from harness.cli.failures import exit_on_invalid_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from harness.audit.auditor import Audit


def audit(
    run: Annotated[Path, typer.Argument(help="The run folder to audit.", autocompletion=runs)],
    json: Annotated[bool, typer.Option("--json", help="Print the audits as JSON on stdout.")] = False,
) -> None:
    """
    Audit a run: every accepted batch has ended once, and everything agrees.

    The tables of the run are audited again. The audit of the stack (database, bucket, Step Functions, logs)
    was made when a live run ended, and is shown as it was found.

    Writes audit.json into the run folder.
    Exit codes: 0 nothing was lost or doubled, 2 unreadable, 4 batches had not ended, 7 a rule is broken.

    Example: harness audit runs/20260102T101500Z-smoke-live
    """
    import json as json_module

    from harness.lab.results.audit_file import TABLES, AuditFile, read_audits, write_audit
    from harness.lab.results.run import Run
    from harness.lab.results.table_audit import audit_tables

    with exit_on_invalid_input("audit"):
        write_audit(run, TABLES, audit_tables(Run.load(run).in_memory()))
        audits = read_audits(run)
        if json:
            content = AuditFile(audits=audits).model_dump(mode="json")
            sys.stdout.write(json_module.dumps(content, indent=2, ensure_ascii=False) + "\n")
        else:
            _show(audits)
    raise typer.Exit(_code(audits))


def _code(audits: "Mapping[str, Audit]") -> ExitCode:
    if not all(one.passed for one in audits.values()):
        return ExitCode.AUDIT
    return ExitCode.INCONCLUSIVE if any(one.unfinished for one in audits.values()) else ExitCode.OK


def _show(audits: "Mapping[str, Audit]") -> None:
    from rich.console import Console

    for source, one in audits.items():
        lines = [f"VIOLATION {violation} ({source})" for violation in one.violations]
        for batch_id, story in one.stories.items():
            lines += [f"batch {batch_id}:", *(f"  {line}" for line in story)]
        sys.stdout.writelines(f"{line}\n" for line in lines)
    Console().print(_table(audits))
    for source, one in audits.items():
        unfinished = f", {one.unfinished} of them not ended" if one.unfinished else ""
        sys.stdout.write(f"{source}: {one.accepted} accepted batches{unfinished}\n")


def _table(audits: "Mapping[str, Audit]") -> "Table":
    from rich.table import Table

    from harness.audit.rules import RULES

    table = Table("rule", "what must hold", *audits, box=None)
    for rule in RULES:
        cells: list[Any] = []
        for one in audits.values():
            broken = sum(violation.rule == rule.id for violation in one.violations)
            cells.append("–" if rule.id in one.not_applied else f"{broken} broken" if broken else "holds")
        table.add_row(rule.id, rule.says, *cells)
    return table
