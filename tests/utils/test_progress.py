from utils.progress import Progress, duration


def test_durations_read_as_a_clock():
    assert [duration(s) for s in (0, 59.6, 61, 3723)] == ["0:00", "1:00", "1:01", "1:02:03"]


def test_a_file_gets_lines_with_the_time_left(capsys):
    with Progress("reading", 4, start=1, every_s=0) as progress:
        progress.step()
        progress.at(4, "loss 1")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("reading 2/4  ")
    assert lines[-1] == "reading 4/4  loss 1  0:00 left"


def test_other_processes_keep_quiet(capsys):
    with Progress("reading", 2, every_s=0, show=False) as progress:
        progress.step(2)
    assert capsys.readouterr().err == ""
