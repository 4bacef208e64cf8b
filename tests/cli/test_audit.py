"""
The verb ``harness audit``.
"""

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.audit.ledger import Violation
from harness.cli.main import main
from harness.lab.results.audit_file import read_audits, write_audit

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"


@pytest.fixture
def run(tmp_path):
    return Path(shutil.copytree(RUNS / "morning_live", tmp_path / "morning"))


@pytest.fixture
def audit(capsys):
    def call(*words: object):
        with pytest.raises(SystemExit) as left:
            main(["audit", *map(str, words)])
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return call


def change(run, **columns):
    """
    Replace values in the first row of the batches.
    """
    table = pq.read_table(run / "batches.parquet")
    for name, value in columns.items():
        values = [value, *table[name].to_pylist()[1:]]
        field = table.schema.field(name)
        index = table.column_names.index(name)
        table = table.set_column(index, field, pa.array(values, field.type))
    pq.write_table(table, run / "batches.parquet")


def test_a_run_that_lost_nothing_exits_with_0(run, audit):
    """
    Each rule is listed; what the tables cannot tell is marked.
    """
    code, out, _ = audit(run)

    assert code == 0
    assert "batch-lost" in out
    assert "tables: 73 accepted batches" in out
    assert read_audits(run)["tables"].passed


def test_a_lost_batch_exits_with_7_and_tells_its_story(run, audit):
    """
    The violation and what happened to the batch.
    """
    change(run, outcome=None, finished_at=None, observed_at=None)
    code, out, _ = audit(run)

    assert code == 7
    assert "VIOLATION batch-lost: " in out
    assert "was accepted and is PROCESSING (tables)" in out
    assert "received (attempt 1)" in out


def test_a_batch_that_had_not_ended_is_inconclusive(run, audit):
    """
    Nobody knows whether it was lost.
    """
    change(run, outcome=None, finished_at=None, observed_at=None, censored=True)
    code, out, _ = audit(run)

    assert code == 4
    assert "1 of them not ended" in out


def test_the_audit_of_the_stack_counts_too(run, audit):
    """
    It was made when the run ended, and is shown as it was found.
    """
    audit(run)
    whole = read_audits(run)["tables"]
    lost = Violation("download-missing", "b1", "offers a.jpg, which is not in the bucket")
    write_audit(run, "stack", type(whole)(1, 1, 0, ("download-missing",), (), (lost,), {}))
    code, out, _ = audit(run, "--json")
    audits = json.loads(out)["audits"]

    assert code == 7
    assert audits["stack"]["violations"][0]["rule"] == "download-missing"
    assert audits["tables"]["violations"] == []


def test_a_folder_that_is_no_run_exits_with_2(audit, tmp_path):
    """
    With the reason.
    """
    code, _, err = audit(tmp_path)

    assert code == 2
    assert "harness audit: " in err


def test_a_damaged_table_exits_with_2_even_if_no_rule_needs_it(run, audit):
    """
    The requests of batches that have all ended.
    """
    requests = run / "requests.parquet"
    requests.write_bytes(requests.read_bytes()[: requests.stat().st_size // 2])
    code, _, err = audit(run)

    assert code == 2
    assert "requests.parquet is damaged" in err
    assert not (run / "audit.json").exists()
