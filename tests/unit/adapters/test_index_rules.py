"""Which index host may be asked, and with what."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.adapters.index.rules import IndexBase, IndexRule, IndexRules
from hublish.core.locks.lock import IndexSource
from hublish.errors import NotAllowed, SettingsInvalid

LISTED = IndexRules(rules={"index.example.com": IndexRule()}, allow_unlisted=False)
OPEN = IndexRules(rules={}, allow_unlisted=True)
BASE = IndexBase(url="https://index.example.com/simple", authorization="Basic eDp5")
BASIC_ME_SECRET = "Basic bWU6c2VjcmV0"


def make_source(url: str, *, verify_ssl: bool = True) -> IndexSource:
    return IndexSource(name="index", url=url, verify_ssl=verify_ssl)


def test_listed_host_is_asked_as_written() -> None:
    """A listed source keeps its address; a port that is the scheme's own is the same host."""
    expected = IndexBase(url="https://index.example.com/simple")

    assert LISTED.make_base(make_source("https://Index.Example.com:443/simple/")) == expected


def test_mirror_is_asked_instead() -> None:
    """The mirror's address and login take the place of the source's."""
    rules = IndexRules(
        rules={"index.example.invalid": IndexRule(mirror="https://me:secret@mirror.example.com/pypi/simple/")},
        allow_unlisted=False,
    )
    expected = IndexBase(url="https://mirror.example.com/pypi/simple", authorization=BASIC_ME_SECRET)

    base = rules.make_base(make_source("https://index.example.invalid/simple"))

    assert (base, base.authorization, "secret" in repr(base)) == (expected, BASIC_ME_SECRET, False)


def test_auth_file_gives_the_login(tmp_path: Path) -> None:
    """The operator's login for the host is used, whatever the lock says."""
    auth_file = tmp_path / "auth"
    auth_file.write_text("me:secret\n")
    rules = IndexRules(rules={"index.example.com": IndexRule(auth_file=auth_file)}, allow_unlisted=False)

    base = rules.make_base(make_source("https://${USER}:${PASSWORD}@index.example.com/simple"))

    assert (base.url, base.authorization) == ("https://index.example.com/simple", BASIC_ME_SECRET)


def test_listed_host_without_login_is_asked_without() -> None:
    """Variables that the lock would have read leave the address; nothing takes their place."""
    expected = IndexBase(url="https://index.example.com/simple")

    assert LISTED.make_base(make_source("https://${TOKEN}@index.example.com/simple")) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the auth file {path} of the index index.example.com cannot be read: No such file or directory"),
        (b"\xff:\xff", "the auth file {path} of the index index.example.com cannot be read: it is not UTF-8"),
        (b"", "expected one line `user:password` in the auth file {path} of the index index.example.com"),
        (b"secret", "expected one line `user:password` in the auth file {path} of the index index.example.com"),
        (b":secret", "expected one line `user:password` in the auth file {path} of the index index.example.com"),
        (
            b"me:secret\nmore",
            "expected one line `user:password` in the auth file {path} of the index index.example.com",
        ),
    ],
)
def test_broken_auth_file_is_the_operators_fault(tmp_path: Path, content: bytes | None, message: str) -> None:
    """A missing or broken auth file stops the call and names the file, never what is in it."""
    auth_file = tmp_path / "auth"
    if content is not None:
        auth_file.write_bytes(content)
    rules = IndexRules(rules={"index.example.com": IndexRule(auth_file=auth_file)}, allow_unlisted=False)

    with pytest.raises(SettingsInvalid) as caught:
        rules.make_base(make_source("https://index.example.com/simple"))

    assert caught.value.message == message.format(path=auth_file)


@pytest.mark.parametrize(
    ("url", "verify_ssl", "message"),
    [
        ("https://evil.example.com/simple", True, "the index host evil.example.com is not listed"),
        ("https://index.example.com:8443/simple", True, "the index host index.example.com:8443 is not listed"),
        ("http://index.example.com/simple", True, "the index index.example.com/simple is asked over plain http"),
        ("file:///etc/passwd", True, "expected an http(s) URL, found file:///etc/passwd"),
        ("https://index.example.com:99999/", True, "expected an http(s) URL, found index.example.com:99999/"[:21]),
        (
            "https://${TOKEN}@evil.example.com/simple",
            True,
            "the source index takes its login from a variable, which is never read here",
        ),
        (
            "https://index.example.com/${SECRET}/simple",
            True,
            "the source index has a variable in its address, which is never expanded here",
        ),
        (
            "https://${HOST}.example.com/simple",
            True,
            "the source index has a variable in its address, which is never expanded here",
        ),
    ],
)
def test_service_refuses_what_is_not_listed(url: str, verify_ssl: bool, message: str) -> None:
    """Hosts, ports, plain http and variables that the operator did not list are refused before anything is sent."""
    with pytest.raises(NotAllowed) as caught:
        LISTED.make_base(make_source(url, verify_ssl=verify_ssl))

    assert caught.value.message.startswith(message)


def test_service_never_reads_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the service named by a lock does not appear anywhere."""
    monkeypatch.setenv("SECRET", "hunter2")
    with pytest.raises(NotAllowed) as caught:
        LISTED.make_base(make_source("https://evil.example.com/${SECRET}/"))

    assert "hunter2" not in caught.value.message + caught.value.hint


def test_command_line_asks_unlisted_hosts_over_https() -> None:
    """On a user's own machine the lock's host is asked, without a rule."""
    expected = IndexBase(url="https://index.example.com/simple")

    assert OPEN.make_base(make_source("https://index.example.com/simple")) == expected


def test_command_line_expands_the_users_variables() -> None:
    """On a user's own machine `${VAR}` is read from the environment given; the login leaves the address."""
    rules = IndexRules(rules={}, allow_unlisted=True, environ={"LOGIN": "me", "PASS": "secret"})
    expected = IndexBase(url="https://index.example.com/simple", authorization=BASIC_ME_SECRET)

    base = rules.make_base(make_source("https://${LOGIN}:${PASS}@index.example.com/simple"))

    assert (base, base.authorization) == (expected, BASIC_ME_SECRET)


def test_command_line_names_a_variable_that_is_not_set() -> None:
    """A missing variable is named, not sent as text."""
    rules = IndexRules(rules={}, allow_unlisted=True, environ={})
    with pytest.raises(NotAllowed) as caught:
        rules.make_base(make_source("https://${PASS}:${LOGIN}@index.example.com/simple"))

    assert caught.value.message == "the source index needs the variable LOGIN, PASS, which is not set"


@pytest.mark.parametrize(
    ("url", "verify_ssl", "message"),
    [
        ("http://index.example.com/simple", True, "the index index.example.com/simple is asked over plain http"),
        (
            "https://index.example.com/simple",
            False,
            "the source index says verify_ssl = false, and index.example.com is not listed",
        ),
    ],
)
def test_command_line_refuses_unlisted_weak_transport(url: str, verify_ssl: bool, message: str) -> None:
    """Plain http and verify_ssl=false need the host to be listed, also for a user."""
    with pytest.raises(NotAllowed) as caught:
        OPEN.make_base(make_source(url, verify_ssl=verify_ssl))

    assert caught.value.message == message


def test_listed_host_may_say_verify_ssl_false() -> None:
    """For a listed host the word of the lock is of no effect: the certificate is verified all the same."""
    expected = IndexBase(url="https://index.example.com/simple")

    assert LISTED.make_base(make_source("https://index.example.com/simple", verify_ssl=False)) == expected


MIXED = IndexRules(
    rules={
        "index.example.com": IndexRule(),
        "plain.example.com": IndexRule(plain_http=True),
        "index.example.invalid": IndexRule(mirror="http://127.0.0.1:3141/simple", plain_http=True),
        "other.example.invalid": IndexRule(mirror="https://127.0.0.1:3142/simple"),
    },
    allow_unlisted=False,
)


@pytest.mark.parametrize(
    ("expected", "url", "hashed"),
    [
        (False, "https://index.example.com/files/a.whl", False),
        (False, "http://plain.example.com/a", False),
        (False, "http://127.0.0.1:3141/a", False),
        (False, "https://127.0.0.1:3142/a", False),
        (True, "https://files.example.com/a.whl", True),
    ],
)
def test_hop_to_a_known_place_or_with_a_known_hash_passes(expected: bool, url: str, hashed: bool) -> None:
    """Listed hosts and mirrors are trusted with their address; another host only over https and when the hash is known."""
    assert MIXED.verify_hop(url, base=BASE, hashed=hashed) is expected


def test_hop_on_an_unlisted_index_itself_is_guarded() -> None:
    """An index that only the command line allows is asked, but not on a private network."""
    assert OPEN.verify_hop("https://index.example.com/x", base=BASE, hashed=False) is True


@pytest.mark.parametrize(
    ("url", "hashed", "message"),
    [
        (
            "https://evil.example.com/x?token=1",
            False,
            "the index index.example.com redirects to another host, evil.example.com",
        ),
        (
            "http://files.example.com/a.whl?token=1",
            True,
            "the index index.example.com points to files.example.com/a.whl over plain http on another host",
        ),
        ("http://index.example.com/a.whl?token=1", True, "index.example.com/a.whl is asked over plain http"),
        ("ftp://files.example.com/a.whl?token=1", True, "expected an http(s) URL, found ftp://files.example.com/a.whl"),
        ("https://[broken", True, "expected an http(s) URL, found https://[broken"),
        ("https:///nohost", True, "expected an http(s) URL, found https:///nohost"),
    ],
)
def test_hop_elsewhere_is_refused(url: str, hashed: bool, message: str) -> None:
    """Redirects of pages to other hosts, plain http and other schemes are refused, and no query is shown."""
    with pytest.raises(NotAllowed) as caught:
        MIXED.verify_hop(url, base=BASE, hashed=hashed)

    assert caught.value.message == message
