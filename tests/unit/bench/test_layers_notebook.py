"""The notebooks that bench-layers builds: locks that fit their Pipfiles, for every subject's tool."""

from __future__ import annotations

import json

import pytest
from bench.layers.notebook import BUMPED, LOCKS, SIBLING_LACKS, Notebook

from hublish.core.locks.pipfile import parse_pipfile

INDEX = "https://mirror.example.com/simple"


@pytest.mark.parametrize(
    ("name", "packages"), [("notebook", 147), ("packages-20", 20), ("packages-100", 100), ("packages-300", 300)]
)
def test_committed_lock_fits_its_pipfile_and_has_the_size_it_is_named_for(name, packages):
    """The content hash is the Pipfile's, and every package has a hash."""
    lock = json.loads((LOCKS / name / "Pipfile.lock").read_bytes())

    assert (
        lock["_meta"]["hash"]["sha256"]
        in parse_pipfile((LOCKS / name / "Pipfile").read_bytes(), path="Pipfile").pipfile.hashes
    )
    assert len(lock["default"]) == packages
    assert all(entry["hashes"] for entry in lock["default"].values())


def test_previous_versions_differ_from_the_locked_ones(tmp_path):
    """A bump changes exactly the packages that were held back."""
    before = Notebook(previous=BUMPED).packages()
    after = Notebook().packages()

    assert {name for name in after if before[name] != after[name]} == set(BUMPED)
    assert list(before) == list(after)


def test_sibling_lacks_five_packages_in_pipfile_and_lock(tmp_path):
    """pipenv accepts the sibling's files: what the lock lacks is not asked for, and the hash is the new Pipfile's."""
    Notebook(without=SIBLING_LACKS).write_lock(tmp_path, index_url=INDEX)

    pipfile = (tmp_path / "Pipfile").read_text()
    lock = json.loads((tmp_path / "Pipfile.lock").read_bytes())
    assert lock["_meta"]["hash"]["sha256"] in parse_pipfile(pipfile.encode(), path="Pipfile").pipfile.hashes
    assert lock["_meta"]["sources"] == [{"name": "index", "url": INDEX, "verify_ssl": True}]
    assert set(Notebook().packages()) - set(lock["default"]) == set(SIBLING_LACKS)
    assert not [name for name in SIBLING_LACKS if f"\n{name} =" in pipfile]


def test_requirements_are_the_lock_in_another_form(tmp_path):
    """Versions, markers and hashes are those of the lock."""
    notebook = Notebook(lock="packages-20")
    notebook.write_requirements(tmp_path, index_url=INDEX)

    expected = {
        f"{name}{entry['version']}" + (f" ; {entry['markers']}" if "markers" in entry else ""): entry["hashes"]
        for name, entry in notebook.packages().items()
    }
    first, *lines = (tmp_path / "requirements.txt").read_text().replace(" \\\n    --hash=", "\t").splitlines()
    assert first == f"--index-url {INDEX}"
    assert {line.split("\t")[0]: line.split("\t")[1:] for line in lines} == expected


def test_an_edit_changes_one_line_of_the_source(tmp_path):
    """A source edit is one line in one file."""
    notebook = Notebook()
    notebook.write_source(tmp_path / "before")
    notebook.edited().write_source(tmp_path / "after")

    paths = [path.relative_to(tmp_path / "before") for path in (tmp_path / "before").rglob("*") if path.is_file()]
    changed = [
        path for path in paths if (tmp_path / "before" / path).read_bytes() != (tmp_path / "after" / path).read_bytes()
    ]
    assert [path.as_posix() for path in changed] == ["forecast/__init__.py"]
    assert (tmp_path / "after" / "forecast" / "__init__.py").read_text() == "REVISION = 1\n"
