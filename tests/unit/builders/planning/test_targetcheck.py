"""Locks of all formats against the base: which base, what the lock asks of it, what of the lock is installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.builders.planning.planner import PlanInputs, Planned, make_plan, select_packages
from hublish.builders.planning.targetcheck import check_selection, check_target, find_fitting_base
from hublish.core.config.file import Config, PythonConfig
from hublish.core.locks.lock import DEFAULT_SOURCE, IndexSource, Lock, LockedPackage, LockKind
from hublish.core.plan import Trust
from hublish.core.reference import Reference
from tests.fakes import TINY_BASE, FakeImages, FakeSource, make_tar
from tests.sandbox.wheels import PLACEHOLDER_SOURCE, make_lock, make_wheel
from tests.unit.builders.baseimage.parts import read
from tests.unit.builders.planning.parts import CONFIG, IMAGE, NOTEBOOK
from tests.unit.builders.samples import BASE

A = "a" * 64
HASH = f"sha256:{A}"
REQUIREMENTS = "".join(f"{name}=={version} --hash=sha256:{A}\n" for name, version in NOTEBOOK.items()).encode()
PACKAGE = '[[packages]]\nname = "{0}"\nversion = "{1}"\n{2}wheels = [{{ url = "https://f.example.com/{0}-{1}-py3-none-any.whl", hashes = {{ sha256 = "{3}" }} }}]\n'
LOCK = Lock(path="pylock.toml", python_version=None, sources=(), default=(), kind=LockKind.PYLOCK)


@pytest.fixture
def images() -> FakeImages:
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE)])
    return images


def make_pylock(head: str = "", **markers: str) -> bytes:
    packages = {**NOTEBOOK, **dict.fromkeys(markers, "1.0")}
    text = f'lock-version = "1.0"\ncreated-by = "uv"\n{head}'
    for name, version in packages.items():
        marker = f'marker = "{markers[name]}"\n' if name in markers else ""
        text += PACKAGE.format(name, version, marker, A)
    return text.encode()


def plan(
    images: FakeImages,
    files: dict[str, bytes | str],
    *,
    cache: Path,
    config: Config = CONFIG,
    bases: dict[str, Reference] | None = None,
    default_index: str = PLACEHOLDER_SOURCE,
) -> Planned:
    inputs = PlanInputs(
        source=FakeSource(files),
        config=config,
        image=IMAGE,
        bases={"3.11": BASE} if bases is None else bases,
        trust=Trust.OWNER,
        source_repo_id=7,
        target_repository="registry.example.org/team/ts",
        find_default_index=lambda: default_index,
    )
    return make_plan(inputs, images=images, layers=OwnerCaches(cache).open(owner=OWN, trust=Trust.OWNER).layers)


def codes(planned: Planned) -> list[str]:
    return [f"{found.path}: {found.code}: {found.message} | {found.hint}" for found in planned.findings]


def test_three_formats_lead_to_the_same_packages(images, tmp_path):
    """Requirements take their Python from .python-version, pylock.toml from what it requires."""
    pipfile, lock = make_lock(NOTEBOOK, hashes={name: [HASH] for name in NOTEBOOK})
    trees = [
        {"Pipfile": pipfile.encode(), "Pipfile.lock": lock.encode()},
        {"requirements.txt": REQUIREMENTS, ".python-version": b"3.11\n"},
        {"pylock.toml": make_pylock('requires-python = ">=3.11"\n')},
    ]
    plans = [plan(images, files, cache=tmp_path).plan for files in trees]

    assert None not in plans
    assert len({tuple((p.name, p.version, p.hashes) for p in made.packages) for made in plans}) == 1
    assert [made.reason for made in plans] == [
        "There is no Dockerfile, so the image is made from the locked packages.",
        "There is no Dockerfile, so the image is made from the locked packages. The packages are those of requirements.txt.",
        "There is no Dockerfile, so the image is made from the locked packages. The packages are those of pylock.toml.",
    ]


def test_locks_that_are_left_aside_are_named(images, tmp_path):
    """The reason says which one counts, `ignored` which ones do not."""
    pipfile, lock = make_lock(NOTEBOOK, hashes={name: [HASH] for name in NOTEBOOK})
    files = {"Pipfile": pipfile.encode(), "Pipfile.lock": lock.encode(), "requirements.txt": b"six\n", "uv.lock": b""}
    made = plan(images, files, cache=tmp_path).plan

    assert made.ignored == ("requirements.txt", "uv.lock")
    assert made.reason.endswith("The packages are those of Pipfile.lock.")


def test_named_lock_is_the_one_that_is_read(images, tmp_path):
    """Whatever else lies there."""
    files = {"env/requirements.txt": REQUIREMENTS, "Pipfile.lock": b"{", ".python-version": b"3.11"}
    config = replace(CONFIG, python=PythonConfig(lock="env/requirements.txt"))
    made = plan(images, files, cache=tmp_path, config=config).plan

    assert made.reason.endswith("The config names env/requirements.txt as the lock.")
    assert [package.name for package in made.packages] == ["jupyterhub", "jupyterlab", "pip"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"uv.lock": b""},
            (
                "uv.lock: LockNeedsExport: the format of uv.lock is its tool's own and is not read; a lock that is read can be "
                "exported from it | run `uv export --format pylock.toml --no-emit-project -o pylock.toml` and commit the "
                "file it writes"
            ),
        ),
        (
            {"requirements.txt": REQUIREMENTS},
            (
                "requirements.txt: PythonVersionMissing: neither the lock nor .python-version names a Python there is a base "
                "for, and the config file names no base | Add `base` to the config file, or commit a .python-version that "
                "holds 3.11."
            ),
        ),
        (
            {"requirements.txt": REQUIREMENTS, ".python-version": b"3.12"},
            (
                "requirements.txt: BaseMissing: there is no default base for Python 3.12; the operator's `bases` hold: 3.11 | "
                'Add `base` to the config file, or `--base` to the command line, or ask the operator to add "3.12" to `bases`.'
            ),
        ),
        (
            {"requirements.txt": REQUIREMENTS + b"-e .\n", ".python-version": b"3.11"},
            (
                "requirements.txt: NeedsWheelBuild: an editable requirement has to be built first; no engine here does that "
                "yet | publish its wheel to a package index, or commit the wheel and name it by its path and hash"
            ),
        ),
    ],
)  # fmt: skip
def test_lock_that_cannot_be_used_is_an_error_without_a_plan(images, tmp_path, files, expected):
    """Each with the file and what to do."""
    planned = plan(images, files, cache=tmp_path)

    assert codes(planned) == [expected]
    assert planned.plan is None


def test_other_python_than_the_file_names_is_told_in_its_words(images, tmp_path):
    """The hint is about .python-version, not about a Pipfile."""
    config = replace(CONFIG, base=BASE)
    minor = plan(images, {"requirements.txt": REQUIREMENTS, ".python-version": b"3.12"}, cache=tmp_path, config=config)
    patch = plan(
        images, {"requirements.txt": REQUIREMENTS, ".python-version": b"3.11.9"}, cache=tmp_path, config=config
    )

    assert codes(minor) == [
        (
            "requirements.txt: PythonMismatch: .python-version requires Python 3.12, the base holds 3.11.2 | "
            "Name a base with that Python, or change .python-version and lock again."
        )
    ]
    assert codes(patch) == [
        (
            "requirements.txt: PythonPatchDiffers: .python-version requires Python 3.11.9 exactly, the base holds 3.11.2 | "
            "Write the version without its last part, or use a base with that very version."
        )
    ]


def test_missing_hub_packages_are_told_in_the_locks_words(images, tmp_path):
    """There is no Pipfile to install into."""
    text = f"jupyterhub==4.1 --hash=sha256:{A}\n".encode()
    planned = plan(images, {"requirements.txt": text, ".python-version": b"3.11"}, cache=tmp_path)

    assert [found.hint for found in planned.findings] == [
        "Add `jupyterlab` to what requirements.txt is locked from, lock again and commit the file."
    ]


@pytest.mark.parametrize("options", [b"", b"--extra-index-url https://b.example.com/simple\n"])
def test_lock_without_an_index_needs_the_operators_default(images, tmp_path, options):
    """No index is everybody's: without the setting it is a finding, also beside a further index."""
    files = {"requirements.txt": options + REQUIREMENTS, ".python-version": b"3.11"}
    planned = plan(images, files, cache=tmp_path, default_index="")

    assert codes(planned) == [
        (
            "requirements.txt: IndexMissing: the lock names no package index, and there is no default index here | Add a line "
            "`--index-url URL` to a requirements file; the operator sets `default_index` in the settings."
        )
    ]


def test_wheel_of_the_repository_is_planned_by_its_hash(images, tmp_path):
    """The plan names the very bytes; a wheel that is gone stops it."""
    body = make_wheel("local", "1.0")
    text = REQUIREMENTS + b"./wheels/local-1.0-py3-none-any.whl --hash=sha256:" + b"0" * 64 + b"\n"
    files = {"requirements.txt": text, ".python-version": b"3.11", "wheels/local-1.0-py3-none-any.whl": body}
    other = plan(images, files, cache=tmp_path)
    found = other.findings[0].code
    (tmp_path / "x").write_bytes(body)

    assert (other.plan, found) == (None, "WheelInvalid")


def test_groups_and_extras_of_markers_are_those_of_the_lock(images, tmp_path):
    """A package of a group that is not asked for is left out; extras are never asked for."""
    head = 'dependency-groups = ["dev", "docs"]\ndefault-groups = ["docs"]\nrequires-python = ">=3.11"\n'
    body = make_pylock(
        head,
        dev="'dev' in dependency_groups",
        docs="'docs' in dependency_groups",
        extra="'x' in extras",
        old="python_version < '3.11'",
    )
    names = [
        [package.name for package in made.packages]
        for made in (
            plan(images, {"pylock.toml": body}, cache=tmp_path).plan,
            plan(
                images, {"pylock.toml": body}, cache=tmp_path, config=replace(CONFIG, python=PythonConfig(dev=True))
            ).plan,
        )
    ]

    assert names == [["docs", "jupyterhub", "jupyterlab", "pip"], ["dev", "docs", "jupyterhub", "jupyterlab", "pip"]]


def test_two_versions_are_chosen_by_their_markers():
    """A universal lock holds both; where the markers of both hold there is no telling."""
    facts = read(TINY_BASE)
    both = tuple(
        LockedPackage(name="six", version=version, hashes=(HASH,), source="", markers=markers)
        for version, markers in (("1.0", "python_version < '3.12'"), ("2.0", "python_version >= '3.12'"))
    )
    apart = select_packages(replace(LOCK, default=both), dev=False, facts=facts)
    (finding,) = check_selection((both[0], replace(both[1], markers=None)), LOCK)

    assert apart == both[:1]
    assert check_selection(apart, LOCK) == ()
    assert (finding.code, finding.message) == (
        "DuplicatePackage",
        "`six` is locked as 1.0 and as 2.0, and the markers of both hold for the base's Python",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"requires_python": ">=3.11", "environments": ('sys_platform == "win32"', 'sys_platform == "linux"')}, []),
        (
            {"requires_python": ">=3.12"},
            [("PythonMismatch", "the lock requires Python >=3.12, the base holds 3.11.2")],
        ),
        (
            {"environments": ('sys_platform == "win32"',)},
            [
                (
                    "EnvironmentMismatch",
                    "the lock is made for other environments than the base's Python 3.11.2 on x86_64",
                )
            ],
        ),
        (
            {"sources": (IndexSource(name=DEFAULT_SOURCE, url="", verify_ssl=True),)},
            [("IndexMissing", "the lock names no package index, and there is no default index here")],
        ),
    ],
)
def test_what_a_lock_asks_of_its_target_is_checked(changes, expected):
    """Python, environments, and that somebody names an index."""
    findings = check_target(replace(LOCK, **changes), read(TINY_BASE))

    assert [(found.code, found.message) for found in findings] == expected


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        (None, None),
        (">=3.10", "3.10"),
        (">=3.8", "3.9"),
        (">=3.11.4", "3.11"),
        (">3.9.100,<3.11", "3.10"),
        ("==3.12.*", "3.12"),
        (">=3.13", None),
    ],
)
def test_oldest_base_that_fits_is_taken(requires, expected):
    """A base for a newer Python changes no image; a key that is no version is never meant."""
    bases = {"3.12": BASE, "3.9": BASE, "3.10": BASE, "3.11": BASE, "latest": BASE}
    assert find_fitting_base(replace(LOCK, requires_python=requires), bases) == expected
