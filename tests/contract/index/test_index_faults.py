"""The package index client against an index that fails, dawdles and lies."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.adapters.index import IndexRule
from hublish.core.ports import IndexFile
from hublish.errors import IndexFailed, WheelInvalid, WheelMissing
from tests.contract.index.parts import QUICK, SOURCE, MakeIndex, list_cached
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.index_faults import Fault
from tests.sandbox.wheels import PLACEHOLDER_HOST, make_wheel


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path_regex="", times=2, status=500),
        Fault(path_regex="", times=2, status=503, headers={"Retry-After": "0"}),
        Fault(path_regex="", times=2, status=429),
        Fault(path_regex="", times=2, drop=True),
        Fault(path_regex="", times=2, truncate_at=10),
        Fault(path_regex="", times=1, delay_seconds=5),
    ],
    ids=["500", "503-retry-after", "429", "dropped", "truncated", "slow"],
)
def test_failure_that_passes_is_outlived(sandbox: PackageIndexSandbox, make_index: MakeIndex, fault: Fault) -> None:
    """Failures of any kind and then the right answer: the caller sees only that, for pages and for files."""
    served = sandbox.add_wheel("demo", "1.0")
    index = make_index(timing=replace(QUICK, read_seconds=2.0) if fault.delay_seconds else QUICK)
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
            Fault(path_regex="", delay_seconds=5),
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
        make_index(timing=replace(QUICK, read_seconds=0.3) if fault.delay_seconds else QUICK).list_files(SOURCE, "demo")

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
        make_index(timing=replace(QUICK, page_seconds=20)).list_files(SOURCE, "demo")

    assert (caught.value.transient, len(sandbox.calls)) == (True, 1)


def test_slow_drip_ends_at_the_deadline(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """An answer that never stalls but never ends either is cut off by the deadline of the call."""
    sandbox.add_wheel("demo", "1.0")
    sandbox.add_fault(Fault(path_regex="", drip_seconds=0.2))
    with pytest.raises(IndexFailed) as caught:
        make_index(timing=replace(QUICK, page_seconds=2)).list_files(SOURCE, "demo")

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


def test_server_that_is_not_there_is_transient(make_index: MakeIndex) -> None:
    """A refused connection may pass, so the caller may try later."""
    rules = {PLACEHOLDER_HOST: IndexRule(mirror="http://127.0.0.1:9/simple", plain_http=True)}
    with pytest.raises(IndexFailed) as caught:
        make_index(rules=rules).list_files(SOURCE, "demo")

    assert (caught.value.message, caught.value.transient) == (
        "127.0.0.1:9/simple/demo/ could not be reached",
        True,
    )


def test_name_without_address_is_transient(make_index: MakeIndex) -> None:
    """A name that cannot be resolved now may be later."""
    file = IndexFile(filename="a.whl", url="https://nobody.example.invalid/a", sha256="0" * 64, size_bytes=None)
    with pytest.raises(IndexFailed) as caught:
        make_index().fetch_file(SOURCE, file)

    assert (caught.value.message, caught.value.transient) == ("nobody.example.invalid/a could not be reached", True)
