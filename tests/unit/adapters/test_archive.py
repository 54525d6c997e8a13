"""Build logs on disk."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from hublish.adapters.archive import LINE_LIMIT_CHARACTERS, DiskArchive, clean_line
from hublish.core.logs import Archive, LogLine
from hublish.errors import DiskFull, ValueInvalid

NAME = "build-abc-1"
LINE = "x" * 22
"""With its time and its end a line of 32 bytes: a chunk of a log limited to 2,048 bytes holds two."""


@pytest.fixture
def archive(tmp_path: Path) -> DiskArchive:
    """An archive whose logs hold 64 lines like LINE, the first 32 of them for ever."""
    return DiskArchive(tmp_path / "logs", limit_bytes=2048)


def write(archive: DiskArchive, count: int, *, first: int = 1) -> None:
    log = archive.open_log(NAME)
    for number in range(first, first + count):
        log.append(f"{number:022d}")


def read_texts(archive: Archive, after: int = 0) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line.text) for line in archive.read_lines(NAME, after=after)]


def test_lines_come_back_with_ids_and_times(archive: DiskArchive) -> None:
    """Ids count from one; the time stands before the text."""
    write(archive, 3)
    lines = archive.read_lines(NAME)

    assert [line.id for line in lines] == [1, 2, 3]
    assert [line.text[8:] for line in lines] == [f" {number:022d}" for number in (1, 2, 3)]
    assert all(re.match(r"\d\d:\d\d:\d\d ", line.text) for line in lines)


def test_reader_goes_on_after_the_line_it_has(archive: DiskArchive) -> None:
    """Every `after` gives exactly the rest, over the borders of chunks, up to a limit."""
    write(archive, 9)

    assert [[line.id for line in archive.read_lines(NAME, after=after)] for after in range(10)] == [
        list(range(after + 1, 10)) for after in range(10)
    ]
    assert [line.id for line in archive.read_lines(NAME, after=2, limit=3)] == [3, 4, 5]


def test_log_nobody_wrote_is_empty(archive: DiskArchive) -> None:
    """A build that has not begun has no lines and no tail, and reading makes no folder."""
    archive.open_log(NAME)

    assert archive.read_lines(NAME) == ()
    assert archive.read_tail(NAME) == ()


def test_tail_holds_the_last_lines(archive: DiskArchive) -> None:
    """Fewer than asked for when there are fewer; oldest first."""
    write(archive, 9)

    assert [text[-1] for text in archive.read_tail(NAME, limit=3)] == ["7", "8", "9"]
    assert len(archive.read_tail(NAME, limit=100)) == 9


def test_log_goes_on_where_it_ended(archive: DiskArchive) -> None:
    """A second writer, after a restart, continues the numbers."""
    write(archive, 3)
    write(archive, 2, first=4)

    assert [line.id for line in archive.read_lines(NAME)] == [1, 2, 3, 4, 5]
    assert read_texts(archive) == [f"{number:022d}" for number in range(1, 6)]


def test_middle_is_dropped_when_the_log_grows_too_long(archive: DiskArchive, tmp_path: Path) -> None:
    """Beginning and end stay, ids do not shift, a remark stands for what is missing, and the limit holds."""
    write(archive, 100)
    lines = archive.read_lines(NAME)
    kept = [line for line in lines if "dropped" not in line.text]
    (remark,) = (line for line in lines if "dropped" in line.text)

    assert [line.id for line in kept] == [*range(1, 33), *range(69, 101)]
    assert [int(line.text[9:]) for line in kept] == [line.id for line in kept]
    assert remark == LogLine(id=68, text="… 36 lines were dropped here: the log was too long …")
    assert sum(path.stat().st_size for path in (tmp_path / "logs" / NAME).iterdir()) <= 2048


def test_remark_about_dropped_lines_is_read_once(archive: DiskArchive) -> None:
    """A reader that has the remark, or a later line, does not get it again; one in the gap does."""
    write(archive, 100)

    assert [line.id for line in archive.read_lines(NAME, after=32)][:2] == [68, 69]
    assert [line.id for line in archive.read_lines(NAME, after=50)][:2] == [68, 69]
    assert [line.id for line in archive.read_lines(NAME, after=68)][:2] == [69, 70]


def test_dropping_goes_on_after_a_restart(archive: DiskArchive) -> None:
    """A new writer drops the oldest of the later chunks, never one of the first."""
    write(archive, 100)
    write(archive, 10, first=101)
    kept = [line.id for line in archive.read_lines(NAME) if "dropped" not in line.text]

    assert kept == [*range(1, 33), *range(79, 111)]


def test_line_larger_than_a_chunk_has_a_chunk_of_its_own(archive: DiskArchive) -> None:
    """It is stored whole."""
    log = archive.open_log(NAME)
    log.append("short")
    log.append("y" * 500)
    log.append("short")

    assert read_texts(archive) == ["short", "y" * 500, "short"]


def test_line_cut_by_a_crash_is_closed_by_the_next_writer(archive: DiskArchive, tmp_path: Path) -> None:
    """Before that it is not shown; afterwards it is a line like others, and the next one has its own id."""
    write(archive, 1)
    (chunk,) = (tmp_path / "logs" / NAME).iterdir()
    with chunk.open("ab") as file:
        file.write(b"10:00:00 cut")
    before = read_texts(archive)
    write(archive, 1, first=3)

    assert before == [f"{1:022d}"]
    assert read_texts(archive) == [f"{1:022d}", "cut", f"{3:022d}"]


def test_empty_chunk_left_by_a_crash_is_written_on(archive: DiskArchive, tmp_path: Path) -> None:
    """A chunk that was made and never filled does not shift the ids."""
    folder = tmp_path / "logs" / NAME
    folder.mkdir(parents=True)
    (folder / "000000000001.chunk").touch()
    write(archive, 1)

    assert [line.id for line in archive.read_lines(NAME)] == [1]


def test_chunk_dropped_while_it_is_read_is_passed_over(archive: DiskArchive, tmp_path: Path) -> None:
    """A reader that listed a chunk which the writer then dropped goes on with the next."""
    write(archive, 3)
    first, *_ = sorted((tmp_path / "logs" / NAME).iterdir())
    first.unlink()
    first.symlink_to("gone")

    assert [line.id for line in archive.read_lines(NAME)][-1] == 3


def test_appending_a_short_line_is_cheap(tmp_path: Path) -> None:
    """Well under a tenth of a millisecond of this thread in the best of several rounds, so that a log never slows a build."""
    log = DiskArchive(tmp_path).open_log(NAME)
    rounds = []
    for _ in range(10):
        began = time.thread_time()
        for _ in range(200):
            log.append("a short line")
        rounds.append((time.thread_time() - began) / 200)

    assert min(rounds) < 100e-6


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "-a", "a.log", "x" * 200, "a\n"])
def test_name_that_could_leave_the_folder_is_refused(archive: DiskArchive, name: str) -> None:
    """Names are made by hublish; anything else is no log."""
    with pytest.raises(ValueInvalid, match="no name of a log"):
        archive.open_log(name)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain\ttext", "plain\ttext"),
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07done\x1bM", "red done"),
        ("a\r\nb\x00\x08c\u202ed", "abcd"),
        ("token ghs_" + "A1" * 20, "token ***"),
        ("x" * 5000, "x" * (LINE_LIMIT_CHARACTERS - 1) + "…"),
        ("\x1b" * 50_000_000, ""),
    ],
)
def test_line_is_made_safe_before_it_is_stored(line: str, expected: str) -> None:
    """Escapes, controls, line ends, secrets and excess go; tabs stay."""

    assert clean_line(line) == expected


def test_full_disk_loses_a_line_and_not_the_log(archive: DiskArchive, tmp_path: Path) -> None:
    """No space left names the setting to look at; once there is space again the log goes on without a gap."""
    log = archive.open_log(NAME)
    for number in (1, 2):
        log.append(f"{number:022d}")
    following = tmp_path / "logs" / NAME / "000000000003.chunk"
    following.symlink_to("/dev/full")
    with pytest.raises(DiskFull) as caught:
        log.append("lost")
    following.unlink()
    log.append("stored")

    assert caught.value.message == "no space left for the build's log"
    assert caught.value.hint == "free space where `data` points"
    assert caught.value.transient is True
    assert [line.id for line in archive.read_lines(NAME)] == [1, 2, 3]
    assert read_texts(archive)[-1] == "stored"


def test_other_failures_of_the_disk_are_not_disguised(tmp_path: Path) -> None:
    """A file where the folder should be is a fault of the installation and raises as it is."""
    (tmp_path / NAME).write_text("in the way")

    with pytest.raises(FileExistsError):
        DiskArchive(tmp_path).open_log(NAME).append("x")
