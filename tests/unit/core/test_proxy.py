"""Which proxy serves which URL."""

from __future__ import annotations

import pytest

from hublish.core.proxy import Proxies, Proxy, parse_proxy, read_proxies
from hublish.errors import SettingsInvalid

SECURE, PLAIN = Proxy(url="http://secure.example.org:3128"), Proxy(url="http://plain.example.org:3128")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://proxy.example.org:3128", Proxy(url="http://proxy.example.org:3128")),
        ("proxy.example.org:3128", Proxy(url="http://proxy.example.org:3128")),
        ("https://proxy.example.org/", Proxy(url="https://proxy.example.org")),
        ("http://[fd00::1]:3128", Proxy(url="http://[fd00::1]:3128")),
        ("http://me:p%40ss@proxy.example.org", Proxy(url="http://proxy.example.org", login="me:p@ss")),
        ("http://me@proxy.example.org", Proxy(url="http://proxy.example.org", login="me:")),
    ],
)
def test_login_is_kept_apart_from_the_url(text: str, expected: Proxy) -> None:
    """A missing scheme is http, and what shows a proxy never shows its login."""
    proxy = parse_proxy(text, name="HTTPS_PROXY")

    assert proxy == expected
    assert "p@ss" not in repr(proxy)


@pytest.mark.parametrize(
    "text", ["socks5://me:hunter2@proxy:1080", "http://", "http://h:99999", "http://me:hunter2@h/path"]
)
def test_what_is_no_http_proxy_is_refused_without_its_login(text: str) -> None:
    """The message names where it stands and shows host and path only."""
    with pytest.raises(SettingsInvalid, match=r"^HTTPS_PROXY: expected the URL of an HTTP proxy, got ") as caught:
        parse_proxy(text, name="HTTPS_PROXY")

    assert "hunter2" not in caught.value.message
    assert caught.value.hint == "write http://host:port or https://host:port; SOCKS proxies are not supported"


@pytest.mark.parametrize(
    ("expected", "direct", "url"),
    [
        (SECURE, (), "https://example.com/a"),
        (PLAIN, (), "http://example.com/a"),
        (None, (), "https://127.0.0.1:5000/v2/"),
        (None, (), "http://localhost/"),
        (None, ("example.com",), "https://EXAMPLE.com/"),
        (None, (".example.com",), "https://a.b.example.com./"),
        (None, ("Example.com",), "https://a.example.com"),
        (SECURE, ("example.com",), "https://badexample.com/"),
        (None, ("example.com:5000",), "https://example.com:5000/"),
        (SECURE, ("example.com:5000",), "https://example.com/"),
        (None, ("example.com:443",), "https://example.com/"),
        (None, ("*",), "https://example.com/"),
        (None, ("10.0.0.0/8",), "http://10.1.2.3/"),
        (None, ("10.1.2.3:80",), "http://10.1.2.3/"),
        (PLAIN, ("10.1.2.3:81", "10.1.2.3/99", "example.com"), "http://10.1.2.3/"),
        (None, ("fd00::/8",), "https://[fd00::1]:5000/"),
        (None, ("fd00::1",), "https://[fd00::1]/"),
        (None, ("[fd00::1]:5000",), "https://[fd00::1]:5000/"),
        (SECURE, ("fd00::",), "https://[fd00::1]/"),
        (SECURE, (), "https:///"),
    ],
)  # fmt: skip
def test_proxy_is_found_by_scheme_and_exceptions(expected: Proxy | None, direct: tuple[str, ...], url: str) -> None:
    """Names count with all below them, addresses by network, either for one port; this machine is never behind a proxy."""
    assert Proxies(https=SECURE, http=PLAIN, direct=direct).find(url) == expected


def test_without_proxies_everything_is_direct() -> None:
    """The default."""
    assert Proxies().find("https://example.com/") is None


def test_environment_is_read_in_lower_case_first() -> None:
    """Empty variables count as unset; entries of NO_PROXY stand between commas or white space."""
    environ = {
        "HTTPS_PROXY": "http://other.example.org",
        "https_proxy": SECURE.url,
        "http_proxy": "",
        "HTTP_PROXY": PLAIN.url,
        "NO_PROXY": "a.example, b.example  c.example,",
    }
    expected = Proxies(https=SECURE, http=PLAIN, direct=("a.example", "b.example", "c.example"))

    assert read_proxies(environ) == expected
    assert read_proxies({}) == Proxies()
