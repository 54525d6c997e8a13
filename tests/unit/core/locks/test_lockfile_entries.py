"""Entries of a lock that name no exact bytes, or bytes elsewhere than on an index."""

import json
from typing import Any

import pytest

from hublish.core.finding import Severity
from hublish.core.locks.lockfile import LockedPackage, PackageOrigin, parse_lock
from hublish.core.locks.vcs import parse_vcs_location
from hublish.errors import ValueInvalid
from tests.unit.core.locks.lockfile_parts import HASH, OTHER_HASH, PIPFILE, RELOCK, lines, make_lock, parse


def lines_of(entry: Any, *, name: str = "six") -> list[str]:
    """The findings of a lock with one entry."""
    return lines(parse(make_lock({name: entry})))


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            {"hashes": [HASH], "version": "*"},
            [
                f"Pipfile.lock:23 error NotPinned default.six.version: `six` is not pinned: expected `version` to be `==` and one version | {RELOCK}"
            ],
        ),
        (
            {"hashes": [HASH]},
            [
                f"Pipfile.lock:19 error NotPinned default.six.version: `six` is not pinned: expected `version` to be `==` and one version | {RELOCK}"
            ],
        ),
        (
            {"hashes": [HASH], "version": "==1.*"},
            [
                f"Pipfile.lock:23 error NotPinned default.six.version: `six` is not pinned: expected `version` to be `==` and one version | {RELOCK}"
            ],
        ),
        (
            {"version": "==1"},
            [
                f"Pipfile.lock:19 error NoHashes default.six.hashes: `six` has no hash: expected `hashes` to list `sha256:` and 64 lower-case hex digits | {RELOCK}"
            ],
        ),
        (
            {"hashes": ["md5:0", 3], "version": "==1"},
            [
                f"Pipfile.lock:20 error NoHashes default.six.hashes: `six` has no hash: expected `hashes` to list `sha256:` and 64 lower-case hex digits | {RELOCK}"
            ],
        ),
        (
            {"hashes": [HASH], "index": "other", "version": "==1"},
            [
                f"Pipfile.lock:23 error UnknownSource default.six.index: `six` comes from a source that the lock does not name; it names example | {RELOCK}"
            ],
        ),
        (
            {"hashes": [HASH], "index": ["example"], "version": "==1"},
            [
                f"Pipfile.lock:23 error UnknownSource default.six.index: `six` comes from a source that the lock does not name; it names example | {RELOCK}"
            ],
        ),
        (
            {"hashes": [HASH], "markers": "python == 3", "version": "==1"},
            [
                f"Pipfile.lock:23 error MarkerInvalid default.six.markers: the markers of `six` are not valid (PEP 508) | {RELOCK}"
            ],
        ),
        (
            {"hashes": [HASH], "os_name": "posix", "version": "==1"},
            [
                f"Pipfile.lock:19 error MarkerInvalid default.six: the markers of `six` are not valid (PEP 508) | {RELOCK}"
            ],
        ),
        (
            {"hashes": [HASH], "markers": "(" * 2000, "version": "==1"},
            [
                f"Pipfile.lock:23 error MarkerInvalid default.six.markers: the markers of `six` are not valid (PEP 508) | {RELOCK}"
            ],
        ),
        (
            {"hashes": [HASH], "markers": "x" * 3000, "version": "==1"},
            [
                f"Pipfile.lock:23 error MarkerInvalid default.six.markers: the markers of `six` are not valid (PEP 508) | {RELOCK}"
            ],
        ),
        (
            "*",
            [
                f"Pipfile.lock:19 error PackageInvalid default.six: expected a package and what is locked of it, got `six` | {RELOCK}"
            ],
        ),
    ],
)
def test_entry_that_does_not_name_exact_bytes_is_refused(entry: Any, expected: list[str]) -> None:
    """Unpinned, unhashed, of an unknown source or with broken markers: each on its own line."""

    assert lines_of(entry) == expected


def test_name_that_is_no_package_is_refused() -> None:
    """A name goes into file names and addresses, so its grammar is closed."""

    assert [line.partition(": ")[0] for line in lines_of({"version": "==1"}, name="../six")] == [
        'Pipfile.lock:19 error PackageInvalid default."../six"'
    ]


def test_two_spellings_of_one_package_are_refused() -> None:
    """The second spelling is the fault."""
    entry = {"hashes": [HASH], "version": "==1"}
    parsed = parse(make_lock({"My_Pkg": entry, "my-pkg": entry}))

    assert lines(parsed) == [
        f"Pipfile.lock:25 error DuplicatePackage default.my-pkg: `my-pkg` is locked twice under one name | {RELOCK}"
    ]


BUILD_HINT = "publish its wheel to a package index, name it in the Pipfile with its version, and run `pipenv lock`"
COMMIT = "a" * 40
CANNOT = "Pipfile.lock:19 error NeedsWheelBuild default.six: `six` cannot be built:"
NO_URL = "expected the URL of a git repository by https or ssh, without variables"


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"git": "https://github.com/octo/six.git", "ref": "abc"}, [f'{CANNOT} expected a whole commit id of 40 hex digits, got "abc" | {BUILD_HINT}']),
        ({"git": "https://github.com/octo/six.git"}, [f"{CANNOT} expected a whole commit id of 40 hex digits, got none | {BUILD_HINT}"]),
        ({"git": "https://github.com/octo/six.git", "ref": COMMIT, "subdirectory": "../x"}, [f'{CANNOT} the path "../x" leaves the repository | {BUILD_HINT}']),
        ({"git": "https://github.com/octo/six.git", "ref": COMMIT, "subdirectory": 3}, [f"{CANNOT} expected `subdirectory` to be a text | {BUILD_HINT}"]),
        ({"git": "http://github.com/octo/six.git", "ref": COMMIT}, [f"{CANNOT} {NO_URL} | {BUILD_HINT}"]),
        ({"git": "https://${TOKEN}@github.com/octo/six.git", "ref": COMMIT}, [f"{CANNOT} {NO_URL} | {BUILD_HINT}"]),
        ({"git": "file:///srv/six", "ref": COMMIT}, [f"{CANNOT} {NO_URL} | {BUILD_HINT}"]),
        ({"git": "--upload-pack=sh", "ref": COMMIT}, [f"{CANNOT} {NO_URL} | {BUILD_HINT}"]),
        (
            {"hg": "https://example.com/six", "ref": COMMIT},
            [f"Pipfile.lock:19 error NeedsWheelBuild default.six: `six` comes from a source repository that is not git's, and no wheel of that is built | {BUILD_HINT}"],
        ),
        (
            {"file": "https://example.com/six-1.0-py3-none-any.whl"},
            [f"Pipfile.lock:19 error NeedsWheelBuild default.six: `six` comes from a file outside a package index, and no wheel of that is built | {BUILD_HINT}"],
        ),
        (
            {"path": "../other"},
            ['Pipfile.lock:20 error PathEscapes default.six.path: `six`: the path "../other" leaves the repository | keep the package in this repository'],
        ),
        (
            {"file": "file:///etc/passwd"},
            ['Pipfile.lock:20 error PathEscapes default.six.file: `six`: expected a path in the repository, got the absolute path "///etc/passwd" | keep the package in this repository'],
        ),
        (
            {"git": 3},
            [f"Pipfile.lock:20 error PackageInvalid default.six.git: expected the place of `six` to be a text of 1 to 2048 printable characters | {RELOCK}"],
        ),
    ],
)  # fmt: skip
def test_entry_outside_an_index_is_refused(entry: dict[str, Any], expected: list[str]) -> None:
    """A commit must be whole and its place plain; files of other hosts and paths out of the repository are refused."""

    assert lines_of(entry) == expected


@pytest.mark.parametrize(
    ("entry", "origin", "location"),
    [
        ({"git": "https://github.com/octo/six.git", "ref": COMMIT}, PackageOrigin.VCS, f"git+https://github.com/octo/six.git@{COMMIT}"),
        ({"git": "git+ssh://git@example.com:22/octo/six", "ref": COMMIT, "subdirectory": "py/"}, PackageOrigin.VCS, f"git+ssh://git@example.com:22/octo/six@{COMMIT}#subdirectory=py"),
        ({"git": "git@example.com:octo/six.git", "ref": COMMIT, "editable": True}, PackageOrigin.VCS, f"git+ssh://git@example.com/octo/six.git@{COMMIT}"),
        ({"path": ".", "editable": True}, PackageOrigin.PATH, "."),
        ({"path": "./libs/six/"}, PackageOrigin.PATH, "libs/six"),
        ({"file": "file:vendor/six-1.0.tar.gz"}, PackageOrigin.PATH, "vendor/six-1.0.tar.gz"),
    ],
)  # fmt: skip
def test_source_of_a_package_is_kept_as_its_place(entry: dict[str, Any], origin: PackageOrigin, location: str) -> None:
    """A commit, a folder, an archive: what is built later; the version is not known yet."""
    parsed = parse(make_lock({"six": entry}))
    expected = LockedPackage(name="six", version="", hashes=(), source="", origin=origin, location=location, line=19)

    assert parsed.findings == ()
    assert parsed.lock is not None
    assert parsed.lock.default == (expected,)
    assert (expected.is_source, expected.title) == (True, "six")


@pytest.mark.parametrize(("place", "expected"), [(".", "env"), ("libs/six", "env/libs/six")])
def test_folder_counts_from_the_pipfile(place: str, expected: str) -> None:
    """A lock below the top names places below it."""
    body = json.dumps(make_lock({"six": {"path": place}}), indent=4).encode()
    parsed = parse_lock(pipfile=PIPFILE, lock=body, pipfile_path="env/Pipfile", lock_path="env/Pipfile.lock", dev=False)

    assert parsed.lock is not None
    assert [package.location for package in parsed.lock.default] == [expected]


def test_place_that_is_no_commits_is_refused() -> None:
    """What stands in a plan is read with the same care."""
    with pytest.raises(ValueInvalid, match=r'expected the place of a commit, got "git\+https://example.com/x"'):
        parse_vcs_location("git+https://example.com/x")


def test_secret_in_the_url_of_a_package_is_refused_and_not_repeated() -> None:
    """The finding names the package, never the URL."""
    parsed = parse(make_lock({"six": {"git": "https://octo:hunter2@example.com/six.git"}}))

    assert [found.code for found in parsed.findings] == ["SecretInURL"]
    assert "hunter2" not in repr(parsed)


def test_faults_of_develop_packages_are_warnings_unless_they_are_installed() -> None:
    """With `dev` they stop the build; without, the faulty packages are left out and the others kept."""
    lock = make_lock(
        develop={"a1": {"version": "*", "hashes": [HASH]}, "b1": {"path": "."}, "c1": {"hg": "https://example.com/c"}}
    )
    without, installed = parse(lock), parse(lock, dev=True)

    assert [(found.severity, found.code) for found in without.findings] == [
        (Severity.WARNING, "NotPinned"),
        (Severity.WARNING, "NeedsWheelBuild"),
    ]
    assert without.lock is not None
    assert without.lock.develop == (
        LockedPackage(name="b1", version="", hashes=(), source="", origin=PackageOrigin.PATH, location=".", line=33),
    )
    assert [found.severity for found in installed.findings] == [Severity.ERROR, Severity.ERROR]
    assert installed.lock is None


WHEEL = "wheels/six-1.0-py3-none-any.whl"


@pytest.mark.parametrize("key", ["file", "path"])
@pytest.mark.parametrize("place", [f"./{WHEEL}", f"file:{WHEEL}"])
@pytest.mark.parametrize("hashes", [{"hashes": [HASH, OTHER_HASH]}, {}])
def test_wheel_of_the_repository_is_installed_as_it_is(key: str, place: str, hashes: dict[str, list[str]]) -> None:
    """Version from its name, path from the top folder, hashes where pipenv wrote some."""
    body = json.dumps(make_lock({"six": {key: place, **hashes}}), indent=4).encode()
    parsed = parse_lock(pipfile=PIPFILE, lock=body, pipfile_path="env/Pipfile", lock_path="env/Pipfile.lock", dev=False)
    expected = LockedPackage(
        name="six",
        version="1.0",
        hashes=tuple(sorted(hashes.get("hashes", ()))),
        source="",
        origin=PackageOrigin.FILE,
        location=f"env/{WHEEL}",
        line=19,
    )

    assert parsed.lock is not None
    assert parsed.findings == ()
    assert parsed.lock.default == (expected,)
    assert not expected.is_source


@pytest.mark.parametrize(
    ("place", "hashes", "expected"),
    [
        ("../six-1.0-py3-none-any.whl", {}, ("PathEscapes", '`six`: the path "../six-1.0-py3-none-any.whl" leaves the repository')),
        ("/srv/six-1.0-py3-none-any.whl", {}, ("PathEscapes", '`six`: expected a path in the repository, got the absolute path "/srv/six-1.0-py3-none-any.whl"')),
        ("tqdm-1.0-py3-none-any.whl", {}, ("PathEscapes", '`six`: the wheel "tqdm-1.0-py3-none-any.whl" is not of the package six')),
        (WHEEL, {"hashes": []}, ("NoHashes", "`six` has no hash: expected `hashes` to list `sha256:` and 64 lower-case hex digits")),
    ],
)  # fmt: skip
def test_wheel_that_is_not_the_repositorys_is_refused(
    place: str, hashes: dict[str, list[str]], expected: tuple[str, str]
) -> None:
    """A path out of the repository, another package's wheel, an empty list of hashes."""
    parsed = parse(make_lock({"six": {"file": place, **hashes}}))

    assert [(found.code, found.message) for found in parsed.findings if found.code != "NeedsWheelBuild"] == [expected]
    assert parsed.lock is None
