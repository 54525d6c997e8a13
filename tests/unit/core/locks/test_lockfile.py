"""Pipfile and Pipfile.lock together: what is read, and every way in which a lock is refused."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.finding import Severity
from hublish.core.locks.lockfile import IndexSource, Lock, LockedPackage, PackageOrigin, ParsedLock, parse_lock
from hublish.core.locks.pipfile import parse_pipfile
from hublish.core.locks.sources import has_secret
from hublish.core.locks.vcs import parse_vcs_location, parse_vcs_place, render_vcs_location
from hublish.errors import ValueInvalid

# Made by `pipenv lock` of pipenv 2026.10.3, with the index's host in a variable, which pipenv keeps unexpanded.
FIXTURES = Path(__file__).parent / "pipenv"

URL = "https://index.example.invalid/simple"
PIPFILE = f"""\
[[source]]
name = "example"
url = "{URL}"
verify_ssl = true

[packages]
six = "*"

[requires]
python_version = "3.11"
""".encode()
HASH = "sha256:" + "a" * 64
OTHER_HASH = "sha256:" + "0" * 64


def make_lock(default: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    """A lock that fits PIPFILE, with one package or those given."""
    pipfile = parse_pipfile(PIPFILE, path="Pipfile").pipfile
    assert pipfile is not None
    (digest,) = pipfile.hashes
    six = {"six": {"hashes": [HASH], "version": "==1.16.0"}}
    return {
        "_meta": {
            "hash": {"sha256": digest},
            "pipfile-spec": 6,
            "requires": {"python_version": "3.11"},
            "sources": [{"name": "example", "url": URL, "verify_ssl": True}],
        },
        "default": six if default is None else default,
        "develop": {},
        **parts,
    }


def parse(lock: Any, *, dev: bool = False, pipfile: bytes | None = PIPFILE) -> ParsedLock:
    """Parse a lock given as data, laid out as pipenv does."""
    body = lock if isinstance(lock, bytes) else json.dumps(lock, indent=4).encode()
    return parse_lock(pipfile=pipfile, lock=body, pipfile_path="Pipfile", lock_path="Pipfile.lock", dev=dev)


def lines(parsed: ParsedLock) -> list[str]:
    """Each finding as one line."""
    return [
        f"{found.place} {found.severity.value} {found.code} {found.key}: {found.message} | {found.hint}"
        for found in parsed.findings
    ]


def lines_of(entry: Any, *, name: str = "six") -> list[str]:
    """The findings of a lock with one entry."""
    return lines(parse(make_lock({name: entry})))


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


RELOCK = "run `pipenv lock` and commit Pipfile.lock"


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


@pytest.mark.parametrize("folder", [None, "py/six"])
def test_place_of_a_commit_comes_back_from_its_text(folder: str | None) -> None:
    """As it stands in a plan."""
    place = parse_vcs_place("https://example.com/octo/six", ref=COMMIT, folder=folder)

    assert parse_vcs_location(render_vcs_location(place)) == place


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


def test_group_of_another_shape_and_other_categories_are_told() -> None:
    """A group that is no object is an error; a category of pipenv's that is not installed is a note."""

    assert lines(parse(make_lock(default=None, develop=[], docs={}))) == [
        f"Pipfile.lock:26 error LockInvalid develop: expected an object of at most 5000 packages | {RELOCK}",
        "Pipfile.lock:27 note CategoryUnread docs: packages of this category are not installed; only `default` and `develop` are | ",
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (3, ("SourceInvalid", "expected an object with name and url")),
        ({"name": "a"}, ("SourceInvalid", "expected `name` and `url` to be texts and `verify_ssl` to be true or false")),
        (
            {"name": "a", "url": URL, "verify_ssl": "no"},
            ("SourceInvalid", "expected `name` and `url` to be texts and `verify_ssl` to be true or false"),
        ),
        ({"name": "", "url": URL}, ("SourceInvalid", "expected `name` to be 1 to 128 printable characters")),
        (
            {"name": "a", "url": "https://a b"},
            ("SourceInvalid", "expected `url` to be a URL of at most 2048 ASCII characters without spaces"),
        ),
        ({"name": "a", "url": "file:///srv/simple"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "a", "url": "https://a.example/s?token=1"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "a", "url": "https://[::1/s"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "a", "url": "https://a.example:99999/s"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "a", "url": "https://"}, ("SourceInvalid", "expected `url` to be http(s)://host/path without a query")),
        ({"name": "example", "url": URL}, ("SourceInvalid", 'two sources are called "example"')),
        (
            {"name": "a", "url": "https://octo:hunter2@a.example/simple"},
            ("SecretInURL", "the URL holds a password or token in plain text; anyone who can read the repository has it"),
        ),
    ],
)  # fmt: skip
def test_source_that_is_no_plain_index_is_refused(source: Any, expected: tuple[str, str]) -> None:
    """Shapes, schemes, queries and secrets in a source are errors that never show the URL."""
    lock = make_lock()
    lock["_meta"]["sources"].append(source)
    parsed = parse(lock)

    assert [(found.code, found.message) for found in parsed.findings] == [expected]
    assert parsed.lock is None
    assert "hunter2" not in repr(parsed)


def test_source_without_verified_certificates_is_a_warning() -> None:
    """The operator decides; the finding says what most of them do."""
    lock = make_lock()
    lock["_meta"]["sources"][0]["verify_ssl"] = False
    parsed = parse(lock)

    assert lines(parsed) == [
        'Pipfile.lock:14 warning TLSUnverified _meta.sources[0].verify_ssl: the certificate of the source "example" is not to be verified; most operators refuse that | remove `verify_ssl = false` from the Pipfile and lock again'
    ]
    assert parsed.lock is not None
    assert parsed.lock.sources == (IndexSource(name="example", url=URL, verify_ssl=False),)


@pytest.mark.parametrize("url", ["${INDEX_URL}", "https://${HOST}/simple", "https://u:${TOKEN}@a.example:8443/s"])
def test_variable_in_a_source_is_kept_as_written(url: str) -> None:
    """`${VAR}` is never expanded here, wherever it stands."""
    lock = make_lock()
    lock["_meta"]["sources"][0]["url"] = url
    parsed = parse(lock)

    assert parsed.findings == ()
    assert parsed.lock is not None
    assert parsed.lock.sources[0].url == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/simple", False),
        ("https://user:${TOKEN}@a.example/simple", False),
        ("https://$USER:$TOKEN@a.example/simple", False),
        ("ssh://git@github.com/octo/six.git", False),
        ("git@github.com:octo/six.git", False),
        ("https://a.example/simple/@latest", False),
        ("https://user:pw@a.example/simple", True),
        ("https://token@a.example/simple", True),
        ("https://user:${TOKEN}x@a.example/simple", True),
        ("git+ssh://git:pw@a.example/six.git", True),
        ("https://a@b:pw@a.example/simple", True),
    ],
)
def test_secret_in_a_url_is_told_from_a_variable_and_a_user(url: str, expected: bool) -> None:
    """A literal password, or a lone user name over HTTP, is a secret; `${VAR}` and `git@` are none."""

    assert has_secret(url) is expected


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
