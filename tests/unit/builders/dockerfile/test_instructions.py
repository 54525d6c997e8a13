"""Dockerfiles: which images they name, how those are pinned, and every fault with its line."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.builders.dockerfile.instructions import parse_instructions
from hublish.builders.dockerfile.stages import Dockerfile
from hublish.core.container import SecretMount
from hublish.errors import DockerfileInvalid
from tests.unit.builders.dockerfile.parts import read


def name(found: Dockerfile) -> list[tuple[str, int]]:
    """The images and their lines; no finding is expected."""
    assert found.findings == ()
    return [(use.name, use.line) for use in found.uses]


def say(findings) -> list[str]:
    """Severity, code, place, message and hint of each."""
    return [f"{found.severity.value} {found.code} {found.place}: {found.message} | {found.hint}" for found in findings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a:1\n", [("a:1", 1)]),
        ("# note\n\nfrom   a:1   as  One\nFROM one\nFROM scratch\n", [("a:1", 3)]),
        ("ARG V=3.11\nARG BASE=python:$V\nFROM ${BASE}\n", [("python:3.11", 3)]),
        (
            'ARG V="3"\nFROM a:${V:-4} AS x\nFROM b:${W:-5}${V:+-slim}${V-6}${W-7}${W+8}\n',
            [("a:3", 2), ("b:5-slim37", 3)],
        ),
        ("FROM a:${V:-${W:-1}}\n", [("a:1", 1)]),
        ("FROM \\\n  # between\n\n a:1\nRUN x\n", [("a:1", 1)]),
        ("# escape=`\nFROM `\na:1\nRUN C:\\\nFROM b\n", [("a:1", 2), ("b", 5)]),
        ("FROM a\nRUN <<EOF\nFROM b\nEOF\nCOPY <<-X <<Y /z/\nFROM c\n\tX\nFROM d\nY\nFROM e\n", [("a", 1), ("e", 10)]),
        ('FROM a\nRUN ["<<EOF"]\nFROM b\n', [("a", 1), ("b", 3)]),
        ("FROM a AS s\nCOPY --from=s x y\nCOPY --from=0 x y\nCOPY --from=img:2 x y\n", [("a", 1), ("img:2", 4)]),
        (
            "FROM a\nRUN --mount=type=bind,from=img:3,target=/x --mount=type=cache,target=/c y\n",
            [("a", 1), ("img:3", 2)],
        ),
        ("FROM --platform=$TARGETPLATFORM a\n", [("a", 1)]),
        ("\ufeffFROM a\r\nRUN x \\\r\n  y\r\n", [("a", 1)]),
        ("FROM a\nONBUILD COPY --from=later x y\n", [("a", 1)]),
    ],
)
def test_images_are_found_where_they_are_named(text, expected) -> None:
    """FROM with arguments, stages, COPY --from and RUN --mount; bodies of here-documents are no instructions."""
    assert name(read(text)) == expected


def test_argument_of_the_config_wins_over_the_default() -> None:
    """As with `--build-arg`; an argument inside a stage names no base."""
    found = read("ARG V=1\nFROM a:$V\nARG V=2\nFROM b:$V\n", args=(("V", "9"),))

    assert name(found) == [("a:9", 2), ("b:9", 4)]


@pytest.mark.parametrize(("target", "expected"), [("ONE", ["a"]), ("1", ["a", "b"]), (None, ["a", "b", "c"])])
def test_stages_behind_the_target_are_not_asked_for(target, expected) -> None:
    """A base that nobody builds may be gone."""
    found = read("FROM a AS one\nFROM b\nFROM c AS three\n", target=target)

    assert [use.name for use in found.uses] == expected


def test_secrets_are_listed_and_never_given_by_the_file() -> None:
    """Ids and whether they are required; one that is required once is required."""
    text = (
        "FROM a\nRUN --mount=type=secret,id=pip,required=true x\nRUN --mount=type=secret,id=pip x\n"
        "RUN --mount=type=secret,target=/run/netrc x\n"
    )
    expected = (SecretMount(name="netrc", required=False), SecretMount(name="pip", required=True))

    assert read(text).secrets == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "error DockerfileInvalid Dockerfile: there is no FROM, so there is nothing to build on | "),
        (
            "RUN x\nFROM a\n",
            "error DockerfileInvalid Dockerfile:1: RUN stands before the first FROM, where only ARG may | ",
        ),
        (
            "FROM a\nCOPPY x y\n",
            'error DockerfileInvalid Dockerfile:2: unknown instruction "COPPY" | did you mean `COPY`?',
        ),
        (
            "FROM a b\n",
            'error DockerfileInvalid Dockerfile:1: expected FROM image or FROM image AS name, got "a b" | ',
        ),
        (
            "FROM a AS 1x\n",
            'error DockerfileInvalid Dockerfile:1: expected FROM image or FROM image AS name, got "a AS 1x" | ',
        ),
        (
            "FROM a:$V\n",
            (
                "error BaseUnresolved Dockerfile:1: the build argument V has no value | give it a default before the first "
                "FROM (`ARG V=...`), or set it in `dockerfile.args`"
            ),
        ),
        (
            "ARG V=$W\nFROM --platform=$V a\n",
            (
                "error BaseUnresolved Dockerfile:2: the build argument V has no value | give it a default before the first "
                "FROM (`ARG V=...`), or set it in `dockerfile.args`"
            ),
        ),
        (
            "FROM a:${V#x}\n",
            (
                'error BaseUnresolved Dockerfile:1: the variable in "a:${V#x}" has a form that is not read | use $NAME, '
                "${NAME}, ${NAME:-default} or ${NAME:+value}"
            ),
        ),
        (
            "FROM a\nCOPY --from=$X b c\n",
            (
                'error BaseUnresolved Dockerfile:2: the image in "--from=$X" is named by a variable, which no engine puts in '
                "there | name the image in a FROM of its own, with AS, and use that name"
            ),
        ),
        (
            "# syntax=docker/dockerfile:1\nFROM a\n",
            (
                'note SyntaxUnread Dockerfile:1: the directive syntax names "docker/dockerfile:1", which is not fetched; the '
                "engine reads the file itself | "
            ),
        ),
        ("FROM a\nRUN <<EOF\nx\n", "error DockerfileInvalid Dockerfile:2: the here-document <<EOF has no end | "),
        (
            "# escape=x\nFROM a\n",
            'error DockerfileInvalid Dockerfile:1: expected \\ or ` as escape, got "x" | ',
        ),
        (
            "# escape=`\n# escape=`\nFROM a\n",
            "error DockerfileInvalid Dockerfile:2: the directive `escape` stands twice | ",
        ),
    ],
)
def test_fault_is_told_with_its_line(text, expected) -> None:
    """What came, what was expected, what to do."""
    assert say(read(text).findings) == [expected]


def test_target_and_arguments_are_held_against_the_file() -> None:
    """A stage that is not there is an error, an argument nobody declares a warning, both in the config."""
    found = read("FROM a AS notebook\nARG VERSION\n", args=(("VERSOIN", "1"), ("HTTP_PROXY", "x")), target="notebok")

    assert [(item.severity.value, item.code, item.path, item.key, item.hint) for item in found.findings] == [
        ("error", "TargetMissing", ".hublish.yaml", "dockerfile.target", "did you mean `notebook`?"),
        ("warning", "ArgumentUnused", ".hublish.yaml", "dockerfile.args.VERSOIN", "did you mean `VERSION`?"),
    ]


@given(st.text(alphabet=string.printable, max_size=200))
def test_any_text_is_read_or_refused(text) -> None:
    """No text makes the reader fail otherwise, and words stand where they say."""
    try:
        parsed = parse_instructions(text)
    except DockerfileInvalid:
        return
    for item in parsed.items:
        for word in (*item.flags, *item.words):
            assert text[word.start] == word.text[0]
            assert text[word.end - 1] == word.text[-1]
