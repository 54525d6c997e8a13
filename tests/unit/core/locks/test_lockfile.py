"""Pipfile and Pipfile.lock together: what is read, and every way in which a lock is refused."""

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.finding import Severity
from hublish.core.locks.lockfile import IndexSource, Lock, LockedPackage, PackageOrigin, ParsedLock, parse_lock
from tests.unit.core.locks.lockfile_parts import HASH, OTHER_HASH, RELOCK, URL, lines, make_lock, parse

# Made by `pipenv lock` of pipenv 2026.10.3, with the index's host in a variable, which pipenv keeps unexpanded.
FIXTURES = Path(__file__).parent / "pipenv"


def test_lock_made_by_pipenv_is_read_with_its_local_package() -> None:
    """A real lock: the folder of the repository is a package whose wheel is to be built."""
    parsed = parse_lock(
        pipfile=(FIXTURES / "Pipfile").read_bytes(),
        lock=(FIXTURES / "Pipfile.lock").read_bytes(),
        pipfile_path="Pipfile",
        lock_path="Pipfile.lock",
    )
    expected = LockedPackage(
        name="notes", version="", hashes=(), source="", origin=PackageOrigin.PATH, location="local", line=26
    )

    assert parsed.findings == ()
    assert parsed.lock is not None
    assert [package for package in parsed.lock.default if package.is_source] == [expected]


def test_whole_lock_is_read_into_values() -> None:
    """Names are normalised and sorted, hashes sorted, markers and variables kept, lines those of the file."""
    lock = make_lock(
        {
            "Zope_Interface": {"hashes": [HASH, OTHER_HASH, HASH], "index": "private", "version": "==6.0"},
            "colorama": {"hashes": [HASH], "markers": "sys_platform == 'win32'", "version": "==0.4.6+local"},
        }
    )
    lock["develop"] = {"iniconfig": {"hashes": [HASH], "version": "==2.0.0"}}
    lock["_meta"]["sources"].append({"name": "private", "url": "https://${USER}:${TOKEN}@private.example/simple/"})
    expected = Lock(
        path="Pipfile.lock",
        python_version="3.11",
        sources=(
            IndexSource(name="example", url=URL, verify_ssl=True),
            IndexSource(name="private", url="https://${USER}:${TOKEN}@private.example/simple", verify_ssl=True),
        ),
        default=(
            LockedPackage(
                name="colorama",
                version="0.4.6+local",
                hashes=(HASH,),
                source="example",
                markers="sys_platform == 'win32'",
                line=32,
            ),
            LockedPackage(name="zope-interface", version="6.0", hashes=(OTHER_HASH, HASH), source="private", line=23),
        ),
        develop=(LockedPackage(name="iniconfig", version="2.0.0", hashes=(HASH,), source="example", line=41),),
    )

    assert parse(lock) == ParsedLock(lock=expected, findings=())


def test_marker_keys_of_old_locks_join_the_markers() -> None:
    """Old versions of pipenv wrote `sys_platform` and its kin beside `markers`; all of them must hold."""
    lock = make_lock(
        {
            "a1": {"hashes": [HASH], "version": "==1", "sys_platform": "== 'linux'"},
            "b1": {
                "hashes": [HASH],
                "version": "==1",
                "markers": "python_version < '3.8' or extra == 'x'",
                "os_name": "== 'posix'",
            },
        }
    )
    parsed = parse(lock)

    assert parsed.lock is not None
    assert [package.markers for package in parsed.lock.default] == [
        "sys_platform == 'linux'",
        "(python_version < '3.8' or extra == 'x') and os_name == 'posix'",
    ]


def test_missing_files_are_named_with_the_command_to_run() -> None:
    """Without Pipfile, without lock, without both: each missing file is one error."""
    nothing = parse_lock(pipfile=None, lock=None, pipfile_path="a/Pipfile", lock_path="a/Pipfile.lock")

    assert lines(nothing) == [
        "a/Pipfile error PipfileMissing None: `a/Pipfile` is missing; without it nobody can tell whether the lock is current | commit the Pipfile beside its lock",
        "a/Pipfile.lock error LockMissing None: `a/Pipfile.lock` is missing; an image is made from locked packages only | run `pipenv lock` and commit Pipfile.lock",
    ]
    assert nothing.lock is None
    assert [found.code for found in parse(make_lock(), pipfile=None).findings] == ["PipfileMissing"]


def test_version_of_thousands_of_digits_is_no_version() -> None:
    """Python refuses to read such a number, with an error that is not the parser's."""
    parsed = parse(make_lock({"six": {"version": "==" + "1" * 5000, "hashes": ["sha256:" + "a" * 64]}}))

    assert [(found.path, found.code) for found in parsed.findings] == [("Pipfile.lock", "NotPinned")]


def test_faults_of_both_files_are_reported_at_once() -> None:
    """A broken Pipfile does not hide what is wrong with the lock."""
    parsed = parse(make_lock({"six": {"version": "*"}}), pipfile=b"[packages\n")

    assert [(found.path, found.code) for found in parsed.findings] == [
        ("Pipfile", "PipfileInvalid"),
        ("Pipfile.lock", "NoHashes"),
        ("Pipfile.lock", "NotPinned"),
    ]


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        (
            {"hash": {"sha256": "0" * 64}},
            "Pipfile.lock:4 error LockStale _meta.hash.sha256: the lock was made from another Pipfile than the one beside it, so packages may be missing | run `pipenv lock` and commit Pipfile.lock",
        ),
        (
            {"hash": {"md5": "0"}},
            "Pipfile.lock:3 error LockStale _meta.hash: the lock does not say which Pipfile it was made from (`_meta.hash.sha256`) | run `pipenv lock` and commit Pipfile.lock",
        ),
        (
            {"hash": 3},
            "Pipfile.lock:3 error LockStale _meta.hash: the lock does not say which Pipfile it was made from (`_meta.hash.sha256`) | run `pipenv lock` and commit Pipfile.lock",
        ),
        (
            {"pipfile-spec": 7},
            "Pipfile.lock:6 error LockInvalid _meta.pipfile-spec: expected `pipfile-spec` 6, the only format that is read | run `pipenv lock` and commit Pipfile.lock",
        ),
        (
            {"sources": []},
            "Pipfile.lock:10 error SourcesMissing _meta.sources: expected a list of 1 to 50 package sources | correct [[source]] in the Pipfile, run `pipenv lock` and commit Pipfile.lock",
        ),
    ],
)
def test_lock_of_another_pipfile_or_format_is_refused(meta: dict[str, Any], expected: str) -> None:
    """A stale hash, no hash, another format and no sources are one error each."""
    lock = make_lock()
    lock["_meta"].update(meta)
    parsed = parse(lock)

    assert lines(parsed) == [expected]
    assert parsed.lock is None


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"_meta": 3}', b"null"])
def test_json_of_another_shape_is_no_lock(body: bytes) -> None:
    """A list, an object without `_meta` and null are told apart from a lock."""

    assert lines(parse(body)) == [
        "Pipfile.lock:1 error LockInvalid None: expected an object with the key `_meta`, as pipenv writes it | run `pipenv lock` and commit Pipfile.lock"
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<<<<<<< HEAD\n", ["JSONInvalid"]),
        (b" " * 20_000_001, ["FileTooLarge"]),
        (b"{" + b'"a": {}, ' * 2 + b'"_meta": {}}', ["DuplicateKey", "LockInvalid", "LockStale", "SourcesMissing", "CategoryUnread"]),
    ],
)  # fmt: skip
def test_lock_that_is_not_clean_json_is_refused(body: bytes, expected: list[str]) -> None:
    """Merge conflicts, 20 MB and keys that stand twice end in errors."""
    parsed = parse(body)

    assert sorted(found.code for found in parsed.findings) == sorted(expected)
    assert parsed.lock is None


def test_group_of_another_shape_and_other_categories_are_told() -> None:
    """A group that is no object is an error; a category of pipenv's that is not installed is a note."""

    assert lines(parse(make_lock(default=None, develop=[], docs={}))) == [
        f"Pipfile.lock:26 error LockInvalid develop: expected an object of at most 5000 packages | {RELOCK}",
        "Pipfile.lock:27 note CategoryUnread docs: packages of this category are not installed; only `default` and `develop` are | ",
    ]


def test_packages_of_both_groups_are_joined_by_name() -> None:
    """The develop group counts only where asked for, and the default group wins."""
    lock = make_lock(
        develop={
            "six": {"hashes": [OTHER_HASH], "version": "==2"},
            "black": {"hashes": [HASH], "version": "==1"},
        }
    )
    parsed = parse(lock).lock

    assert parsed is not None
    assert [(package.name, package.version) for package in parsed.packages(dev=False)] == [("six", "1.16.0")]
    assert [(package.name, package.version) for package in parsed.packages(dev=True)] == [
        ("black", "1"),
        ("six", "1.16.0"),
    ]


JUNK = st.recursive(
    st.sampled_from([None, True, 3, "", "==1", "*", "example", "../x", "https://a:b@c/", HASH, "os_name == 'x'"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["name", "url", "version", "hashes", "index", "markers", "git", "path", "ref", "sys_platform"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


PLACES = st.sampled_from([
    ("_meta",), ("_meta", "hash"), ("_meta", "sources"), ("_meta", "sources", 0), ("default",), ("default", "six"),
    ("default", "six", "hashes"), ("default", "six", "markers"), ("develop",), ("docs",),
])  # fmt: skip


@given(PLACES, JUNK, st.booleans())
def test_lock_with_anything_anywhere_gives_a_lock_or_an_error(place: tuple[Any, ...], junk: Any, dev: bool) -> None:
    """Whatever stands in a lock, nothing is raised, and there is a lock if and only if nothing is an error."""
    lock = copy.deepcopy(make_lock())
    target = lock
    for part in place[:-1]:
        target = target[part]
    target[place[-1]] = junk
    parsed = parse(lock, dev=dev)

    assert (parsed.lock is None) == any(found.severity is Severity.ERROR for found in parsed.findings)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_any_bytes_give_an_error(pipfile: bytes, lock: bytes) -> None:
    """No pair of files raises."""
    parsed = parse(lock, pipfile=pipfile)

    assert parsed.lock is None
    assert parsed.findings
