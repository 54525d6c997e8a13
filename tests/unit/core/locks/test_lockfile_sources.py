"""The indexes that a lock names, and secrets in their URLs."""

from typing import Any

import pytest

from hublish.core.locks.lockfile import IndexSource
from hublish.core.locks.sources import has_secret
from tests.unit.core.locks.lockfile_parts import URL, lines, make_lock, parse


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (3, ("SourceInvalid", "expected an object with name and url")),
        ({"name": "a"}, ("SourceInvalid", "expected `name` and `url` to be texts and `verify_ssl` to be true or false")),
        (
            {"name": "a", "url": URL, "verify_ssl": "no"},
            ("SourceInvalid", "expected `name` and `url` to be texts and `verify_ssl` to be true or false"),
        ),
        ({"name": "", "url": URL}, ("SourceInvalid", "expected `name` to be 1 to 128 printable characters")),
        (
            {"name": "a", "url": "https://a b"},
            ("SourceInvalid", "expected `url` to be a URL of at most 2048 ASCII characters without spaces"),
        ),
        ({"name": "a", "url": "file:///srv/simple"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "a", "url": "https://a.example/s?token=1"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "a", "url": "https://[::1/s"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "a", "url": "https://a.example:99999/s"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "a", "url": "https://"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "example", "url": URL}, ("SourceInvalid", 'two sources are called "example"')),
        (
            {"name": "a", "url": "https://octo:hunter2@a.example/simple"},
            ("SecretInURL", "the URL holds a password or token in plain text; anyone who can read the repository has it"),
        ),
    ],
)  # fmt: skip
def test_source_that_is_no_plain_index_is_refused(source: Any, expected: tuple[str, str]) -> None:
    """Shapes, schemes, queries and secrets in a source are errors that never show the URL."""
    lock = make_lock()
    lock["_meta"]["sources"].append(source)
    parsed = parse(lock)

    assert [(found.code, found.message) for found in parsed.findings] == [expected]
    assert parsed.lock is None
    assert "hunter2" not in repr(parsed)


def test_source_without_verified_certificates_is_a_warning() -> None:
    """The operator decides; the finding says what most of them do."""
    lock = make_lock()
    lock["_meta"]["sources"][0]["verify_ssl"] = False
    parsed = parse(lock)

    assert lines(parsed) == [
        'Pipfile.lock:14 warning TLSUnverified _meta.sources[0].verify_ssl: the certificate of the source "example" is not to be verified; most operators refuse that | remove `verify_ssl = false` from the Pipfile and lock again'
    ]
    assert parsed.lock is not None
    assert parsed.lock.sources == (IndexSource(name="example", url=URL, verify_ssl=False),)


@pytest.mark.parametrize("url", ["${INDEX_URL}", "https://${HOST}/simple", "https://u:${TOKEN}@a.example:8443/s"])
def test_variable_in_a_source_is_kept_as_written(url: str) -> None:
    """`${VAR}` is never expanded here, wherever it stands."""
    lock = make_lock()
    lock["_meta"]["sources"][0]["url"] = url
    parsed = parse(lock)

    assert parsed.findings == ()
    assert parsed.lock is not None
    assert parsed.lock.sources[0].url == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/simple", False),
        ("https://user:${TOKEN}@a.example/simple", False),
        ("https://$USER:$TOKEN@a.example/simple", False),
        ("ssh://git@github.com/octo/six.git", False),
        ("git@github.com:octo/six.git", False),
        ("https://a.example/simple/@latest", False),
        ("https://user:pw@a.example/simple", True),
        ("https://token@a.example/simple", True),
        ("https://user:${TOKEN}x@a.example/simple", True),
        ("git+ssh://git:pw@a.example/six.git", True),
        ("https://a@b:pw@a.example/simple", True),
    ],
)
def test_secret_in_a_url_is_told_from_a_variable_and_a_user(url: str, expected: bool) -> None:
    """A literal password, or a lone user name over HTTP, is a secret; `${VAR}` and `git@` are none."""

    assert has_secret(url) is expected
