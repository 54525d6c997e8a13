"""Bases of plans: which one counts, what is installed in it, and what is kept of it."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from unittest.mock import Mock

import pytest

from hublish.core.reference import Reference
from hublish.errors import BuildFailed
from tests.fakes import TINY_BASE, FakeImages, make_tar
from tests.unit.builders.planning.parts import CONFIG, NOTEBOOK, make_source, plan, summarise
from tests.unit.builders.samples import BASE


@pytest.mark.parametrize(
    ("python_version", "bases", "expected"),
    [
        (None, {"3.11": BASE}, [("PythonVersionMissing", "error")]),
        ("3.12", {"3.11": BASE}, [("BaseMissing", "error")]),
        ("3.12", {}, [("BaseMissing", "error")]),
        ("3.12", {"3.12": BASE}, [("PythonMismatch", "error")]),
        ("3.11.7", {"3.11": BASE}, [("PythonPatchDiffers", "warning")]),
        ("3.11.2", {"3.11": BASE}, []),
        ("3.11", {"3.11": BASE}, []),
    ],
)
def test_python_and_base_must_fit(images, tmp_path, python_version, bases, expected):
    """Each way of not fitting has its own finding, which says what to change."""
    source = make_source(NOTEBOOK, python_version=python_version)

    planned = plan(images, source, cache=tmp_path, bases=bases)

    assert summarise(planned.findings) == expected
    assert (planned.plan is None) is any(severity == "error" for _, severity in expected)


def test_missing_base_names_the_operators_key(images, tmp_path):
    """A person without access to the settings knows what to ask for."""
    planned = plan(images, make_source(NOTEBOOK, python_version="3.12"), cache=tmp_path)

    assert planned.findings[0].message == (
        "there is no default base for Python 3.12; the operator's `bases` hold: 3.11"
    )
    assert "`bases`" in planned.findings[0].hint


def test_base_of_the_config_wins(images, tmp_path):
    """A Pipfile without a Python version needs a base by name."""
    source = make_source(NOTEBOOK, python_version=None)

    planned = plan(images, source, replace(CONFIG, base=BASE), cache=tmp_path, bases={})

    assert planned.plan.base.repository == "base/python"


def test_os_packages_are_refused_not_forgotten(images, tmp_path):
    """Only a container engine could install them, and an image without them would fail in the user's hands."""
    config = replace(CONFIG, system_apt=("graphviz",))

    planned = plan(images, make_source(NOTEBOOK), config, cache=tmp_path)

    assert planned.plan is None
    assert summarise(planned.findings) == [("SystemPackagesUnavailable", "error")]


class Systems:
    """Puts another image in place of the base."""

    def __init__(self, reference: Reference, *, works: bool = True) -> None:
        self.reference = reference
        self.works = works
        self.asked: list[tuple] = []

    def can_build(self) -> bool:
        return self.works

    def ensure_base(self, base: Reference, packages: tuple[str, ...], *, platform: str, user: str) -> Reference:
        self.asked.append((base, packages, platform, user))
        return self.reference


def make_systems(images: FakeImages, **changes: bytes) -> Systems:
    derived = replace(BASE, tag="with-packages")
    extra = {path.replace("_", "/"): body for path, body in changes.items()}
    images.add_image(derived, [make_tar(TINY_BASE), make_tar({"/usr/bin/dot": b"dot", **extra})])
    return Systems(replace(derived, tag=None, digest=images.fetch_manifest(derived).digest))


def test_os_packages_are_in_the_base_of_the_plan(images, tmp_path):
    """The base is resolved before the plan, so that the plan pins the very base with its packages."""
    config, systems = replace(CONFIG, system_apt=("graphviz", "tree", "graphviz")), make_systems(images)

    planned = plan(images, make_source(NOTEBOOK), config, cache=tmp_path, systems=systems)

    assert planned.findings == ()
    assert planned.plan.base == systems.reference
    pinned = replace(BASE, digest=images.fetch_manifest(BASE).digest)
    assert systems.asked == [(pinned, ("graphviz", "tree"), "linux/amd64", "")]


def test_os_packages_are_not_installed_for_a_plan_with_errors(images, tmp_path):
    """What is wrong is told first; it takes no minutes."""
    config, systems = replace(CONFIG, system_apt=("graphviz",), hubs=("demo",)), make_systems(images)

    planned = plan(images, make_source({"jupyterhub": "5.0"}), config, cache=tmp_path, systems=systems)

    assert (planned.plan, systems.asked) == (None, [])


def test_os_packages_that_change_python_are_refused(images, tmp_path):
    """The packages were chosen for another one."""
    config = replace(CONFIG, system_apt=("graphviz",))
    systems = make_systems(images, **{"_usr_bin_python3.11": b"\x7fELF\0some text\x003.11.9\0more"})

    planned = plan(images, make_source(NOTEBOOK), config, cache=tmp_path, systems=systems)

    assert summarise(planned.findings) == [("SystemPackagesChangePython", "error")]


def test_facts_of_a_base_are_kept_by_digest(images, tmp_path):
    """The second plan reads no layer of the base."""
    first = plan(images, make_source(NOTEBOOK), cache=tmp_path)
    manifest = json.loads(images.fetch_manifest(BASE).body)
    del images.blobs[BASE.name, manifest["layers"][0]["digest"]]

    second = plan(images, make_source(NOTEBOOK), cache=tmp_path)

    assert second.plan == first.plan


def test_damaged_facts_are_read_again(images, tmp_path):
    """A cache is never a reason to fail."""
    plan(images, make_source(NOTEBOOK), cache=tmp_path)
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.write_text("{")

    assert plan(images, make_source(NOTEBOOK), cache=tmp_path).plan is not None


def test_cache_that_cannot_be_written_is_told(images, tmp_path):
    """A file where the folder should be is no traceback."""
    (tmp_path / "cache").write_text("a file")

    with pytest.raises(BuildFailed, match="the facts of the base failed"):
        plan(images, make_source(NOTEBOOK), cache=tmp_path / "cache")


def test_error_of_the_disk_is_said(images, tmp_path, monkeypatch):
    """A lock that cannot be read ends the plan with a message, not with an error of the system."""
    source = make_source(NOTEBOOK)
    refusal = PermissionError(errno.EACCES, "Permission denied", "Pipfile.lock")
    monkeypatch.setattr(source, "open", Mock(side_effect=refusal))

    with pytest.raises(BuildFailed) as caught:
        plan(images, source, cache=tmp_path)

    assert caught.value.message == "planning failed: [Errno 13] Permission denied: 'Pipfile.lock'"


def test_base_larger_than_an_image_may_be_is_refused_by_its_manifest(images, tmp_path):
    """What the operator allows counts, whatever the config asks for; none of its layers is read."""
    images.blobs = {key: body for key, body in images.blobs.items() if body[:1] == b"{"}

    with pytest.raises(BuildFailed, match=r"has \d+ bytes, more than the 16 that the image may have") as caught:
        plan(images, make_source(NOTEBOOK), cache=tmp_path, most_bytes=16)
    assert "limits.size" in caught.value.hint
