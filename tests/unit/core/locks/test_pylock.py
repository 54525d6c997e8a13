"""pylock.toml as a lock: what is read, and every way in which one is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.locks import pylock
from hublish.core.locks.lock import IndexSource, Lock, LockedPackage, LockKind, PackageOrigin
from hublish.core.locks.lockfile import ParsedLock
from hublish.core.locks.pylock import parse_pylock

URL = "https://index.example.invalid/simple"
A, B = "a" * 64, "b" * 64
HEAD = 'lock-version = "1.0"\ncreated-by = "uv"\n'
RELOCK = "lock again with the tool that wrote the file"
# As `uv export --format pylock.toml` and `pip lock` write it.
EXPORTED = f"""\
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.11"
environments = ["sys_platform == 'linux'"]
dependency-groups = ["dev", "docs"]
default-groups = ["docs"]

[[packages]]
name = "colorama"
version = "0.4.6"
marker = "'dev' in dependency_groups and sys_platform == 'win32'"
index = "https://a.example.com/simple/"
sdist = {{ url = "https://files.example.com/colorama-0.4.6.tar.gz", size = 1, hashes = {{ sha256 = "{A}" }} }}
wheels = [{{ url = "https://files.example.com/colorama-0.4.6-py2.py3-none-any.whl", size = 2, hashes = {{ sha256 = "{B}" }} }}]

[[packages]]
name = "six"
wheels = [
    {{ name = "six-1.0-py3-none-any.whl", url = "https://files.example.com/x", hashes = {{ sha512 = "c", sha256 = "{B}" }} }},
    {{ name = "six-1.0-cp311-cp311-win32.whl", url = "https://files.example.com/y", hashes = {{ sha256 = "{A}" }} }},
]

[[packages]]
name = "tqdm"
version = "2.0"
index = "https://a.example.com/simple"
wheels = [{{ url = "https://files.example.com/tqdm-2.0-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]
"""


def parse(text: str | bytes, *, dev: bool = False, path: str = "pylock.toml") -> ParsedLock:
    body = text if isinstance(text, bytes) else text.encode()
    return parse_pylock(body, path=path, dev=dev, default_index=URL)


def package_text(name: str = "six", version: str | None = "1.0", **parts: str) -> str:
    keys = {
        "wheels": f'[{{ url = "https://f.example.com/{name}-{version}-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]'
    }
    lines = [f"{key} = {value}\n" for key, value in {**keys, **parts}.items() if value]
    number = "" if version is None else f'version = "{version}"\n'
    return f'[[packages]]\nname = "{name}"\n{number}' + "".join(lines)


def lines(parsed: ParsedLock) -> list[str]:
    return [
        f"{found.place} {found.severity.value} {found.code}: {found.message} | {found.hint}"
        for found in parsed.findings
    ]


def test_exported_file_is_read_whole() -> None:
    """Indexes, every hash of a package, markers, groups and what the lock asks of the target."""
    expected = Lock(
        path="pylock.toml",
        python_version=None,
        sources=(
            IndexSource(name="index-1", url="https://a.example.com/simple", verify_ssl=True),
            IndexSource(name="default", url=URL, verify_ssl=True),
        ),
        default=(
            LockedPackage(
                name="colorama",
                version="0.4.6",
                hashes=(f"sha256:{A}", f"sha256:{B}"),
                source="index-1",
                markers='"dev" in dependency_groups and sys_platform == "win32"',
                line=8,
            ),
            LockedPackage(name="six", version="1.0", hashes=(f"sha256:{A}", f"sha256:{B}"), source="default", line=16),
            LockedPackage(name="tqdm", version="2.0", hashes=(f"sha256:{A}",), source="index-1", line=23),
        ),
        kind=LockKind.PYLOCK,
        requires_python=">=3.11",
        environments=('sys_platform == "linux"',),
        groups=("docs",),
    )

    assert parse(EXPORTED) == ParsedLock(lock=expected, findings=())


@pytest.mark.parametrize(("groups", "expected"), [('["dev", "docs"]', ("docs", "dev")), ('["docs"]', ("docs",))])
def test_develop_group_is_the_dependency_group_dev(groups: str, expected: tuple[str, ...]) -> None:
    """`dev: true` adds it to the default groups where the lock has it."""
    parsed = parse(EXPORTED.replace('["dev", "docs"]', groups), dev=True)

    assert parsed.lock is not None
    assert parsed.lock.groups == expected


@pytest.mark.parametrize(
    "place",
    [
        f'wheels = [{{ path = "wheels/six-1.0-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]',
        f'archive = {{ path = "wheels/six-1.0-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}',
    ],
)
def test_a_wheel_of_the_repository_counts_from_the_locks_folder(place: str) -> None:
    """As the specification says of paths; with no other package the default index stands for pip."""
    parsed = parse(
        f'{HEAD}[[packages]]\nname = "six"\nmarker = "python_version > \'3\'"\n{place}\n', path="env/pylock.toml"
    )
    expected = LockedPackage(
        name="six",
        version="1.0",
        hashes=(f"sha256:{A}",),
        source="",
        markers='python_version > "3"',
        origin=PackageOrigin.FILE,
        location="env/wheels/six-1.0-py3-none-any.whl",
        line=3,
    )

    assert parsed.lock is not None
    assert parsed.lock.default == (expected,)
    assert [source.name for source in parsed.lock.sources] == ["default"]


def test_a_wheel_of_the_repository_needs_no_hash_of_sha256() -> None:
    """What is installed is what the commit holds."""
    parsed = parse(HEAD + package_text(wheels='[{ path = "six-1.0-py3-none-any.whl", hashes = { md5 = "x" } }]'))

    assert parsed.lock is not None
    assert parsed.lock.default[0].hashes == ()


@pytest.mark.parametrize("head", ["packages = []\n", "packages = []\nx = '''\n[[packages]]\n'''\n"])
def test_an_empty_lock_is_a_lock(head: str) -> None:
    """It installs nothing but pip."""
    parsed = parse(HEAD + head)

    assert parsed.lock is not None
    assert (parsed.findings, parsed.lock.default) == ((), ())


NEEDS_BUILD = (
    "NeedsWheelBuild: `six` comes from a folder, a repository or an archive, so its wheel must be built first; no engine "
    "here does that yet | publish its wheel to a package index, or leave it out of the lock "
    "(`uv export --no-emit-project ...`)"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = [", " error LockInvalid: the file is not TOML: Invalid value (at end of document) | " + RELOCK),
        ("a = 1\na = 2\nb = 3\n", ":2 error LockInvalid: the file is not TOML: Cannot overwrite a value (at line 2, column 6) | " + RELOCK),
        (b"\xff", ":1 error NotUTF8: the file is not UTF-8 at byte 0 | " + RELOCK),
        ("x = " + "[" * 5000, ":1 error LockInvalid: the file holds a number, a date or a nesting that is not read | " + RELOCK),
        ("", " error LockInvalid: the file is no pylock.toml: Missing required value in 'lock-version' | " + RELOCK),
        (HEAD.replace("1.0", "2.0") + "packages = []", " error LockInvalid: the file is no pylock.toml: pylock version 2.0 is not supported | " + RELOCK),
        (HEAD + package_text(wheels='[{ url = "https://f.example.com/tqdm-1.0-py3-none-any.whl", hashes = { sha256 = "x" } }]'), ":3 error LockInvalid: the file is no pylock.toml: Name in 'tqdm-1.0-py3-none-any.whl' is not consistent with package name 'six' in 'packages[0].wheels[0]' | " + RELOCK),
        (HEAD + package_text(vcs='{ type = "git", url = "https://example.com/six", commit-id = "x" }', wheels=""), ":3 error " + NEEDS_BUILD),
        (HEAD + package_text(directory='{ path = ".", editable = true }', wheels=""), ":3 error " + NEEDS_BUILD),
        (HEAD + package_text(archive=f'{{ url = "https://f.example.com/six-1.0-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}', wheels=""), ":3 error " + NEEDS_BUILD),
        (HEAD + package_text(wheels='[{ path = "../six-1.0-py3-none-any.whl", hashes = { sha256 = "x" } }]'), ':3 error PathEscapes: `six`: the path "../six-1.0-py3-none-any.whl" leaves the repository | keep the wheel in this repository'),
        (HEAD + package_text(wheels='[{ url = "https://f.example.com/six-1.0-py3-none-any.whl", hashes = { sha256 = "short" } }]'), ":3 error NoHashes: `six` has no file with a hash of SHA-256 | " + RELOCK),
        (HEAD + package_text(version=None, wheels="", sdist=f'{{ url = "https://f.example.com/six-1.0.tar.gz", hashes = {{ sha256 = "{A}" }} }}'), ":3 error NotPinned: `six` is not pinned: expected `version` | " + RELOCK),
        (HEAD + package_text(index='"https://u:p@example.com/simple"'), ":3 error SecretInURL: the URL holds a password or token in plain text; anyone who can read the repository has it | " + RELOCK),
        (HEAD + package_text(index='"ftp://example.com"'), ":3 error SourceInvalid: expected `index` to be http(s)://host/path without a query | " + RELOCK),
        (HEAD + package_text() + package_text(), ":7 error DuplicatePackage: `six` is locked twice under the same markers | " + RELOCK),
    ],
)  # fmt: skip
def test_file_that_cannot_be_layered_is_refused(text: str | bytes, expected: str) -> None:
    """Each with the line of its package, its rule and what to do."""
    parsed = parse(text)

    assert lines(parsed) == [f"pylock.toml{expected}"]
    assert parsed.lock is None


def test_all_packages_are_judged_at_once() -> None:
    """A fault of one hides none of the next."""
    parsed = parse(
        HEAD + package_text("six", index='"x"') + package_text("tqdm", wheels="", directory='{ path = "." }')
    )

    assert [(found.line, found.code) for found in parsed.findings] == [(3, "SourceInvalid"), (8, "NeedsWheelBuild")]


def test_a_packages_head_in_a_text_leaves_lines_out() -> None:
    """A line that may be wrong is worse than none."""
    text = HEAD + package_text(index='"x"') + '[packages.tool]\nx = """\n[[packages]]\n"""\n'

    assert [found.line for found in parse(text).findings] == [None]


def test_oversized_files_and_lists_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, packages and indexes each have a limit."""
    monkeypatch.setattr(pylock, "PACKAGES_LIMIT", 1)
    monkeypatch.setattr(pylock, "SOURCES_LIMIT", 0)
    two = parse(HEAD + package_text() + package_text("tqdm"))
    one = parse(HEAD + package_text(index='"https://a.example.com/s"'))
    monkeypatch.setattr(pylock, "LOCK_LIMIT_BYTES", 3)

    assert [found.code for found in two.findings] == ["LockInvalid"]
    assert [found.code for found in one.findings] == ["SourcesMissing"]
    assert lines(parse("# 34")) == [
        f"pylock.toml:1 error FileTooLarge: the file has 4 bytes; at most 3 are read | {RELOCK}"
    ]


def test_hostile_nesting_of_markers_is_refused() -> None:
    """Parentheses deeper than the interpreter's stack are a finding, not a crash."""
    marker = "(" * 9000 + "python_version > '3'" + ")" * 9000
    parsed = parse(HEAD + package_text(marker=f'"{marker}"'))

    assert [found.code for found in parsed.findings] == ["LockInvalid"]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + package_text(version="1" * 5000),
        HEAD + package_text(marker="\"python_version > '" + "9" * 5000 + "'\""),
        HEAD + 'requires-python = ">=' + "9" * 5000 + '"\n' + package_text(),
        HEAD + "environments = [\"python_version > '" + "9" * 5000 + "'\"]\n" + package_text(),
    ],
)
def test_numbers_of_thousands_of_digits_are_refused(text: str) -> None:
    """Python refuses to read them, with an error that is not the parser's."""
    parsed = parse(text)

    assert [(found.code, parsed.lock) for found in parsed.findings] == [("LockInvalid", None)]


@given(st.text(alphabet="lock-version=\"1.0[]packges\n'", max_size=200))
def test_any_text_ends_in_a_lock_or_findings(text: str) -> None:
    """Whatever stands in the file, nothing but a result comes out."""
    parsed = parse(HEAD + text)

    assert (parsed.lock is None) == bool(parsed.findings)
