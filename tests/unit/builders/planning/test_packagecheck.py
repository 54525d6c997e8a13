"""The static check of a plan's packages: found before the build, each with its line, asking as little as it can."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.baseimage.python import read_base_facts
from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.builders.planning.packagecheck import BUILD_HINT, WheelSupply, check_packages
from hublish.core.finding import Finding, Severity
from hublish.core.locks.lock import LockedPackage, PackageOrigin
from hublish.core.plan import Trust
from hublish.errors import DiskFull, IndexFailed
from tests.unit.builders.samples import BASE, Bench
from tests.unit.builders.wheels.sdists import make_sdist

HINT = (
    "Lock again with Python 3.11.2, which the base holds: a lock made with another one can leave packages out by their "
    "markers."
)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha")
    bench.add_package("beta", requires=["alpha>=2", "soup>1; python_full_version < '3.11.5'"])
    bench.packages = [replace(package, line=10 + number) for number, package in enumerate(bench.packages)]
    return bench


@pytest.fixture
def layers(tmp_path: Path) -> LayerIndex:
    return OwnerCaches(tmp_path / "workspace").open(owner="octo", trust=Trust.OWNER).layers


def check(bench: Bench, layers: LayerIndex, *, can_build: bool = False, retries: bool = False) -> tuple[Finding, ...]:
    return check_packages(
        bench.plan(),
        source=bench.source,
        facts=read_base_facts(bench.images, BASE, platform="linux/amd64"),
        supply=WheelSupply(
            index=bench.index, folder=bench.folder / "wheels", can_build=lambda: can_build, retries=retries
        ),
        layers=layers,
        lock_path="Pipfile.lock",
    )


def make_unmet(*messages: str) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            severity=Severity.ERROR,
            code="UnmetRequirement",
            message=message,
            hint=HINT,
            path="Pipfile.lock",
            line=11,
        )
        for message in messages
    )


ZETA = "zeta 1.0 requires missing, but missing is not among them for Python 3.11.2"
UNMET = make_unmet(
    "beta 1.0 requires alpha>=2, but 1.0 is locked",
    "beta 1.0 requires soup>1; python_full_version < '3.11.5', but soup is not among them for Python 3.11.2",
)


def test_unmet_requirements_are_found_with_their_line(bench, layers):
    """All at once; the wheels are fetched where the index has no METADATA to give."""
    assert check(bench, layers) == UNMET


def test_findings_do_not_depend_on_what_is_known(bench, layers):
    """They stand in the order of the plan, whatever was chosen by an earlier build."""
    bench.add_package("zeta", requires=["missing"])
    expected = (*UNMET, *(replace(found, line=None) for found in make_unmet(ZETA)))

    assert check(bench, layers) == expected
    known = OwnerCaches(bench.folder / "other").open(owner="octo", trust=Trust.OWNER).layers
    packages, bench.packages = bench.packages, bench.packages[-1:]
    check(bench, known)
    bench.packages = packages
    assert check(bench, known) == expected


@pytest.mark.parametrize(
    "requirement",
    [
        "alpha; os_name ~= 'x'",
        "alpha; 'x' in extras",
        "alpha>=" + "9" * 5000,
        "alpha; python_version > '" + "9" * 5000 + "'",
        "alpha; " + "(" * 5000 + "os_name == 'x'" + ")" * 5000,
    ],
)
def test_requirement_that_cannot_be_evaluated_counts_as_met(bench, layers, requirement):
    """METADATA is anybody's text; pip skips what it cannot read, too."""
    bench.add_package("odd", requires=[requirement])

    assert check(bench, layers) == UNMET


def test_metadata_of_the_index_is_enough(bench, layers):
    """No wheel is fetched for a check."""
    for name in bench.index.wheels:
        bench.index.metadata[name] = b"Name: x\n" if name.startswith("alpha") else b"Requires-Dist: alpha>=2\n"
    bench.index.fetch_file = lambda *_: pytest.fail("a wheel was fetched")

    assert check(bench, layers) == UNMET[:1]


def test_what_only_the_index_says_is_not_kept(bench, layers):
    """The lock does not vouch for it: the wheel's own word decides the build."""
    for name in bench.index.wheels:
        bench.index.metadata[name] = b"Name: x\n"

    assert check(bench, layers) == ()
    bench.index.metadata.clear()
    assert check(bench, layers) == UNMET


def test_known_wheels_need_no_index(bench, layers):
    """Choices and facts of an earlier check or build are enough."""
    check(bench, layers)

    def fail(*_: object, **__: object) -> None:
        raise IndexFailed("the index is down")

    bench.index.list_files = bench.index.fetch_file = bench.index.fetch_metadata = fail

    assert check(bench, layers) == UNMET


def test_packages_without_a_wheel_are_found_with_their_line(bench, layers):
    """As the build would say it, one finding for each."""
    bench.index.wheels.clear()

    findings = check(bench, layers)

    assert [(finding.code, finding.line, finding.message) for finding in findings] == [
        ("WheelMissing", 10, "alpha 1.0: the index does not know it"),
        ("WheelMissing", 11, "beta 1.0: the index does not know it"),
    ]


def test_index_that_is_down_is_a_warning(bench, layers):
    """The build asks it again, and fails with its words if it must."""

    def fail(*_: object, **__: object) -> None:
        raise IndexFailed("the index is down", hint="wait")

    bench.index.list_files = fail

    assert check(bench, layers) == (
        Finding(
            severity=Severity.WARNING,
            code="PackagesUnchecked",
            message="the packages were not checked: the index is down",
            hint="wait",
            path="Pipfile.lock",
        ),
    )


def test_index_that_is_down_for_a_while_is_raised_where_planning_is_repeated(bench, layers):
    """Else one commit would have two plans, by the index's luck; what stays wrong is a warning there, too."""

    def fail(*_: object, **__: object) -> None:
        raise IndexFailed("the index is down", transient=transient[0])

    transient = [True]
    bench.index.list_files = fail
    with pytest.raises(IndexFailed, match="the index is down"):
        check(bench, layers, retries=True)
    assert [finding.code for finding in check(bench, layers)] == ["PackagesUnchecked"]
    transient[0] = False
    assert [finding.code for finding in check(bench, layers, retries=True)] == ["PackagesUnchecked"]


@pytest.mark.parametrize(("can_build", "code"), [(True, "WheelBuilt"), (False, "NeedsWheelBuild")])
def test_package_named_by_its_source_is_built_whatever_the_index_says(bench, layers, can_build, code):
    """Its build is known from the lock alone, and the plan says so with an index that is down."""

    def fail(*_: object, **__: object) -> None:
        raise IndexFailed("the index is down")

    bench.index.list_files = fail
    bench.packages[0] = replace(bench.packages[0], origin=PackageOrigin.VCS, hashes=())

    assert [finding.code for finding in check(bench, layers, can_build=can_build)] == [code, "PackagesUnchecked"]


def test_wheel_that_is_gone_is_an_error(bench, layers):
    """Listed and not there."""
    bench.index.gone.add("alpha-1.0-py3-none-any.whl")

    (finding,) = check(bench, layers)

    assert (finding.code, finding.severity) == ("WheelMissing", Severity.ERROR)


@pytest.mark.parametrize("can_build", [True, False])
@pytest.mark.parametrize(
    ("origin", "words"),
    [(PackageOrigin.PATH, "a folder or archive of this repository"), (PackageOrigin.VCS, "another repository")],
)
def test_package_that_is_named_by_its_source_is_built_or_refused(bench, layers, can_build, origin, words):
    """Its version is not known, so that what others require of it is left to the build."""
    bench.packages = [
        bench.packages[0],
        LockedPackage(name="gamma", version="", hashes=(), source="", origin=origin, location="gamma", line=12),
    ]
    bench.add_package("delta", requires=["gamma>=7"])

    (finding,) = check(bench, layers, can_build=can_build)

    built = ("WheelBuilt", Severity.NOTE, f"gamma comes from {words}: its wheel is built in the base", "")
    missing = (
        "NeedsWheelBuild",
        Severity.ERROR,
        f"`gamma` comes from {words}, so its wheel must be built first; no container engine here does that",
        BUILD_HINT,
    )
    found = (finding.code, finding.severity, finding.message, finding.hint)
    assert found == (built if can_build else missing)
    assert finding.line == 12


@pytest.mark.parametrize("can_build", [True, False])
def test_package_that_can_be_built_is_a_note(bench, layers, can_build):
    """Where an engine is there; else it is missing, and that stops the build."""
    body = make_sdist("gamma", "1.0")
    digest = bench.index.add("gamma-1.0.tar.gz", body)
    bench.packages = [LockedPackage(name="gamma", version="1.0", hashes=(digest,), source="index", line=12)]

    (finding,) = check(bench, layers, can_build=can_build)

    built = (
        "WheelBuilt",
        Severity.NOTE,
        "gamma 1.0 has no wheel that fits: it is built in the base from gamma-1.0.tar.gz",
    )
    missing = (
        "WheelMissing",
        Severity.ERROR,
        "gamma 1.0: the lock pins only a source distribution, which would have to be built",
    )
    assert (finding.code, finding.severity, finding.message) == (built if can_build else missing)
    assert finding.line == 12


def test_yanked_wheel_is_a_warning(bench, layers):
    """The lock pins it, so it is used; a person learns of it as long as the index is asked."""
    bench.add_package("gamma")
    bench.packages = [replace(bench.packages[-1], line=12)]
    bench.index.yanked["gamma-1.0-py3-none-any.whl"] = "broken on Tuesdays"
    expected = (
        Finding(
            severity=Severity.WARNING,
            code="PackageYanked",
            message="gamma 1.0 was yanked from the index (broken on Tuesdays); the lock pins it, so it is used",
            hint="Lock again, so that a version which is not yanked is chosen.",
            path="Pipfile.lock",
            line=12,
        ),
    )

    assert check(bench, layers) == expected
    assert check(bench, layers) == ()


def test_full_disk_is_a_warning(bench, layers, monkeypatch):
    """The build fetches the wheels again, and what it says of its disk is the answer."""

    def refuse(*_args):
        raise DiskFull("no space is left under wheels", hint="Free some space there.")

    monkeypatch.setattr(bench.index, "fetch_file", refuse)
    expected = (
        Finding(
            severity=Severity.WARNING,
            code="PackagesUnchecked",
            message="the packages were not checked: no space is left under wheels",
            hint="Free some space there.",
            path="Pipfile.lock",
        ),
    )

    assert check(bench, layers) == expected
    assert check(bench, layers, retries=True) == expected
