"""Where requests to registries may go."""

from urllib.parse import urlsplit

import pytest

from hublish.adapters.registry.policy import HostPolicy, host_of
from hublish.adapters.registry.rule import RegistryRule
from hublish.errors import NotAllowed

POLICY = HostPolicy(
    rules={"plain.example:5000": RegistryRule(plain_http=True), "docker.io": RegistryRule()},
    allowed_hosts=frozenset({"plain.example:5000"}),
)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://R.example/x", "r.example"),
        ("https://r.example:443/x", "r.example"),
        ("http://r.example:443/x", "r.example:443"),
        ("https://[::1]:5000/x", "[::1]:5000"),
        ("https://r.example:99999/", ""),
        ("/v2/", ""),
    ],
)
def test_host_is_named_as_the_rules_name_it(url, expected):
    """Lower case, and without the scheme's own port."""
    assert host_of(urlsplit(url)) == expected


def test_base_url_follows_the_rule():
    """TLS unless the rule says otherwise; Docker Hub's API has another name, under which its rule still counts."""
    expected = {
        "plain.example:5000": "http://plain.example:5000",
        "other.example": "https://other.example",
        "docker.io": "https://registry-1.docker.io",
    }

    assert {host: POLICY.base_url(host) for host in expected} == expected
    assert POLICY.rule("registry-1.docker.io") == RegistryRule()
    assert POLICY.rule("other.example") is None


def test_url_of_plain_http_is_refused_unless_listed():
    """Only the listed host may be spoken to without TLS."""
    POLICY.verify_url("http://plain.example:5000/v2/")
    POLICY.verify_url("https://anything.example/x")

    for url in ("http://plain.example/v2/", "http://other.example/", "gopher://plain.example:5000/"):
        with pytest.raises(NotAllowed, match="Expected https for"):
            POLICY.verify_url(url)


def test_realm_that_is_no_url_is_refused():
    """A registry may name anything as its token service."""
    with pytest.raises(NotAllowed, match=r"Expected a URL, got 'https://\[bad/token'"):
        POLICY.verify_url("https://[bad/token?service=x")


def test_refusal_of_a_url_holds_no_query():
    """Signed URLs are secrets."""
    with pytest.raises(NotAllowed) as caught:
        POLICY.verify_url("http://store.example/blob?signature=secret")

    assert "secret" not in caught.value.message


def test_unlisted_registry_is_refused_and_any_is_allowed_without_a_list():
    """The list is the operator's; the command line has none."""
    HostPolicy(rules={}, allowed_hosts=None).verify_registry("any.example")
    POLICY.verify_registry("plain.example:5000")

    with pytest.raises(NotAllowed, match=r"got 'any\.example'"):
        POLICY.verify_registry("any.example")
