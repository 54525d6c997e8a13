"""What a Dockerfile names from elsewhere: images that are pinned, words that are expanded, ignore files."""

from __future__ import annotations

import pytest

from hublish.builders.dockerfile.ignore import choose_ignore_file, find_hidden, parse_ignore_file
from hublish.builders.dockerfile.pinning import render_pinned, resolve_images
from hublish.builders.dockerfile.words import expand_word
from hublish.core.container import BasePin
from hublish.core.ports import Manifest
from hublish.core.reference import Reference
from hublish.errors import RegistryFailed, ValueInvalid
from tests.fakes import FakeImages
from tests.unit.builders.dockerfile.parts import read

PINNED = Reference(registry="registry.example.org", repository="pinned", digest="sha256:" + "1" * 64)


def test_only_names_of_images_are_rewritten() -> None:
    """Every other byte stays: spaces, comments, line ends, continued lines."""
    text = (
        "# a:1 stays\r\nFROM   a:\\\r\n1  AS x\r\nCOPY --from=b:2 /b:2 /y\r\n"
        "RUN --mount=type=bind,from=c:3,target=/c  c:3\r\n"
    )
    found = read(text)
    pins = [BasePin(name=use.name, image=PINNED) for use in found.uses]

    assert render_pinned(text, found.uses, pins) == (
        f"# a:1 stays\r\nFROM   {PINNED}  AS x\r\nCOPY --from={PINNED} /b:2 /y\r\n"
        f"RUN --mount=type=bind,from={PINNED},target=/c  c:3\r\n"
    )


class Registry(FakeImages):
    """Images in memory; one name answers as a registry that is down."""

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        if reference.repository == "team/down":
            raise RegistryFailed("no answer", transient=True)
        if reference.repository == "team/private":
            raise RegistryFailed("401", hint="log in", transient=False, status=401)
        return super().fetch_manifest(reference)


def resolve(text: str) -> tuple[list[str], list[str]]:
    """The pins and findings of a Dockerfile; an arm64 image and Docker Hub's python are there."""
    images = Registry()
    hub = Reference(registry="docker.io", repository="library/python", tag="latest")
    images.add_image(hub, [], spec={})
    images.add_image(Reference(registry="r.example.org", repository="arm", tag="1"), [], spec={"architecture": "arm64"})
    pins, findings = resolve_images(read(text).uses, images=images, platform="linux/amd64", path="Dockerfile")
    return [f"{pin.name}={pin.image.name}" for pin in pins], [
        f"{item.code} {item.line}: {item.message}" for item in findings
    ]


def test_names_are_read_as_docker_reads_them() -> None:
    """Without registry and tag it is Docker Hub's latest, resolved once; another platform must be asked for."""
    assert resolve("FROM python\nFROM --platform=linux/arm64 r.example.org/arm:1\nCOPY --from=python a b\n") == (
        ["python=docker.io/library/python", "r.example.org/arm:1=r.example.org/arm"],
        [],
    )


def test_image_that_cannot_be_had_is_a_finding_at_its_line() -> None:
    """All of them at once: gone, of another platform, private, no reference."""
    pins, findings = resolve(
        "FROM r.example.org/gone:1\nFROM r.example.org/arm:1\nFROM r.example.org/team/private\nFROM A:1\n"
        "FROM --platform=linux/arm64 r.example.org/gone:2\n"
    )

    assert pins == []
    assert [item.split(": ", 1)[0] for item in findings] == [
        "BaseUnsupported 1",
        "BaseUnsupported 2",
        "RegistryFailed 3",
        "ReferenceInvalid 4",
        "BaseUnsupported 5",
    ]


def test_registry_that_is_down_is_no_fault_of_the_file() -> None:
    """It is raised, so that the build is tried again."""
    with pytest.raises(RegistryFailed):
        resolve("FROM r.example.org/team/down\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a'$V'b", "a$Vb"),
        ('"a b"$V', "a b1"),
        ("\\$V", "$V"),
        ('"\\a\\$"', "\\a$"),
        ("$", "$"),
        ("$-", "$-"),
        ("${E:-x}${E-y}", "x"),
        ("${V:+\\}}", "}"),
    ],
)
def test_words_are_expanded_as_a_shell_would(text, expected) -> None:
    """Quotes, escapes, and the difference between empty and missing."""
    assert expand_word(text, {"V": "1", "E": ""}, escape="\\") == expected


@pytest.mark.parametrize("text", ["'a", '"a', "${", "${-x}", "${V", "${V:-a", "${V:?no}", "${A:-" * 30 + "}" * 30])
def test_word_that_has_no_end_or_no_known_form_is_refused(text) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueInvalid):
        expand_word(text, {"V": "1"}, escape="\\")


def test_ignore_file_is_chosen_and_its_faults_are_told() -> None:
    """One beside the Dockerfile comes first; a pattern that no engine takes is an error at its line."""
    paths = frozenset({"d/Dockerfile.dockerignore", ".dockerignore", ".containerignore", "c/.dockerignore"})
    _, findings = parse_ignore_file(b"ok\na[\n!\n# [\n", path=".dockerignore")

    assert choose_ignore_file(paths, dockerfile="d/Dockerfile", prefix="") == "d/Dockerfile.dockerignore"
    assert choose_ignore_file(paths, dockerfile="Dockerfile", prefix="") == ".containerignore"
    assert choose_ignore_file(paths, dockerfile="Dockerfile", prefix="c/") == "c/.dockerignore"
    assert choose_ignore_file(frozenset(), dockerfile="Dockerfile", prefix="") is None
    assert [(item.code, item.line) for item in findings] == [("IgnorePatternInvalid", 2), ("IgnorePatternInvalid", 3)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("", set()),
        ("a", {"a/b", "a/c/d"}),
        ("a\n!a/c", {"a/b"}),
        ("*\n!a/b", {"x.log", "a/c/d", "y/x.log"}),
        ("**/*.log", {"x.log", "y/x.log"}),
        ("**.log", {"x.log", "y/x.log"}),
        ("**/x.log", {"x.log", "y/x.log"}),
        ("a/**", {"a/b", "a/c/d"}),
        ("[xz].lo?", {"x.log"}),
        ("\\*.log", set()),
        ("[^x]/**/d", {"a/c/d"}),
    ],
)
def test_ignore_file_hides(lines, expected) -> None:
    """The last pattern that fits counts; the contract tests compare with Docker's own matcher."""
    patterns, findings = parse_ignore_file(lines.encode(), path=".dockerignore")

    assert findings == ()
    assert find_hidden(patterns, ("a/b", "a/c/d", "x.log", "y/x.log")) == expected
