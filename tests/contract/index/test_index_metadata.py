"""The METADATA of a wheel by itself: verified, capped, kept by its hash, and asked for by the rules of files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hublish.adapters.index import HTTPPackageIndex, IndexRule
from hublish.core.ports import IndexFile
from hublish.errors import IndexFailed, NotAllowed, WheelInvalid
from tests.contract.index.parts import SOURCE, MakeIndex, list_cached
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.index_faults import Fault
from tests.sandbox.wheels import PLACEHOLDER_HOST

METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"


def offer_metadata(
    sandbox: PackageIndexSandbox, index: HTTPPackageIndex, *, hashed: bool = True, body: bytes = METADATA
) -> IndexFile:
    served = sandbox.add_wheel("demo", "1.0")
    served.metadata, served.metadata_hashed = body, hashed
    [file] = index.list_files(SOURCE, "demo")
    return file


@pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
def test_metadata_is_fetched_once(sandbox: PackageIndexSandbox, make_index: MakeIndex, json: bool) -> None:
    """The bytes are the index's; a second call, also of another client, asks nobody."""
    sandbox.json = json
    index = make_index()
    file = offer_metadata(sandbox, index)
    first = index.fetch_metadata(SOURCE, file)
    calls = len(sandbox.calls)

    assert (first, make_index().fetch_metadata(SOURCE, file), len(sandbox.calls)) == (METADATA, METADATA, calls)


def test_metadata_that_is_not_offered_is_not_asked_for(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """An index that says nothing of METADATA gets no request for it."""
    sandbox.add_wheel("demo", "1.0")
    index = make_index()
    [file] = index.list_files(SOURCE, "demo")

    assert (index.fetch_metadata(SOURCE, file), len(sandbox.calls)) == (None, 1)


def test_metadata_that_is_gone_is_none(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """A mirror may offer on its pages what it does not have: 404 is no error, the wheel itself still has it."""
    index = make_index()
    file = offer_metadata(sandbox, index)
    sandbox.add_fault(Fault(path_regex="metadata$", status=404))

    assert index.fetch_metadata(SOURCE, file) is None


def test_metadata_without_a_hash_is_given_but_not_kept(
    sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path
) -> None:
    """What nobody can vouch for later is asked for each time."""
    index = make_index()
    file = offer_metadata(sandbox, index, hashed=False)
    answers = [index.fetch_metadata(SOURCE, file) for _ in range(2)]

    assert (answers, len(sandbox.calls)) == ([METADATA] * 2, 3)
    assert not (tmp_path / "cache" / "metadata").exists()


def test_wrong_metadata_is_refused(sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path) -> None:
    """Other bytes than the index's own hash says are named with both hashes; nothing is kept."""
    index = make_index()
    file = replace(offer_metadata(sandbox, index), metadata_sha256="0" * 64)
    with pytest.raises(WheelInvalid) as caught:
        index.fetch_metadata(SOURCE, file)

    assert caught.value.message == (
        f"demo-1.0-py3-none-any.whl.metadata from {sandbox.host}: expected sha256 {'0' * 64}, "
        "got 34aa27a6064f958b41b781a217f290fd0ab5f9651e2b6e4acdab341b7b93c305"
    )
    assert len(list_cached(tmp_path)) == 1


def test_oversized_metadata_is_refused(sandbox: PackageIndexSandbox, make_index: MakeIndex) -> None:
    """METADATA above the cap is not read to its end."""
    index = make_index(largest_metadata_bytes=10)
    file = offer_metadata(sandbox, index)
    with pytest.raises(IndexFailed) as caught:
        index.fetch_metadata(SOURCE, file)

    assert caught.value.message == (
        f"{sandbox.host}/files/{file.sha256}/demo-1.0-py3-none-any.whl.metadata is larger than 10 bytes"
    )


def test_metadata_on_another_host_needs_a_hash(
    sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path
) -> None:
    """A host that is not listed is refused when it is private, and not asked at all where no hash is known."""
    index = make_index()
    elsewhere = replace(offer_metadata(sandbox, index), url="https://127.0.0.1:9/demo.whl")
    with pytest.raises(NotAllowed) as caught:
        index.fetch_metadata(SOURCE, elsewhere)

    assert caught.value.message.startswith("127.0.0.1 has a private address")
    assert index.fetch_metadata(SOURCE, replace(elsewhere, metadata_sha256=None)) is None


def test_login_goes_to_the_index_only(sandbox: PackageIndexSandbox, make_index: MakeIndex, tmp_path: Path) -> None:
    """METADATA on the index's own host is asked with its login, on a listed other host without."""
    auth_file = tmp_path / "auth"
    auth_file.write_text("me:secret\n")
    sandbox.authorization = "Basic bWU6c2VjcmV0"
    with PackageIndexSandbox.start(tmp_path / "other") as other:
        rules = {
            PLACEHOLDER_HOST: IndexRule(mirror=sandbox.url, plain_http=True, auth_file=auth_file),
            other.host: IndexRule(plain_http=True),
        }
        index = make_index(rules=rules)
        file = offer_metadata(sandbox, index)
        served = other.add_wheel("demo", "1.0")
        served.metadata = METADATA + b"Summary: other\n"
        at_home = index.fetch_metadata(SOURCE, file)
        away = index.fetch_metadata(
            SOURCE, replace(file, url=f"http://{other.host}{served.href}", metadata_sha256=None)
        )

        assert (at_home, away) == (METADATA, served.metadata)
        assert ["Authorization" in call.headers for call in other.calls] == [False]
