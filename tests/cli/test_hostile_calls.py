"""
Calls of the command line that ask for what cannot be: each is answered with a sentence and an exit code.
"""

import shlex
import shutil
from pathlib import Path

import pytest

from harness.cli.main import main

RUNS = Path(__file__).parents[2] / "fixtures" / "runs"

CALLS = (
    ("chekc good", 2, "did you mean check"),
    ("check file", 2, "not a run folder but a file"),
    ("check good --template nofile.yaml", 2, "nofile.yaml: No such file or directory"),
    ("check good --evaluation-range 99999999999999999999", 2, "is not in the range"),
    ("check good --baseline nowhere", 2, "nowhere is not a run folder"),
    ("check --vectors file", 2, "cannot be read as JSON"),
    ("report good --out folder", 2, "folder is a folder"),
    ("compare good nothing", 2, "nothing is not a run folder"),
    ("runs file", 2, "there is no folder file"),
    ("new file.toml", 2, "exists already"),
    ("new no/where/x", 2, "cannot be written"),
    ("sim binary.toml", 2, "is not UTF-8 text"),
    ("sim folder", 2, "Is a directory"),
    ("sim mine", 2, "did you mean mine.toml?"),
    ("sim 'żółw 🐢'", 2, "the scenarios are"),
    ("sim smoke --out file/x", 2, "cannot hold a run"),
    ("sim smoke --out /dev/full", 2, "cannot hold a run"),
    ("sim smoke --duration 1e30", 2, "duration_s must be less"),
    ("sim smoke --rate 1e18/s", 2, "reduce the arrival rate"),
    ("sim smoke --rate 0/s", 2, "a rate is above 0"),
    ("sim smoke --seed 99999999999999999999999999", 2, "seed must be less"),
    ("sim smoke --input nofile", 2, "--input nofile: No such file or directory"),
    ("sim smoke --set mediaconvert.slot=1", 2, "did you mean mediaconvert.slots"),
    ("sim smoke --json=yes", 2, "does not take a value"),
    ("sweep smoke --vary rate=1 --dask nonsense", 2, "no address of a Dask scheduler"),
    ("sweep smoke --vary rate=1 --out file", 2, "cannot be written to"),
    ("plan smoke --vary mediaconvert.slots --from 5 --to 2 --for 'p95(E2E:ready) <= 1 s'", 2, "from 5 to 2"),
    ("load smoke --host http://127.0.0.1:9 --identities binary.toml", 2, "is not UTF-8 text"),
    ("load smoke --host http://127.0.0.1:9 --identities folder", 2, "Is a directory"),
    ("load smoke --host http://127.0.0.1:9 --stack x --identities file", 2, "exclude each other"),
    (
        "load smoke --host http://127.0.0.1:9 --identities people.csv",
        5,
        "127.0.0.1:9/healthz does not answer",
    ),
    ("load smoke --host nonsense --identities people.csv", 5, "missing an 'http://'"),
    ("load smoke --stack nowhere", 5, "no stack 'nowhere' runs"),
    ("up --time-scale nan", 2, "needs modelled handlers"),
    ("up --port 30001 --aws-port 30001", 2, "choose two ports"),
    ("db status --url nonsense", 2, "must begin with mysql+pymysql://"),
    ("db migrate --url mysql://u:p@127.0.0.1:9/x", 5, "No answer from u@127.0.0.1:9/x"),
    ("demo nofile", 2, "there is no such file"),
    ("check deep", 2, "deep/run.json cannot be read"),
    ("runs .", 0, "deep/run.json cannot be read"),
    ("load /dev/zero --validate", 2, "/dev/zero: is longer than 64 MiB"),
    ("load endless.toml --validate", 2, "/dev/zero is longer than 64 MiB"),
    ("load trace.toml --validate", 2, "trace.csv:2: '0, much' is not a number in each column"),
    ("load model.toml --validate", 2, "model.zipp belongs to no Task"),
    ("load metric.toml --validate", 2, "did you mean media_batches_failed_total?"),
    ("load late.toml --validate", 2, "a time is not below 0"),
    ("load marked.toml --validate", 0, "reading marked.toml"),
    ("sim smoke --state-machine latin.json", 2, "latin.json is not UTF-8 text"),
    ("sim smoke --state-machine half.json", 2, "is half of a surrogate pair"),
    ("sim smoke --input half.json", 2, "is half of a surrogate pair"),
)

SCENARIO = """question = "Is it played?"
duration_s = 10
arrivals = [{ process = "paced", stages = [{ RATE, for_s = 10 }] }]
flows = [{ name = "photo_shoot" }]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work in a folder with a run, files that are not what their names say, and identities of one listing."""
    shutil.copytree(RUNS / "slow", tmp_path / "good")
    (tmp_path / "folder").mkdir()
    for name in ("file", "file.toml", "mine.toml"):
        (tmp_path / name).touch()
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "run.json").write_text("[" * 100_000)
    (tmp_path / "latin.json").write_bytes(b'{"StartAt": "\xe9"}')
    (tmp_path / "half.json").write_text('{"StartAt": "\\ud800", "States": {"\\ud800": {"Type": "Succeed"}}}')
    _write_scenarios(tmp_path)
    roles = ("photographer", "owner", "operator", "stranger")
    people = [f"{n},{int(n > 20)},{role},token" for n in range(1, 31) for role in roles]
    (tmp_path / "people.csv").write_text("\n".join(["listing_id,development,role,token", *people]))
    monkeypatch.setenv("HARNESS_STATE", str(tmp_path / "stack.json"))
    monkeypatch.chdir(tmp_path)


def _write_scenarios(folder):
    """Write scenarios with one mistake each, and a valid one with a byte order mark."""
    scenario = SCENARIO.replace("RATE", "hold_per_s = 1")
    objective = '[[objectives]]\nexpression = "{}"\n'
    (folder / "trace.toml").write_text(SCENARIO.replace("RATE", 'trace_csv = "trace.csv"'))
    (folder / "endless.toml").write_text(SCENARIO.replace("RATE", 'trace_csv = "/dev/zero"'))
    (folder / "trace.csv").write_text("at_s,rate_per_s\n0,much\n")
    (folder / "model.toml").write_text(f"{scenario}[model.zipp]\nfixed_s = 1\n")
    (folder / "metric.toml").write_text(scenario + objective.format("total(media_batches_faild_total) == 0"))
    (folder / "late.toml").write_text(scenario + objective.format("p95(E2E:ready) <= -1 s"))
    (folder / "marked.toml").write_text(scenario, encoding="utf-8-sig")


@pytest.mark.parametrize(("call", "code", "sentence"), CALLS, ids=[call for call, *_ in CALLS])
def test_it_is_answered(folder, capsys, call, code, sentence):
    """
    An error that is not expected would leave as a traceback, not as an exit code.
    """
    with pytest.raises(SystemExit) as left:
        main(shlex.split(call))

    assert left.value.code == code
    assert sentence in " ".join(capsys.readouterr().err.split())
