"""Progress is silent unless asked for, floods no log, and never ends the work."""

import io
import logging

import pytest

from benchmarks._samplers import make_sampler
from counterpoise._progress import BarProgress, Progress, make_progress
from counterpoise.generation._rejection_sampling import Drawing
from tests.small_models import QUICK, mixed_frame


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_silent_progress_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with make_progress(False).stage("training", total=3, unit="rows") as advance:
        advance(2)
        advance()
        advance.note("loss 1.0")
    assert capfd.readouterr() == ("", "")


def test_kind_follows_verbose() -> None:
    assert isinstance(make_progress(True), BarProgress)
    assert type(make_progress(False)) is Progress


def test_log_gets_a_line_for_a_short_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with make_progress(True).stage("training", total=1000, unit="rows") as advance:
        for step in range(100):
            advance(10)
            advance.note(f"loss {step}")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("training: 1000/1000 rows (100%) [")
    assert err.endswith(" rows/s], loss 99\n")
    assert err.count("\n") == 1


def test_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    elapsed_s = 0.0
    monkeypatch.setattr("tqdm.std.time", lambda: elapsed_s)
    log = io.StringIO()
    with BarProgress(log).stage("generation", total=40, unit="rows") as advance:
        for _ in range(4):
            elapsed_s += 6
            advance(10)
    shown = [line.split(" rows")[0] for line in log.getvalue().splitlines()]
    assert shown == ["generation: 20/40", "generation: 40/40"]


def test_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQDM_DISABLE", "1")
    terminal = Terminal()
    with BarProgress(terminal).stage("training", total=10, unit="rows") as advance:
        advance.note("loss 2.5")
        advance(10)
    assert "\rtraining: 100%" in terminal.getvalue()
    assert "10/10" in terminal.getvalue()
    assert "rows/s, loss 2.5]" in terminal.getvalue()


def test_stage_is_closed_by_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with make_progress(True).stage("training", total=10, unit="rows") as advance:
            advance(5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert capsys.readouterr().err.startswith("training: 5/10 rows (50%)")


@pytest.mark.parametrize("n", [210, 1007])
def test_a_stage_that_finishes_ends_at_100_percent(n: int) -> None:
    # it stops early, or its last batch is larger than what was left
    log, terminal = io.StringIO(), Terminal()
    for stream in (log, terminal):
        with BarProgress(stream).stage("training", total=1000, unit="rows") as advance:
            advance(n)
    assert log.getvalue().startswith(f"training: {n}/{n} rows (100%)")
    last = terminal.getvalue().rstrip().split("\r")[-1]
    assert last.startswith("training: 100%|")
    assert f"| {n}/{n} [" in last
    assert "?" not in log.getvalue()


def test_rows_are_told_as_accepted_and_rejected() -> None:
    log = io.StringIO()
    with BarProgress(log).stage("generating", total=1000, unit="rows") as stage:
        drawing = Drawing(stage)
        drawing(1000)
        assert stage.n == 1000
        drawing.decide(600, 400)
        assert stage.n == 600
        drawing(500)  # of which six in ten are likely to be accepted
        assert 895 < stage.n < 905
        drawing.decide(400, 60)
    assert log.getvalue().startswith("generating: 1000/1000 rows (100%)")
    assert log.getvalue().endswith("1,000 accepted, 460 rejected\n")


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class BrokenTerminal(Broken):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Broken(), BrokenTerminal(), Terminal(), None])
def test_progress_that_cannot_be_shown_is_dropped(
    stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if isinstance(stream, Terminal):
        stream.close()
    monkeypatch.setattr("sys.stderr", stream)
    progress = make_progress(True)
    progress.say("estimate")
    with progress.stage("training", total=10, unit="rows") as advance:
        advance(5)
        advance.note("loss 1")
        advance(5)
    assert advance.n == 10


def test_each_phase_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="counterpoise"):
        sampler = make_sampler(**QUICK).fit(*mixed_frame(60))
        for _ in sampler.sample_chunks(30, chunk_size=10, class_="yes"):
            pass
    lines = [record.getMessage() for record in caplog.records if record.name == "counterpoise"]
    phases = list(dict.fromkeys(line.split(":")[0] for line in lines))
    assert phases == ["columns and relations", "selection classifier", "training", "generating"]
    assert lines[-2] == "generating: 30 rows to do"
    assert lines[-1].startswith("generating: 30 rows in ")
    assert "30 accepted" in lines[-1]


def test_a_phase_that_fails_is_logged_as_such(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        with make_progress(False).stage("training", total=10, unit="rows") as advance:
            advance(4)
            raise RuntimeError

    with caplog.at_level(logging.INFO, logger="counterpoise"), pytest.raises(RuntimeError):
        fail()
    assert caplog.messages[-1].startswith("training: ended after 4 rows in ")
