"""Locking in a container: the base, and the sources as the container asks them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.bootstrap.containerlock import LockParts, choose_lock_base, lock_in_base
from hublish.bootstrap.options import WorkbenchOptions
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.core.locks.pipfile import hash_pipfile
from hublish.core.plan import Trust
from hublish.core.ports import ContainerTask
from hublish.core.reference import Reference
from hublish.errors import BuildCancelled, LockFailed
from tests.sandbox.wheels import PLACEHOLDER_SOURCE, make_lock
from tests.unit.builders.samples import BASE, Bench

MIRROR = "https://mirror.example.com/simple"
PIPFILE = make_lock({}, hashes={})[0].encode()
OTHER = Reference(registry="registry.example.org", repository="other", tag="1")


@pytest.mark.parametrize(
    ("base", "version", "expected"), [(OTHER, "3.11", OTHER), (None, "3.11", BASE), (None, "3.11.7", BASE)]
)
def test_base_is_the_named_one_or_that_of_the_python(base, version, expected) -> None:
    """As for a build."""
    assert choose_lock_base(base, python_version=version, bases={"3.11": BASE}) == expected


@pytest.mark.parametrize(
    ("version", "message"),
    [("3.12", "there is no base for Python 3.12"), (None, "no base for the Pipfile, which names no python_version")],
)
def test_missing_base_is_told(version, message) -> None:
    """And the other way to lock."""
    with pytest.raises(LockFailed, match=message) as caught:
        choose_lock_base(None, python_version=version, bases={"3.11": BASE})
    assert "--here" in caught.value.hint


class Pipenv:
    """Locks what it is given, without asking anybody."""

    asked: ContainerTask

    def can_run(self) -> bool:
        return True

    def run_task(
        self, task: ContainerTask, output: Path, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> tuple[Path, ...]:
        verify_running()

        data = tomllib.loads(task.files["Pipfile"].read_text())
        lock = {"_meta": {"hash": {"sha256": hash_pipfile(data)[1]}, "sources": data["source"]}, "default": {}}
        output.mkdir(parents=True)
        (output / "Pipfile.lock").write_text(json.dumps(lock))
        log(data["source"][0]["url"])
        self.asked = task
        return (output / "Pipfile.lock",)


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LockParts:
    bench = Bench(tmp_path)
    bench.add_base()
    monkeypatch.setattr(
        "hublish.builders.locking.pipenvtask._fetch_wheels", lambda *_: {"pip-26.3-py3-none-any.whl": tmp_path}
    )
    options = WorkbenchOptions(
        environ={}, cache=tmp_path / "cache", plain_http=frozenset(), index_map={PLACEHOLDER_SOURCE: MIRROR}, bases={},
        settings=None, workers=1,
    )  # fmt: skip
    return LockParts(
        options=options, images=bench.images, layers=OwnerCaches(tmp_path / "w").open(owner="me", trust=Trust.OWNER).layers,
        index=bench.index, runner=Pipenv(), ca_file=tmp_path / "ca.pem", platform="linux/amd64",
    )  # fmt: skip


def test_mirror_is_asked_and_leaves_no_trace(parts) -> None:
    """The lock has the Pipfile's own sources and hash; the base is pinned by its digest."""
    lines: list[str] = []
    lock = json.loads(lock_in_base(PIPFILE, BASE, parts=parts, log=lines.append, cancelled=lambda: False))

    assert lines == [MIRROR]
    assert lock["_meta"]["sources"][0]["url"] == PLACEHOLDER_SOURCE
    assert parts.runner.asked.base == replace(BASE, digest=parts.images.fetch_manifest(BASE).digest)


def test_mirror_with_a_login_is_refused(parts) -> None:
    """Code in the container could read it."""
    index_map = {PLACEHOLDER_SOURCE: "https://me:secret@mirror.example.com/simple"}
    with pytest.raises(LockFailed) as caught:
        lock_in_base(
            PIPFILE,
            BASE,
            parts=replace(parts, options=replace(parts.options, index_map=index_map)),
            log=lambda _: None,
            cancelled=lambda: False,
        )
    assert "secret" not in caught.value.message


def test_stopped_lock_changes_nothing(parts) -> None:
    """Ctrl-C ends the container."""
    with pytest.raises(BuildCancelled, match="nothing was changed"):
        lock_in_base(PIPFILE, BASE, parts=parts, log=lambda _: None, cancelled=lambda: True)
