"""Which lock counts, and that all formats give one kind of value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.core.finding import Finding, Severity
from hublish.core.locks.choice import LockChoice, choose_lock, find_lock_kind, is_lock_name, read_lock
from hublish.core.locks.lock import LockKind
from tests.sandbox.wheels import PLACEHOLDER_SOURCE, make_lock

A = "a" * 64
HASHED = f"six==1.0 --hash=sha256:{A}\n".encode()
PYLOCK = f"""\
lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "six"
version = "1.0"
wheels = [{{ url = "https://f.example.com/six-1.0-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}]
""".encode()


def choose(*paths: str, named: str | None = None, **bodies: bytes) -> LockChoice:
    requirements = {"requirements.txt": bodies.get("requirements", HASHED)}
    return choose_lock(named, paths=frozenset(paths), read=requirements.get)


def make_finding(code: str, message: str, path: str, hint: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message, path=path, hint=hint)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (("Pipfile.lock", "Pipfile"), LockChoice(path="Pipfile.lock")),
        (("Pipfile",), LockChoice(path="Pipfile.lock")),
        (
            ("Pipfile.lock", "pylock.toml", "requirements.txt", "uv.lock"),
            LockChoice(
                path="Pipfile.lock",
                reason="The packages are those of Pipfile.lock.",
                ignored=("pylock.toml", "requirements.txt", "uv.lock"),
            ),
        ),
        (
            ("requirements.txt", "pylock.toml"),
            LockChoice(
                path="pylock.toml", reason="The packages are those of pylock.toml.", ignored=("requirements.txt",)
            ),
        ),
        (
            ("requirements.txt", "Pipfile"),
            LockChoice(path="requirements.txt", reason="The packages are those of requirements.txt."),
        ),
    ],
)
def test_first_lock_that_is_there_counts(paths: tuple[str, ...], expected: LockChoice) -> None:
    """Pipfile.lock, pylock.toml, requirements.txt with hashes; what is left aside is said."""
    assert choose(*paths) == expected


def test_requirements_without_hashes_are_no_lock() -> None:
    """Beside a Pipfile its missing lock is the fault; alone, its own reader says what it lacks."""
    beside = choose("requirements.txt", "Pipfile", requirements=b"six\n")
    alone = choose("requirements.txt", requirements=b"six\n")
    parsed = read_lock(alone.path, read={"requirements.txt": b"six==1\n"}.get, dev=False, default_index="")

    assert beside == LockChoice(
        path="Pipfile.lock", reason="The packages are those of Pipfile.lock.", ignored=("requirements.txt",)
    )
    assert alone == LockChoice(path="requirements.txt")
    assert [found.code for found in parsed.findings] == ["NoHashes"]


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("uv.lock", "uv export --format pylock.toml --no-emit-project -o pylock.toml"),
        ("poetry.lock", "poetry export -f requirements.txt -o requirements.txt"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_lock_of_another_tool_is_refused_with_its_export_command(name: str, command: str, named: bool) -> None:
    """Nothing of it is read; the command makes a file that is."""
    finding = make_finding(
        "LockNeedsExport",
        f"the format of {name} is its tool's own and is not read; a lock that is read can be exported from it",
        name,
        f"run `{command}` and commit the file it writes",
    )

    assert choose(name, named=name if named else None) == LockChoice(path=name, finding=finding)


def test_repository_without_any_lock_is_told_all_that_are_read() -> None:
    """One finding, with a command for each kind."""
    finding = make_finding(
        "LockMissing",
        "no lock is there: none of Pipfile.lock, pylock.toml, requirements.txt; an image is made from locked packages only",
        "Pipfile.lock",
        "run `pipenv lock`, `uv export --format pylock.toml -o pylock.toml` or `pip-compile --generate-hashes`, and commit "
        "the file",
    )

    assert choose("README.md") == LockChoice(path="Pipfile.lock", finding=finding)


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ("Pipfile.lock", LockChoice(path="Pipfile.lock", ignored=("requirements.txt",))),
        (
            "env/pylock.gpu.toml",
            LockChoice(
                path="env/pylock.gpu.toml",
                reason="The config names env/pylock.gpu.toml as the lock.",
                ignored=("env/Pipfile.lock",),
            ),
        ),
    ],
)
def test_lock_that_the_config_names_counts(named: str, expected: LockChoice) -> None:
    """Even where it is missing; its neighbours are ignored."""
    assert choose("requirements.txt", "env/Pipfile.lock", named=named) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/Pipfile.lock", LockKind.PIPFILE_LOCK),
        ("pylock.x.toml", LockKind.PYLOCK),
        ("requirements/base.txt", LockKind.REQUIREMENTS),
    ],
)
def test_name_of_a_lock_tells_its_format(path: str, expected: LockKind) -> None:
    """No content is looked at."""
    assert find_lock_kind(path) is expected


@pytest.mark.parametrize(("name", "expected"), [("requirements-dev.txt", True), ("uv.lock", True), ("x.yaml", False)])
def test_locks_are_told_from_configs_by_their_names(name: str, expected: bool) -> None:
    """For `hublish validate FILE`."""
    assert is_lock_name(name) is expected


def test_three_formats_give_the_same_packages() -> None:
    """Name, version and hashes; only the source's name differs where a Pipfile gave it one."""
    pipfile, lock = make_lock({"six": "1.0"}, hashes={"six": [f"sha256:{A}"]})
    files = {
        "Pipfile": pipfile.encode(),
        "Pipfile.lock": lock.encode(),
        "requirements.txt": HASHED,
        "pylock.toml": PYLOCK,
    }
    locks = [
        read_lock(path, read=files.get, dev=False, default_index=PLACEHOLDER_SOURCE).lock
        for path in ("Pipfile.lock", "requirements.txt", "pylock.toml")
    ]
    packages = [replace(package, source="", line=None) for found in locks if found for package in found.default]

    assert len(packages) == 3
    assert packages[0] == packages[1] == packages[2]
    assert {source.url for found in locks if found for source in found.sources} == {PLACEHOLDER_SOURCE}


def test_missing_pylock_is_an_error() -> None:
    """As a missing Pipfile.lock is."""
    parsed = read_lock("pylock.toml", read={}.get, dev=False, default_index="")
    message = "`pylock.toml` is missing; an image is made from locked packages only"

    assert parsed.lock is None
    assert parsed.findings == (make_finding("LockMissing", message, "pylock.toml", "commit the file"),)


@pytest.mark.parametrize(
    ("files", "expected", "codes"),
    [
        ({".python-version": b"3.11\n"}, "3.11", []),
        ({".python-version": b"# pyenv\n\ncpython-3.11.7  # exact\n3.12\n"}, "3.11.7", []),
        ({"env/.python-version": b"3.12", ".python-version": b"3.11"}, "3.12", []),
        ({".python-version": b"pypy3.10\n"}, None, ["PythonVersionUnread"]),
        ({".python-version": b""}, None, ["PythonVersionUnread"]),
        ({}, None, []),
    ],
)
def test_python_version_file_names_the_python(files: dict[str, bytes], expected: str | None, codes: list[str]) -> None:
    """The one beside the lock, else that of the top folder; text of another grammar is told and left out."""
    read = {"env/requirements.txt": HASHED, **files}
    parsed = read_lock("env/requirements.txt", read=read.get, dev=False, default_index="")

    assert parsed.lock is not None
    assert parsed.lock.python_version == expected
    assert [found.code for found in parsed.findings] == codes
