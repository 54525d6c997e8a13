"""Config and lock checked without building: which files count, and that every fault is found."""

from __future__ import annotations

import pytest

from hublish.core.inspection import PIPFILE, Inspection, concerns, inspect_config, inspect_files, may_concern
from tests.sandbox.wheels import make_lock

GOOD = b"version: 1\nimage: {name: registry.example.org/team/ts}\n"
CONFIG = ".hublish.yaml"


def inspect(files: dict[str, bytes]) -> Inspection:
    return inspect_files(has=files.__contains__, read=files.get, repository_name="ts")


def make_files(config: bytes | None = GOOD) -> dict[str, bytes]:
    pipfile, lock = make_lock({}, hashes={})
    own = {} if config is None else {CONFIG: config}
    return {**own, PIPFILE: pipfile.encode(), "Pipfile.lock": lock.encode()}


def test_good_repository_has_no_findings() -> None:
    """Config, Pipfile and lock are read, in this order."""
    found = inspect(make_files())

    assert (found.files, found.missing, found.findings) == ((CONFIG, PIPFILE, "Pipfile.lock"), (), ())
    assert (found.config_path, found.config_body) == (CONFIG, GOOD)


@pytest.mark.parametrize(
    ("files", "codes"),
    [
        ({"Pipfile.lock": None}, ["LockMissing"]),
        ({"aicoe-ci.yaml": b""}, ["WrongFileName"]),
        ({CONFIG: GOOD + b"strategi: x\n"}, ["UnknownKey"]),
        ({CONFIG: b"version: 1\n", "Pipfile.lock": b"{"}, ["ImageMissing", "JSONInvalid"]),
        ({CONFIG: b"version: 1\n", "Pipfile.lock": None, PIPFILE: None}, ["ImageMissing"]),
        ({"uv.lock": b"", "Pipfile.lock": None, PIPFILE: None}, ["LockNeedsExport"]),
        ({"Dockerfile": b"", "Pipfile.lock": None}, []),
        ({CONFIG: GOOD + b"dockerfile: {context: a}\n", "a/Dockerfile": b"", "Pipfile.lock": None}, []),
        ({CONFIG: GOOD + b"python: {lock: a/Pipfile.lock}\n"}, ["PipfileMissing", "LockMissing"]),
        ({CONFIG: None, "Pipfile.lock": None, PIPFILE: None}, []),
        ({CONFIG: None, "Pipfile.lock": b"{"}, ["JSONInvalid"]),
    ],
)
def test_every_fault_of_config_and_lock_is_found(files: dict[str, bytes | None], codes: list[str]) -> None:
    """A broken config does not hide a broken lock; a lock is wanted where the strategy needs one."""
    changed = {path: body for path, body in {**make_files(), **files}.items() if body is not None}

    assert [finding.code for finding in inspect(changed).findings] == codes


def test_missing_lock_is_named() -> None:
    """It is no file of the repository, yet it is what is wanted."""
    files = make_files()
    del files["Pipfile.lock"]
    found = inspect(files)

    assert (found.files, found.missing) == ((CONFIG, PIPFILE), ("Pipfile.lock",))


def test_config_alone_is_inspected() -> None:
    """As the default branch's is, of which nothing else counts."""
    assert inspect_config(CONFIG, b"version: 2\n", repository_name="ts").files == (CONFIG,)
    assert inspect_config(None, None, repository_name="ts").config_path is None


@pytest.mark.parametrize(
    ("path", "may"),
    [
        (CONFIG, True),
        (".aicoe-ci.yaml", True),
        ("aicoe-ci.yml", True),
        ("docs/.hublish.yaml", False),
        ("Pipfile", True),
        ("overlays/a/Pipfile.lock", True),
        ("pylock.dev.toml", True),
        ("uv.lock", True),
        (".python-version", True),
        ("notes.md", False),
    ],
)
def test_names_tell_whether_to_look_closer(path: str, may: bool) -> None:
    """Configs count in the top folder, locks anywhere."""
    assert may_concern(path) is may


@pytest.mark.parametrize(
    ("path", "config", "counts"),
    [
        (CONFIG, GOOD, True),
        ("hublish.yml", GOOD, True),
        ("Pipfile", GOOD, True),
        ("requirements.txt", GOOD, True),
        ("a/Pipfile.lock", GOOD, False),
        ("notes.txt", GOOD, False),
        ("a/Pipfile.lock", GOOD + b"python: {lock: a/Pipfile.lock}\n", True),
        ("a/Pipfile", GOOD + b"python: {lock: a/Pipfile.lock}\n", True),
        ("Pipfile", GOOD + b"python: {lock: a/Pipfile.lock}\n", False),
        ("Pipfile.lock", b"version: 1\n", True),
        (CONFIG, None, True),
        ("Pipfile.lock", None, False),
    ],
)
def test_changed_file_counts_when_the_config_means_it(path: str, config: bytes | None, counts: bool) -> None:
    """Without a config a lock is nobody's business: the App may be installed on every repository."""
    config_path = None if config is None else CONFIG
    read = inspect_config(config_path, config, repository_name="ts").config

    assert concerns(path, config_path=config_path, config=read) is counts


def test_lock_of_every_image_is_inspected() -> None:
    """Each image may have a lock of its own; what they share is read and told once."""
    images = b"version: 1\nimages:\n  - {name: r.example/a/x}\n  - {name: r.example/a/y}\n"
    own = b"  - {name: r.example/a/z, python: {lock: z/Pipfile.lock}}\n"
    files = {**make_files(images + own), "z/Pipfile.lock": b"{"}
    found = inspect(files)

    assert found.files == (CONFIG, PIPFILE, "Pipfile.lock", "z/Pipfile.lock")
    assert [(finding.code, finding.path) for finding in found.findings] == [
        ("PipfileMissing", "z/Pipfile"),
        ("JSONInvalid", "z/Pipfile.lock"),
    ]
    assert concerns("z/Pipfile", config_path=CONFIG, config=found.config)
    assert concerns("Pipfile", config_path=CONFIG, config=found.config)
