"""
Workers count, the coordinator adds up, and one small file shows the sums.
"""

from harness.lab.load.progress import Progress, Tally, Total


def test_the_counts_of_all_workers_add_up():
    """
    Reports are cumulative: a newer one replaces the older of the same worker.
    """
    total = Total()
    total.add("a", {"counts": {"started": 3, "ready": 1}, "ready": [1.0]})
    total.add("a", {"counts": {"started": 5, "ready": 2}, "ready": [3.0]})
    total.add("b", {"counts": {"started": 2, "ready": 1}, "ready": [2.0]})

    progress = total.progress(12.0, "playing", scheduled=100)

    assert (progress.started, progress.ready, progress.scheduled) == (7, 3, 100)
    assert (progress.ready_p50_s, progress.ready_p99_s) == (2.0, 3.0)


def test_end_to_end_times_are_reported_once():
    """
    A report has all counts, and the times since the last report.
    """
    tally = Tally()
    tally.batch_ready(4.0)

    first, second = tally.take_report(1.0), tally.take_report(2.0)

    assert first == {"counts": {"ready": 1}, "ready": [4.0]}
    assert second == {"counts": {"ready": 1}, "ready": []}


def test_progress_survives_its_file(tmp_path):
    """
    The values are read as they were written.
    """
    written = Progress(at_s=2.5, phase="draining", scheduled=10, started=9, ready_p50_s=0.25)

    written.write(tmp_path / "progress.json")

    assert Progress.read(tmp_path / "progress.json") == written


def test_a_run_without_a_file_is_preparing(tmp_path):
    """
    The file may be read before the coordinator has written it.
    """
    assert Progress.read(tmp_path / "progress.json").phase == "preparing"
