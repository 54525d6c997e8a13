"""Where the package index client goes, and where it refuses to: addresses, redirects, logins, proxies, certificates."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hublish.adapters.index import IndexRule
from hublish.core.ports import IndexFile
from hublish.core.proxy import Proxies, Proxy
from hublish.errors import IndexFailed, NotAllowed
from hublish.network import Network
from tests.contract.index.parts import SOURCE, MakeIndex
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.index_faults import Fault
from tests.sandbox.registry_token import make_certificate
from tests.sandbox.wheels import PLACEHOLDER_HOST


def test_unlisted_private_host_is_not_contacted(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A file URL to an address on this machine or a private network is refused before a connection is made."""
    served = sandbox.add_wheel("demo", "1.0")
    index = make_index()
    files = [
        IndexFile(filename="demo.whl", url=f"https://{host}/latest/meta-data", sha256=served.sha256, size_bytes=None)
        for host in ("127.0.0.1:9", "localhost:9", "169.254.169.254", "[::1]:9", "10.0.0.1")
    ]
    messages = []
    for file in files:
        with pytest.raises(NotAllowed) as caught:
            index.fetch_file(SOURCE, file)
        messages.append(caught.value.message.partition(",")[0])

    assert messages == [
        f"{host} has a private address" for host in ("127.0.0.1", "localhost", "169.254.169.254", "::1", "10.0.0.1")
    ]


def test_name_that_changes_its_address_is_caught(
    sandbox: PackageIndexSandbox, make_index: MakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when checked and private when connected (DNS rebinding) gets no byte."""
    port = int(sandbox.host.partition(":")[2])
    answers = [("8.8.8.8", port), ("127.0.0.1", port)]
    # The resolver is the boundary here: no real name can be made to change its address between two questions.
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *args, **options: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", answers.pop(0))],
    )
    file = IndexFile(filename="a.whl", url=f"https://evil.example.com:{port}/a", sha256="0" * 64, size_bytes=None)
    with pytest.raises(NotAllowed) as caught:
        make_index().fetch_file(SOURCE, file)

    assert (caught.value.message.partition(",")[0], answers) == ("evil.example.com has a private address", [])


def test_redirect_is_followed_on_the_same_host(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """An index may spell its paths in another way."""
    sandbox.add_wheel("demo", "1.0")
    sandbox.add_fault(Fault(path_regex="/demo/", status=301, headers={"Location": "/simple/DEMO/"}))

    assert len(make_index().list_files(SOURCE, "demo")) == 1


@pytest.mark.parametrize(
    ("location", "message"),
    [
        (
            "https://evil.example.com/simple/demo/?secret",
            "the index {host} redirects to another host, evil.example.com",
        ),
        ("http://127.0.0.1:9/simple/demo/", "the index {host} redirects to another host, 127.0.0.1:9"),
        ("https://[bad/simple/demo/", "expected a URL to go on to, got 'https://[bad/simple/demo/'"),
        ("file:///etc/passwd", "expected an http(s) URL, found file:///etc/passwd"),
    ],
)
def test_redirect_elsewhere_is_refused(
    sandbox: PackageIndexSandbox, make_index: MakeIndex, location: str, message: str
) -> None:
    """A redirect is measured by the same rules as an address in the lock."""
    sandbox.add_fault(Fault(path_regex="/demo/", status=302, headers={"Location": location}))
    with pytest.raises(NotAllowed) as caught:
        make_index().list_files(SOURCE, "demo")

    assert caught.value.message == message.format(host=sandbox.host)


def test_endless_redirects_end(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A redirect to itself is not followed for ever."""
    sandbox.add_fault(Fault(path_regex="", times=99, status=302, headers={"Location": "/simple/demo/"}))
    with pytest.raises(IndexFailed) as caught:
        make_index().list_files(SOURCE, "demo")

    assert (caught.value.message, len(sandbox.calls)) == (f"{sandbox.host}/simple/demo/ redirects more than 5 times", 6)


def test_login_stays_with_its_host(sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path) -> None:
    """The index gets its login; the listed host that its files lie on does not."""
    auth_file = tmp_path / "auth"
    auth_file.write_text("me:secret\n")
    with PackageIndexSandbox.start(tmp_path / "other") as other:
        body = other.add_wheel("demo", "1.0")
        sandbox.add_wheel("demo", "1.0").url = f"http://{other.host}{body.href}"
        sandbox.authorization = "Basic bWU6c2VjcmV0"
        rules = {
            PLACEHOLDER_HOST: IndexRule(mirror=sandbox.url, plain_http=True, auth_file=auth_file),
            other.host: IndexRule(plain_http=True),
        }
        index = make_index(rules=rules)
        [file] = index.list_files(SOURCE, "demo")
        path = index.fetch_file(SOURCE, file)

        assert path.read_bytes() == body.body
        assert ["Authorization" in call.headers for call in other.calls] == [False]


def test_wrong_login_is_told(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """401 names the setting that gives a login."""
    sandbox.authorization = "Basic bWU6c2VjcmV0"
    with pytest.raises(IndexFailed) as caught:
        make_index().list_files(SOURCE, "demo")

    assert (caught.value.message, caught.value.hint) == (
        f"the index refused {sandbox.host}/simple/demo/ with status 401",
        f"Give {sandbox.host} an auth_file under `indexes` in the settings, or check the login.",
    )


def test_server_without_tls_is_not_trusted(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """Plain bytes where TLS is due end the call at once."""
    rules = {PLACEHOLDER_HOST: IndexRule(mirror=sandbox.url.replace("http:", "https:"))}
    with pytest.raises(IndexFailed) as caught:
        make_index(rules=rules).list_files(SOURCE, "demo")

    assert caught.value.transient is False


def test_proxy_is_asked(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """With a proxy the whole URL goes there; hosts of `no_proxy` are asked directly."""
    sandbox.add_wheel("demo", "1.0")
    rules = {PLACEHOLDER_HOST: IndexRule(mirror="http://far.example.com/simple", plain_http=True)}
    through = Proxies(http=Proxy(url=f"http://{sandbox.host}"))
    nowhere = Proxies(http=Proxy(url="http://127.0.0.1:9"), direct=("127.0.0.1",))
    make_index(rules=rules, network=Network(proxies=through)).list_files(SOURCE, "demo")
    make_index(network=Network(proxies=nowhere)).list_files(SOURCE, "demo")

    assert [call.path for call in sandbox.calls] == ["http://far.example.com/simple/demo/", "/simple/demo/"]


def test_proxy_is_no_way_to_private_addresses(make_index: MakeIndex) -> None:
    """An address written as such is refused although the proxy would connect."""
    file = IndexFile(filename="a.whl", url="https://169.254.169.254/a.whl", sha256="0" * 64, size_bytes=None)
    nowhere = Proxies(https=Proxy(url="http://127.0.0.1:9"))
    with pytest.raises(NotAllowed) as caught:
        make_index(network=Network(proxies=nowhere)).fetch_file(SOURCE, file)

    assert caught.value.message.startswith("169.254.169.254 has a private address")


def test_own_certificate_authority_is_trusted_when_named(tmp_path: Path, make_index: MakeIndex) -> None:
    """An index with a certificate of a private authority is read with `ca_file` and refused without."""
    certificate, key = make_certificate(tmp_path)
    with PackageIndexSandbox.start(tmp_path / "tls", tls=(certificate, key)) as secure:
        secure.add_wheel("demo", "1.0")
        rules = {PLACEHOLDER_HOST: IndexRule(mirror=secure.url)}
        files = make_index(rules=rules, network=Network(ca_file=certificate)).list_files(SOURCE, "demo")
        with pytest.raises(IndexFailed) as caught:
            make_index(rules=rules).list_files(SOURCE, "demo")

    assert len(files) == 1
    assert caught.value.message.startswith(f"{secure.host}/simple/demo/ has a certificate that is not trusted: ")
    assert (caught.value.hint, caught.value.transient) == (
        "Name your certificate authority's file (PIP_CERT or SSL_CERT_FILE).",
        False,
    )
