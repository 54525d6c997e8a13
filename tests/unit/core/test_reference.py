"""Image references: what is read, and where a fault is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.reference import Reference, is_digest, is_tag, parse_reference, parse_repository
from hublish.errors import ReferenceInvalid

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.example/c", Reference(registry="a.example", repository="c")),
        ("A.example:80/b/c:V1", Reference(registry="a.example:80", repository="b/c", tag="V1")),
        ("localhost/img", Reference(registry="localhost", repository="img")),
        ("localhost:5000/img", Reference(registry="localhost:5000", repository="img")),
        ("localhost:5000", Reference(registry="docker.io", repository="library/localhost", tag="5000")),
        ("[::1]:5000/img", Reference(registry="[::1]:5000", repository="img")),
        ("team/img", Reference(registry="docker.io", repository="team/img")),
        ("python", Reference(registry="docker.io", repository="library/python")),
        ("index.docker.io/python:3", Reference(registry="docker.io", repository="library/python", tag="3")),
        (f"a.example/c@{DIGEST}", Reference(registry="a.example", repository="c", digest=DIGEST)),
        (f"a.example/c:t@{DIGEST}", Reference(registry="a.example", repository="c", tag="t", digest=DIGEST)),
        ("a.example/a--b/c__d.e_f", Reference(registry="a.example", repository="a--b/c__d.e_f")),
    ],
)
def test_reference_is_parsed(text, expected):
    """Host with port, tag and digest are told apart, with Docker Hub as default registry."""
    assert parse_reference(text, default_registry="docker.io") == expected


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("", 0),
        ("é", 0),
        ("a.example/b c", 11),
        ("a.example/" + "x" * 4096, 4096),
        ("a.example/" + "x" * 256, 265),
        ("h:99999/a", 2),
        ("h:0/a", 2),
        ("a.b:/c", 4),
        ("-a.b/c", 0),
        ("a_b.c/d", 1),
        ("a.b/C", 4),
        ("a.b//c", 4),
        ("a.b/", 4),
        ("a.b/c-", 5),
        ("a.b/c:", 6),
        ("a.b/c:-x", 6),
        ("a.b/c:x!", 7),
        ("a.b/c:" + "x" * 129, 134),
        ("a.b/c@", 6),
        ("a.b/c@sha512:" + "a" * 128, 9),
        ("a.b/c@sha256:ab", 15),
        (f"a.b/c@{DIGEST}0", 77),
        ("a.b/c@sha256:" + "A" * 64, 13),
    ],
)
def test_fault_is_refused_where_it_is(text, offset):
    """The offset of the first bad character is told."""
    with pytest.raises(ReferenceInvalid) as caught:
        parse_reference(text, default_registry="docker.io")

    assert caught.value.offset == offset


def test_missing_registry_is_refused_without_default():
    """No registry is guessed."""
    with pytest.raises(ReferenceInvalid) as caught:
        parse_reference("team/img")

    expected = "Expected a registry before the repository in the image reference 'team/img', got none."
    assert (caught.value.message, caught.value.offset) == (expected, 0)


def test_fault_is_said_in_full():
    """The message names what was expected, what came and where."""
    with pytest.raises(ReferenceInvalid) as caught:
        parse_reference("a.b/c:x!")

    expected = (
        "Expected a tag of 1 to 128 letters, digits, '_', '.' and '-' at character 8 of the image reference "
        "'a.b/c:x!', got '!'."
    )
    assert caught.value.message == expected


@pytest.mark.parametrize(("text", "offset"), [("a.b:1/c:t", 7), (f"a.b/c@{DIGEST}", 5), (f"a.b/c:t@{DIGEST}", 5)])
def test_repository_with_tag_or_digest_is_refused(text, offset):
    """A repository is named without tag and digest; the offset is where they start."""
    with pytest.raises(ReferenceInvalid) as caught:
        parse_repository(text)

    assert caught.value.offset == offset


def test_repository_is_parsed():
    """A repository is a reference without tag and digest."""
    assert parse_repository("a.b:1/c/d") == Reference(registry="a.b:1", repository="c/d")


def test_tags_and_digests_are_recognised():
    """Only what a registry can store counts."""
    tags = {text: is_tag(text) for text in ("v1", "_", "x" * 128, "x" * 129, "", ".a", "a/b", "v1\n")}
    digests = {text: is_digest(text) for text in (DIGEST, DIGEST + "\n", DIGEST.upper(), "sha256:")}

    assert [text for text, good in tags.items() if good] == ["v1", "_", "x" * 128]
    assert [text for text, good in digests.items() if good] == [DIGEST]


def test_reference_is_rewritten():
    """`with_tag` and `with_digest` choose one of the two; the text has both."""
    reference = Reference(registry="a.b", repository="c", tag="t", digest=DIGEST)

    assert str(reference) == f"a.b/c:t@{DIGEST}"
    assert str(reference.with_tag("u")) == "a.b/c:u"
    assert str(reference.with_digest(DIGEST)) == f"a.b/c@{DIGEST}"


HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?(\.[a-z0-9]{1,5}){1,2}(:[1-9][0-9]{0,3})?", fullmatch=True)
PATHS = st.from_regex(r"[a-z0-9]{1,5}([._-][a-z0-9]{1,3})?(/[a-z0-9]{1,5}){0,3}", fullmatch=True)
TAGS = st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)


@given(HOSTS, PATHS, TAGS, st.none() | st.just(DIGEST))
def test_what_is_rendered_is_read_back(host, path, tag, digest):
    """Text and value are two forms of one thing."""
    expected = Reference(registry=host, repository=path, tag=tag, digest=digest)

    assert parse_reference(str(expected)) == expected


@given(st.text(alphabet="a.:/@-_Z0 \n[]é", max_size=30) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    """No text ends in another error; the offset lies within the text or at its end."""
    expected = True

    try:
        reference = parse_reference(text, default_registry="r.example")
        good = parse_reference(str(reference)) == reference
    except ReferenceInvalid as error:
        good = 0 <= error.offset <= len(text)

    assert good is expected
