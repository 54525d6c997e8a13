"""Dockerfiles and ignore files, read as BuildKit's own parser and Docker's own matcher read them."""

from __future__ import annotations

import json
import string
import subprocess

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hublish.builders.dockerfile.ignore import find_hidden, parse_ignore_file
from hublish.builders.dockerfile.instructions import parse_instructions
from hublish.errors import DockerfileInvalid
from tests.sandbox.tools import find_dockerfile_judge

pytestmark = pytest.mark.skipif(
    not find_dockerfile_judge().is_file(), reason="dockerfile-judge is not built: run tests/sandbox/install-tools.sh"
)

LINES = st.sampled_from([
    "FROM a", "from b AS c \\", "RUN x \\", "RUN y \\\\", "  # comment", "", "   ", "COPY --from=c --chown=1 a b",
    "RUN <<EOF", "EOF", "RUN --mount=type=cache,target=/x <<-'END' cat", "\tEND", "\\", "\t&& z", "ARG A=1 B",
    "# escape=`", "# syntax=docker/dockerfile:1", "LABEL a=`", 'CMD ["a", "b"]', "ADD <<one <<two /x/", "one", "two",
])  # fmt: skip


def judge(*command: str, text: str) -> str | None:
    """What the judge prints; None when it refuses."""
    done = subprocess.run(
        [str(find_dockerfile_judge()), *command], input=text.encode(), capture_output=True, timeout=30, check=False
    )
    return done.stdout.decode() if done.returncode == 0 else None


def read_theirs(text: str) -> list[tuple[str, int, tuple[str, ...]]] | None:
    """Name, first line and flags of each instruction by BuildKit."""
    answer = judge("parse", text=text)
    if answer is None:
        return None
    found = (json.loads(line) for line in answer.splitlines())
    # A lone continuation at the end is an instruction without a name there, which every engine refuses later.
    return [(item["name"], item["line"], tuple(item["flags"] or ())) for item in found if item["name"]]


def read_ours(text: str) -> list[tuple[str, int, tuple[str, ...]]] | None:
    """The same by hublish."""
    try:
        parsed = parse_instructions(text)
    except DockerfileInvalid:
        return None
    return [(item.name, item.line, tuple(flag.text for flag in item.flags)) for item in parsed.items]


@settings(max_examples=150)
@given(st.lists(LINES, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]))
@example(["\ufeffFROM a", "RUN b"], "\n")
@example(["# syntax=x", "# escape=`", "FROM a", "RUN c `", "d"], "\n")
@example(["# note", "# escape=`", "FROM a", "RUN c `"], "\n")
def test_instructions_are_those_of_buildkit(lines: list[str], end: str) -> None:
    """Where BuildKit reads a file at all, names, lines and flags of all instructions are the same."""
    text = end.join(lines)
    expected = read_theirs(text)

    if expected is not None:
        assert read_ours(text) == expected


PATTERN = st.text(alphabet="ab*?/.![]\\# ^-", min_size=1, max_size=10)
PATHS = tuple(
    "/".join(parts)
    for parts in [
        ["a"], ["b"], ["ab"], [".a"], ["a.b"], ["a", "b"], ["a", "ab"], ["a", ".b"], ["b", "a", "b"], ["ab", "a", "a.b"],
        ["a", "b", "a", "b"], ["b", "b"], ["-"], ["a-b", "a"],
    ]
)  # fmt: skip


@settings(max_examples=300)
@given(st.lists(PATTERN, min_size=1, max_size=5))
@example(["*", "!a/b"])
@example(["**/b", "!b/**"])
@example(["a/**", "!a/b/a"])
@example(["/a/../b/"])
@example(["!"])
@example(["a[^b"])
def test_ignore_files_hide_what_docker_hides(tmp_path_factory, patterns: list[str]) -> None:
    """The same paths, or a refusal where Docker refuses."""
    text = "\n".join(patterns) + "\n"
    path = tmp_path_factory.getbasetemp() / "dockerignore"
    path.write_text(text)
    answer = judge("ignore", str(path), text="\n".join(PATHS) + "\n")
    parsed, findings = parse_ignore_file(text.encode(), path=".dockerignore")

    if answer is None:
        assert findings
    elif not findings:
        assert sorted(find_hidden(parsed, PATHS)) == sorted(answer.splitlines())


def test_judge_reads_the_alphabet() -> None:
    """The judge itself works: a plain file comes back whole."""
    assert read_theirs("FROM a\nRUN " + string.ascii_lowercase) == [("FROM", 1, ()), ("RUN", 2, ())]
