"""What a terminal shows: colours, excerpts, tables, moving progress."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress as Bars

from hublish.cli.bars import BarSink
from hublish.cli.listing import make_table
from hublish.cli.progress import TITLES, PlainSink, render_progress, show_progress
from hublish.cli.runs import COLUMNS, make_cells
from hublish.cli.screen import Screen
from hublish.cli.streams import Stream
from hublish.core.building import Progress, Step
from hublish.core.finding import Finding, Severity
from tests.unit.cli.fakes import RUN

FINDING = Finding(severity=Severity.ERROR, code="Bad", message="bad [b]", path="f", line=1, column=1)


def make_terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, soft_wrap=True, color_system="standard")


def watch(stream: Stream) -> Console:
    """Put a terminal behind a stream."""
    stream.console = make_terminal()
    return stream.console


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def forced(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who wants colours in a pipe: what both streams of a test are."""
    monkeypatch.setenv("FORCE_COLOR", "1")


@pytest.mark.usefixtures("forced")
def test_terminal_shows_the_source_line_and_takes_no_markup_from_files() -> None:
    """On a terminal the excerpt is shown; square brackets of a message stay text."""
    screen = Screen("validate", as_json=False)
    console = watch(screen.out)
    screen.show_findings((FINDING,), read_source=lambda _path: "x: 1\n")

    assert text_of(console) == "\x1b[1;31mf:1:1: error[Bad]: bad [b]\x1b[0m\n  1 | x: 1\n    | ^\n"


def test_pipe_gets_the_same_words_without_colours_and_movements(capsys: pytest.CaptureFixture[str]) -> None:
    """Whole lines at once, no markup, nothing that moves a cursor."""
    screen = Screen("validate", as_json=False)
    screen.say("[b]one\r\b two", style="bold red")
    screen.remark("on the way")

    assert capsys.readouterr() == ("[b]one two\n", "on the way\n")
    assert not screen.lively


@pytest.mark.usefixtures("forced")
def test_progress_moves_on_a_terminal_only() -> None:
    """Bars are for people; plain lines for everything else, also with --json."""
    lively, quiet = Screen("build", as_json=False), Screen("build", as_json=True)
    watch(lively.err), watch(quiet.err)
    with show_progress(lively) as bars, show_progress(quiet) as lines:
        bars(Progress(step=Step.PUSH, done=1, total=2))

        assert isinstance(bars, BarSink)
        assert isinstance(lines, PlainSink)


def test_bar_follows_the_step() -> None:
    """Each step has one bar that is moved, not made again."""
    bars = Bars(console=make_terminal())
    sink = BarSink(bars, titles=TITLES, render=render_progress)
    sink(Progress(step=Step.PACKAGES, done=1, total=None))
    sink(Progress(step=Step.PACKAGES, done=3, total=4))

    assert [(task.description, task.completed, task.total) for task in bars.tasks] == [("fetch packages", 3, 4)]


def test_plain_progress_is_a_few_lines() -> None:
    """A line when a step begins, one every five seconds, one when it is complete."""
    lines: list[str] = []
    times = iter([0.0, 1.0, 6.0, 7.0, 8.0, 9.0])
    sink = PlainSink(lines.append, clock=lambda: next(times))
    for done in (0, 1, 2, 4, 4):
        sink(Progress(step=Step.LAYERS, done=done, total=4))
    sink(Progress(step=Step.PUSH, done=1_000_000, total=None, label="numpy"))

    assert lines == [
        "make layers: 0 of 4",
        "make layers: 2 of 4",
        "make layers: 4 of 4",
        "push: 1.0 MB, numpy",
    ]


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress(step=Step.PACKAGES, done=12, total=104, label="numpy"), "12 of 104, numpy"),
        (Progress(step=Step.PUSH, done=0, total=2_000_000), "0 B of 2.0 MB"),
    ],
)
def test_progress_counts_bytes_only_while_pushing(progress: Progress, expected: str) -> None:
    """Packages are counted, pushes are weighed."""
    text = render_progress(progress)

    assert expected == text


def test_runs_are_a_table_for_people() -> None:
    """The table holds the same cells as the lines for scripts."""
    console = Console(file=io.StringIO(), width=140)
    console.print(make_table(COLUMNS, [make_cells(RUN, ())]))

    assert "harbour/tides" in text_of(console)
