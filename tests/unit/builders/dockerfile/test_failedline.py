"""From the instruction an engine named when it failed back to its line."""

from __future__ import annotations

import pytest

from hublish.builders.dockerfile.failedline import find_instruction_line

DOCKERFILE = """\
# syntax=docker/dockerfile:1
FROM registry.example.org/base/python:3.11 AS build

run   apt-get update  && \\
    # a comment between
    apt-get install   -y gcc
COPY --chown=1000 a b
RUN pip install "a b" one
RUN pip install "a b" two
USER 1000
USER 1000
"""


@pytest.mark.parametrize(
    ("label", "line"),
    [
        ("RUN apt-get update  &&     apt-get install   -y gcc", 4),
        ("run apt-get update && apt-get install -y gcc", 4),
        ("RUN apt-get upd…", 4),
        ("COPY --chown=1000 a b", 7),
        ('RUN pip install "a b" two', 9),
    ],
)
def test_instruction_is_found_by_its_words(label: str, line: int) -> None:
    """Continued lines, comments between them, spacing and the case of the name make no difference; nor does a cut."""

    assert find_instruction_line(DOCKERFILE, label) == line


@pytest.mark.parametrize("label", ["", "…", "USER 1000", "RUN pip install…", "RUN make", "RUN apt-get"])
def test_instruction_that_is_not_one_line_has_none(label: str) -> None:
    """Twice there, not there, or only a part of one that was not cut."""

    assert find_instruction_line(DOCKERFILE, label) is None


def test_text_that_is_no_dockerfile_has_no_line() -> None:
    """The engine has refused it already, with words of its own."""

    assert find_instruction_line("RUN <<EOF\nnever ended\n", "RUN <<EOF") is None
