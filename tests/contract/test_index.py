"""The package index client against an index on loopback that tells the truth, and against one that does not."""

from __future__ import annotations

import gzip
import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.adapters.index import HTTPPackageIndex, IndexRule, IndexTiming, read_pip_configuration
from hublish.core.lockfile import IndexSource
from hublish.core.ports import IndexFile, PackageIndex
from hublish.errors import IndexFailed, NotAllowed, WheelInvalid, WheelMissing
from tests.sandbox.index import Fault, PackageIndexSandbox
from tests.sandbox.registry_token import make_certificate
from tests.sandbox.wheels import PLACEHOLDER_HOST, PLACEHOLDER_SOURCE, make_wheel

SOURCE = IndexSource(name="index", url=PLACEHOLDER_SOURCE, verify_ssl=True)
QUICK = IndexTiming(
    connect_seconds=2, read_seconds=0.3, page_seconds=5, file_seconds=5, attempts=3, backoff_seconds=0.01
)

MakeIndex = Callable[..., HTTPPackageIndex]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[PackageIndexSandbox]:
    with PackageIndexSandbox.start(tmp_path / "served") as running:
        yield running


@pytest.fixture
def make_index(sandbox: PackageIndexSandbox, tmp_path: Path) -> MakeIndex:
    def make(**changes: object) -> HTTPPackageIndex:
        rules = {PLACEHOLDER_HOST: IndexRule(mirror=sandbox.url, plain_http=True)}
        arguments: dict[str, object] = {"rules": rules, "allow_unlisted": False, "cache": tmp_path / "cache"}
        return HTTPPackageIndex(**{**arguments, "timing": QUICK, **changes})  # type: ignore[arg-type]

    return make


def list_cached(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache").rglob("*") if path.is_file())


def test_client_is_a_package_index(make_index: MakeIndex) -> None:
    """The client fits the port (mypy checks the shapes)."""
    index: PackageIndex = make_index()

    assert index is not None


def test_json_page_is_preferred(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """JSON gives sizes; names are normalised, yanked files and Python limits are told."""
    one = sandbox.add_wheel("Demo.One", "1.0", requires_python=">=3.9")
    two = sandbox.add_wheel("demo-one", "1.1")
    sandbox.yank("demo_one", "1.1", "broken")
    url = f"http://{sandbox.host}"
    expected = (
        IndexFile(
            filename="demo_one-1.0-py3-none-any.whl",
            url=url + one.href,
            sha256=one.sha256,
            size_bytes=len(one.body),
            requires_python=">=3.9",
        ),
        IndexFile(
            filename="demo_one-1.1-py3-none-any.whl",
            url=url + two.href,
            sha256=two.sha256,
            size_bytes=len(two.body),
            yanked="broken",
        ),
    )

    assert make_index().list_files(SOURCE, "Demo__One") == expected


def test_html_page_gives_the_same_but_sizes(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """An index without JSON is read all the same."""
    sandbox.add_wheel("demo", "1.0", requires_python=">=3.9,<4")
    sandbox.yank("demo", "1.0")
    from_json = make_index().list_files(SOURCE, "demo")
    sandbox.json = False

    assert make_index().list_files(SOURCE, "demo") == tuple(replace(file, size_bytes=None) for file in from_json)


def test_unknown_package_has_no_files(make_index: MakeIndex) -> None:
    """404 for a page means the index does not know the name."""
    assert make_index().list_files(SOURCE, "nobody") == ()


def test_page_is_asked_again_with_its_etag(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A page that did not change is not sent twice; one that did is."""
    sandbox.add_wheel("demo", "1.0")
    first = make_index().list_files(SOURCE, "demo")
    second = make_index().list_files(SOURCE, "demo")
    sandbox.add_wheel("demo", "1.1")
    third = make_index().list_files(SOURCE, "demo")

    assert ([call.status for call in sandbox.calls], first == second, len(third)) == ([200, 304, 200], True, 2)


def test_file_is_fetched_once(sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path) -> None:
    """The file lies under its hash with its own name; a second call asks nobody."""
    served = sandbox.add_wheel("demo", "1.0")
    index = make_index()
    [file] = index.list_files(SOURCE, "demo")
    received: list[int] = []
    path = index.fetch_file(SOURCE, file, received.append)
    calls = len(sandbox.calls)
    again = make_index().fetch_file(SOURCE, file, received.append)
    expected = tmp_path / "cache" / "wheels" / served.sha256 / "demo-1.0-py3-none-any.whl"

    assert (path, again, path.read_bytes(), sum(received)) == (expected, expected, served.body, len(served.body))
    assert len(sandbox.calls) == calls


def test_many_threads_fetch_one_file(sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path) -> None:
    """Threads that want the same file do not disturb each other."""
    served = sandbox.add_wheel("demo", "1.0", {"demo.py": b"x" * 200_000})
    index = make_index()
    [file] = index.list_files(SOURCE, "demo")
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: index.fetch_file(SOURCE, file), range(8)))

    assert {path.read_bytes() for path in paths} == {served.body}
    assert [name for name in list_cached(tmp_path) if name.startswith(".")] == []


def test_damaged_file_is_fetched_anew(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A file that was cut short on disk is noticed by its size and replaced."""
    served = sandbox.add_wheel("demo", "1.0")
    index = make_index()
    [file] = index.list_files(SOURCE, "demo")
    index.fetch_file(SOURCE, file).write_bytes(b"short")

    assert index.fetch_file(SOURCE, file).read_bytes() == served.body


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path_regex="", times=2, status=500),
        Fault(path_regex="", times=2, status=503, headers={"Retry-After": "0"}),
        Fault(path_regex="", times=2, status=429),
        Fault(path_regex="", times=2, drop=True),
        Fault(path_regex="", times=2, truncate_at=10),
        Fault(path_regex="", times=2, delay_seconds=0.5),
    ],
    ids=["500", "503-retry-after", "429", "dropped", "truncated", "slow"],
)
def test_failure_that_passes_is_outlived(sandbox: PackageIndexSandbox, make_index: MakeIndex, fault: Fault) -> None:
    """Two failures of any kind and then the right answer: the caller sees only that, for pages and for files."""
    served = sandbox.add_wheel("demo", "1.0")
    index = make_index()
    received: list[int] = []
    sandbox.add_fault(replace(fault, path_regex="^/simple/"))
    [file] = index.list_files(SOURCE, "demo")
    sandbox.add_fault(replace(fault, path_regex="^/files/"))
    path = index.fetch_file(SOURCE, file, received.append)

    assert (path.read_bytes(), sum(received)) == (served.body, len(served.body))


@pytest.mark.parametrize(
    ("fault", "message", "transient"),
    [
        (Fault(path_regex="", status=500), "the index answered {host}/simple/demo/ with status 500", True),
        (
            Fault(path_regex="", drop=True),
            "{host}/simple/demo/ broke off",
            True,
        ),
        (
            Fault(path_regex="", truncate_at=9),
            "{host}/simple/demo/ broke off",
            True,
        ),
        (
            Fault(path_regex="", delay_seconds=0.5),
            "{host}/simple/demo/ did not answer in time",
            True,
        ),
        (Fault(path_regex="", status=401), "the index refused {host}/simple/demo/ with status 401", False),
        (Fault(path_regex="", status=418), "the index answered {host}/simple/demo/ with status 418", False),
        (
            Fault(path_regex="", body=b"{"),
            "the index answered a broken page at {host}/simple/demo/:  Invalid JSON",
            False,
        ),
    ],
    ids=["500", "dropped", "truncated", "slow", "401", "418", "other-bytes"],
)
def test_failure_that_stays_is_told(
    sandbox: PackageIndexSandbox, make_index: MakeIndex, fault: Fault, message: str, transient: bool
) -> None:
    """After the last try the error says where, what, and whether to try later."""
    sandbox.add_wheel("demo", "1.0")
    sandbox.add_fault(replace(fault, times=99))
    with pytest.raises(IndexFailed) as caught:
        make_index().list_files(SOURCE, "demo")

    assert caught.value.message.partition(": ")[0] == message.format(host=sandbox.host).partition(": ")[0]
    assert (caught.value.transient, len(sandbox.calls)) == (transient, 3 if transient else 1)


def test_budget_is_fresh_for_each_call(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """One call that used up its tries leaves the next one all of its own."""
    sandbox.add_wheel("demo", "1.0")
    sandbox.add_fault(Fault(path_regex="", status=500, times=5))
    index = make_index()
    with pytest.raises(IndexFailed):
        index.list_files(SOURCE, "demo")

    assert len(index.list_files(SOURCE, "demo")) == 1


def test_deadline_ends_the_tries(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A server that asks for a longer pause than the call may last is not waited for."""
    sandbox.add_fault(Fault(path_regex="", status=503, times=9, headers={"Retry-After": "30"}))
    with pytest.raises(IndexFailed) as caught:
        make_index().list_files(SOURCE, "demo")

    assert (caught.value.transient, len(sandbox.calls)) == (True, 1)


def test_slow_drip_ends_at_the_deadline(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """An answer that never stalls but never ends either is cut off by the deadline of the call."""
    sandbox.add_wheel("demo", "1.0")
    sandbox.add_fault(Fault(path_regex="", drip_seconds=0.02))
    with pytest.raises(IndexFailed) as caught:
        make_index(timing=replace(QUICK, page_seconds=0.2)).list_files(SOURCE, "demo")

    assert caught.value.message == f"{sandbox.host}/simple/demo/ took too long"


def test_wrong_bytes_are_refused(sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path) -> None:
    """Other bytes than the hash says are named with both hashes and the host; nothing is kept."""
    served = sandbox.add_wheel("demo", "1.0")
    other = make_wheel("demo", "1.0", {"demo.py": "import os"})
    index = make_index()
    [file] = index.list_files(SOURCE, "demo")
    sandbox.add_fault(Fault(path_regex="^/files/", body=other))
    with pytest.raises(WheelInvalid) as caught:
        index.fetch_file(SOURCE, file)

    assert caught.value.message == (
        f"demo-1.0-py3-none-any.whl from {sandbox.host}: expected sha256 {served.sha256}, "
        f"got {hashlib.sha256(other).hexdigest()}"
    )
    assert [name for name in list_cached(tmp_path) if "whl" in name or name.startswith(".")] == []


def test_gone_file_is_missing(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A file that is listed but answers 404 is gone, and the answer says to lock again."""
    sandbox.add_wheel("demo", "1.0")
    sandbox.remove("demo", "1.0")
    index = make_index()
    [file] = index.list_files(SOURCE, "demo")
    with pytest.raises(WheelMissing) as caught:
        index.fetch_file(SOURCE, file)

    assert (caught.value.message, caught.value.hint) == (
        f"demo-1.0-py3-none-any.whl is listed by {sandbox.host} but gone or yanked away (status 404)",
        "Lock again: run `pipenv lock`.",
    )


def test_file_without_hash_is_refused(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """What cannot be verified is not fetched."""
    sandbox.add_wheel("demo", "1.0")
    index = make_index()
    [file] = index.list_files(SOURCE, "demo")
    with pytest.raises(WheelInvalid) as caught:
        index.fetch_file(SOURCE, replace(file, sha256=None))

    assert caught.value.message == (
        f"{sandbox.host} lists demo-1.0-py3-none-any.whl without a SHA-256, so it cannot be verified"
    )


def test_oversized_page_is_refused(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A page above the cap is not read to its end."""
    sandbox.add_fault(Fault(path_regex="", body=b"x" * 100_001))
    sandbox.add_wheel("demo", "1.0")
    with pytest.raises(IndexFailed) as caught:
        make_index(largest_page_bytes=100_000).list_files(SOURCE, "demo")

    assert caught.value.message == f"{sandbox.host}/simple/demo/ is larger than 100000 bytes"


def test_packed_page_is_measured_unpacked(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A page that is small on the wire and huge in memory is refused as well."""
    bomb = gzip.compress(b" " * 10_000_000)
    sandbox.add_fault(Fault(path_regex="", body=bomb, headers={"Content-Encoding": "gzip"}))
    sandbox.add_wheel("demo", "1.0")
    with pytest.raises(IndexFailed) as caught:
        make_index(largest_page_bytes=1_000_000).list_files(SOURCE, "demo")

    assert caught.value.message == f"{sandbox.host}/simple/demo/ is larger than 1000000 bytes"


def test_oversized_file_is_refused(sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path) -> None:
    """A file above the cap is not kept, and progress goes back to nothing."""
    sandbox.add_wheel("demo", "1.0")
    index = make_index(largest_file_bytes=100)
    [file] = index.list_files(SOURCE, "demo")
    received: list[int] = []
    with pytest.raises(IndexFailed) as caught:
        index.fetch_file(SOURCE, file, received.append)

    assert (caught.value.message, sum(received)) == ("demo-1.0-py3-none-any.whl is larger than 100 bytes", 0)
    assert [name for name in list_cached(tmp_path) if "whl" in name or name.startswith(".")] == []


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


def test_name_without_address_is_transient(make_index: MakeIndex) -> None:
    """A name that cannot be resolved now may be later."""
    file = IndexFile(filename="a.whl", url="https://nobody.example.invalid/a", sha256="0" * 64, size_bytes=None)
    with pytest.raises(IndexFailed) as caught:
        make_index().fetch_file(SOURCE, file)

    assert (caught.value.message, caught.value.transient) == ("nobody.example.invalid/a could not be reached", True)


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
    auth_file = tmp_path / "netrc"
    auth_file.write_text("machine 127.0.0.1 login me password secret\n")
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


def test_server_that_is_not_there_is_transient(make_index: MakeIndex) -> None:
    """A refused connection may pass, so the caller may try later."""
    rules = {PLACEHOLDER_HOST: IndexRule(mirror="http://127.0.0.1:9/simple", plain_http=True)}
    with pytest.raises(IndexFailed) as caught:
        make_index(rules=rules).list_files(SOURCE, "demo")

    assert (caught.value.message, caught.value.transient) == (
        "127.0.0.1:9/simple/demo/ could not be reached",
        True,
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
    make_index(rules=rules, proxy=f"http://{sandbox.host}").list_files(SOURCE, "demo")
    make_index(proxy="http://127.0.0.1:9", no_proxy=("127.0.0.1",)).list_files(SOURCE, "demo")

    assert [call.path for call in sandbox.calls] == ["http://far.example.com/simple/demo/", "/simple/demo/"]


def test_proxy_is_no_way_to_private_addresses(make_index: MakeIndex) -> None:
    """An address written as such is refused although the proxy would connect."""
    file = IndexFile(filename="a.whl", url="https://169.254.169.254/a.whl", sha256="0" * 64, size_bytes=None)
    with pytest.raises(NotAllowed) as caught:
        make_index(proxy="http://127.0.0.1:9").fetch_file(SOURCE, file)

    assert caught.value.message.startswith("169.254.169.254 has a private address")


def test_own_certificate_authority_is_trusted_when_named(tmp_path: Path, make_index: MakeIndex) -> None:
    """An index with a certificate of a private authority is read with `ca_file` and refused without."""
    certificate, key = make_certificate(tmp_path)
    with PackageIndexSandbox.start(tmp_path / "tls", tls=(certificate, key)) as secure:
        secure.add_wheel("demo", "1.0")
        rules = {PLACEHOLDER_HOST: IndexRule(mirror=secure.url)}
        files = make_index(rules=rules, ca_file=certificate).list_files(SOURCE, "demo")
        with pytest.raises(IndexFailed) as caught:
            make_index(rules=rules).list_files(SOURCE, "demo")

    assert len(files) == 1
    assert caught.value.message.startswith(f"{secure.host}/simple/demo/ has a certificate that is not trusted: ")
    assert (caught.value.hint, caught.value.transient) == (
        "Name your certificate authority's file (PIP_CERT or SSL_CERT_FILE).",
        False,
    )


@pytest.mark.network
def test_index_of_this_machine_is_read(make_index: MakeIndex) -> None:
    """The index that pip is configured for lists a small package and gives a wheel with the right hash."""
    pip = read_pip_configuration(os.environ)
    assert pip is not None, "pip is configured for no index"
    index = make_index(
        rules={PLACEHOLDER_HOST: IndexRule(mirror=pip.index_url, plain_http=True)},
        ca_file=pip.ca_file,
        timing=IndexTiming(page_seconds=60, file_seconds=60),
    )
    wheels = [file for file in index.list_files(SOURCE, "six") if file.filename == "six-1.16.0-py2.py3-none-any.whl"]
    path = index.fetch_file(SOURCE, wheels[0])

    assert hashlib.sha256(path.read_bytes()).hexdigest() == wheels[0].sha256
