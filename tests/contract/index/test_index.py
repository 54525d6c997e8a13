"""The package index client against an index on loopback that tells the truth."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.adapters.index import IndexRule, IndexTiming, read_pip_configuration
from hublish.core.ports import IndexFile, PackageIndex
from hublish.network import Network
from tests.contract.index.parts import SOURCE, MakeIndex, list_cached
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.wheels import PLACEHOLDER_HOST


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
    assert [name for name in list_cached(tmp_path) if name.startswith(".part-")] == []


def test_damaged_file_is_fetched_anew(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A file that was cut short on disk, or has its length and other bytes, is replaced."""
    served = sandbox.add_wheel("demo", "1.0")
    index = make_index()
    [file] = index.list_files(SOURCE, "demo")
    index.fetch_file(SOURCE, file).write_bytes(b"short")
    again = index.fetch_file(SOURCE, file)
    again.write_bytes(bytes(len(served.body)))

    assert index.find_file(file) is None
    assert index.fetch_file(SOURCE, file).read_bytes() == served.body


@pytest.mark.network
def test_index_of_this_machine_is_read(make_index: MakeIndex) -> None:
    """The index that pip is configured for lists a small package and gives a wheel with the right hash."""
    pip = read_pip_configuration(os.environ)
    assert pip is not None, "pip is configured for no index"
    index = make_index(
        rules={PLACEHOLDER_HOST: IndexRule(mirror=pip.index_url, plain_http=True)},
        network=Network(ca_file=pip.ca_file),
        timing=IndexTiming(page_seconds=60, file_seconds=60),
    )
    wheels = [file for file in index.list_files(SOURCE, "six") if file.filename == "six-1.16.0-py2.py3-none-any.whl"]
    path = index.fetch_file(SOURCE, wheels[0])

    assert hashlib.sha256(path.read_bytes()).hexdigest() == wheels[0].sha256


def test_cache_stays_below_its_limit(sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path) -> None:
    """What was not used for longest is dropped when something new comes; what is new stays."""
    sandbox.add_wheel("demo", "1.0")
    old = tmp_path / "cache" / "wheels" / ("0" * 64) / "old.whl"
    old.parent.mkdir(parents=True)
    old.write_bytes(bytes(1000))
    os.utime(old, (1, 1))
    index = make_index(cache_limit_bytes=500)
    (file,) = index.list_files(SOURCE, "demo")

    fetched = index.fetch_file(SOURCE, file)

    assert (old.exists(), fetched.exists()) == (False, True)
