"""Progress is silent unless asked for, and a log is not flooded."""

import io

import pytest

from counterpoise._progress import BarProgress, Progress, make_progress


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
