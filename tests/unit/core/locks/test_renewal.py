"""A lock made anew: what changed, mirrors that leave no trace, and why pipenv failed."""

from __future__ import annotations

import json

import pytest
import tomlkit

from hublish.core.locks.lockfile import parse_lock
from hublish.core.locks.pipfile import hash_pipfile
from hublish.core.locks.renewal import (
    PackageChange,
    compare_locks,
    explain_failure,
    list_locked,
    redirect_sources,
    restore_lock,
)
from hublish.errors import LockFailed
from tests.sandbox.wheels import PLACEHOLDER_SOURCE, make_lock

HASHES = {"numpy": ["sha256:" + "a" * 64], "My_Pkg": ["sha256:" + "b" * 64]}
MIRROR = "https://mirror.example.com/simple"
PIPFILE, LOCK = make_lock({"numpy": "2.1.0", "My_Pkg": "1.0"}, hashes=HASHES)


def make_body(**groups: object) -> bytes:
    return json.dumps({"_meta": {}, **groups}).encode()


def test_changes_are_listed_by_group_and_name() -> None:
    """New, gone and changed packages are told; what stayed is not."""
    old = make_body(
        default={"kept": {"version": "==1"}, "numpy": {"version": "==1.0"}, "gone": {"version": "==3"}},
        develop={"tool": {"git": "https://github.com/o/tool", "ref": "a" * 40}},
    )
    new = make_body(
        default={"kept": {"version": "==1"}, "numpy": {"version": "==2.0"}, "new": {"path": "./new"}},
        develop={"tool": {"git": "https://github.com/o/tool", "ref": "b" * 40}},
    )

    expected = (
        PackageChange(group="default", name="gone", old="3", new=None),
        PackageChange(group="default", name="new", old=None, new="./new"),
        PackageChange(group="default", name="numpy", old="1.0", new="2.0"),
        PackageChange(
            group="develop",
            name="tool",
            old="https://github.com/o/tool@" + "a" * 40,
            new="https://github.com/o/tool@" + "b" * 40,
        ),
    )
    assert expected == compare_locks(old, new)


def test_lock_that_is_none_holds_nothing() -> None:
    """A missing, broken or strange lock does not keep a new one from being compared."""
    bodies = [None, b"{", b"[]", make_body(default=["numpy"])]

    assert [list_locked(body) for body in bodies] == [{}, {}, {}, {}]


def test_entries_of_unknown_shape_are_shown_as_such() -> None:
    """Nothing of a lock breaks the comparison, and a secret in a place is masked."""
    body = make_body(default={"a": 1, "b": {}, "c": {"git": "https://me:secret@host/x"}})

    expected = {("default", "a"): "?", ("default", "b"): "?", ("default", "c"): "https://***@host/x"}
    assert expected == list_locked(body)


def test_sources_are_redirected_and_nothing_else() -> None:
    """pipenv is sent to the mirror; packages and requirements stay."""
    text = PIPFILE + '\n[[source]]\nname = "other"\nurl = "https://other.example.com/simple"\nverify_ssl = true\n'
    made = tomlkit.parse(redirect_sources(text.encode(), {PLACEHOLDER_SOURCE: MIRROR}).decode()).unwrap()

    expected = tomlkit.parse(text).unwrap()
    expected["source"][0]["url"] = MIRROR
    assert expected == made


def test_mirror_over_plain_http_has_no_certificate_to_verify() -> None:
    """pip passes over such a source in silence unless it is told so; only a mirror that somebody mapped is."""
    text = PIPFILE + '\n[[source]]\nname = "other"\nurl = "http://other.example.com/simple"\nverify_ssl = true\n'
    mirror = "http://mirror.example.com/simple"
    made = tomlkit.parse(redirect_sources(text.encode(), {PLACEHOLDER_SOURCE: mirror}).decode()).unwrap()

    expected = tomlkit.parse(text).unwrap()
    expected["source"][0] |= {"url": mirror, "verify_ssl": False}
    assert expected == made


@pytest.mark.parametrize("kind", [0, 1])
def test_lock_made_by_a_mirror_is_the_lock_of_the_real_pipfile(kind: int) -> None:
    """Sources and hash are the Pipfile's own, the hash of the kind that this pipenv writes."""
    asked = redirect_sources(PIPFILE.encode(), {PLACEHOLDER_SOURCE: MIRROR})
    made = json.loads(LOCK)
    made["_meta"]["hash"]["sha256"] = hash_pipfile(tomlkit.parse(asked.decode()).unwrap())[kind]
    made["_meta"]["sources"][0]["url"] = MIRROR
    body = restore_lock(json.dumps(made).encode(), pipfile=PIPFILE.encode(), asked=asked)
    parsed = parse_lock(pipfile=PIPFILE.encode(), lock=body, pipfile_path="Pipfile", lock_path="Pipfile.lock")

    assert json.loads(body)["_meta"]["hash"]["sha256"] == hash_pipfile(tomlkit.parse(PIPFILE).unwrap())[kind]
    assert parsed.lock is not None
    assert [source.url for source in parsed.lock.sources] == [PLACEHOLDER_SOURCE]
    assert MIRROR.encode() not in body


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"_meta": {"hash": {"sha256": "00"}}}', b'{"_meta": 1}'])
def test_what_is_no_lock_of_this_pipfile_is_refused(body: bytes) -> None:
    """A lock is never made to look as if it were of a Pipfile that pipenv did not read."""
    with pytest.raises(LockFailed, match="pipenv wrote no lock of this Pipfile"):
        restore_lock(body, pipfile=PIPFILE.encode(), asked=PIPFILE.encode())


def test_failure_is_explained_by_its_telling_lines() -> None:
    """Colours, repeated lines, progress and secrets are left out."""
    output = (
        "Locking...\n\x1b[31mERROR: Could not find a version that satisfies b<1\x1b[0m\n"
        "ERROR: Could not find a version that satisfies b<1\nlooking in https://me:secret@host/ not found\nbye\n"
    )

    expected = "ERROR: Could not find a version that satisfies b<1\nlooking in https://***@host/ not found"
    assert expected == explain_failure(output)
    assert explain_failure("one\ntwo\n") == "one\ntwo"
    assert explain_failure("") == ""
