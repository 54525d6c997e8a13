"""Locks of the service: whose code runs where, which sources are asked, and what never enters a container."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.adapters.index import IndexRule, IndexRules
from hublish.bootstrap.servicelock import ServiceLocker, find_runner
from hublish.builders.layerindex.ownercache import OwnerCaches
from hublish.core.locks.locker import LockRequest
from hublish.core.locks.pipfile import hash_pipfile
from hublish.core.ports import ContainerTask
from hublish.core.repository import Repository
from hublish.errors import EngineFailed, HublishError, LockFailed, NotAllowed, StrategyUnavailable
from tests.sandbox.wheels import PLACEHOLDER_HOST, PLACEHOLDER_SOURCE, make_lock
from tests.unit.builders.samples import BASE, Bench

MIRROR = "https://mirror.example.com/simple"
PIPFILE = make_lock({}, hashes={})[0].encode()
REPOSITORY = Repository(id=7, owner="Octo", name="ts", installation_id=70, default_branch="main")
REQUEST = LockRequest(repository=REPOSITORY, pipfile=PIPFILE, base=BASE)


class Pipenv:
    """A ContainerRunner that locks what it is given, without asking anybody."""

    asked: ContainerTask
    sources: list[dict[str, object]]

    def can_run(self) -> bool:
        return True

    def run_task(
        self, task: ContainerTask, output: Path, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> tuple[Path, ...]:
        log("Locking...")
        verify_running()
        data = tomllib.loads(task.files["Pipfile"].read_text())
        lock = {"_meta": {"hash": {"sha256": hash_pipfile(data)[1]}, "sources": data["source"]}, "default": {}}
        output.mkdir(parents=True)
        (output / "Pipfile.lock").write_text(json.dumps(lock))
        self.asked, self.sources = task, data["source"]
        return (output / "Pipfile.lock",)


@pytest.fixture
def pipenv() -> Pipenv:
    return Pipenv()


@pytest.fixture
def locker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipenv: Pipenv) -> ServiceLocker:
    """A service that serves one owner, and lists one index."""
    bench = Bench(tmp_path)
    bench.add_base()
    monkeypatch.setattr(
        "hublish.builders.locking.pipenvtask._fetch_wheels", lambda *_: {"pip-26.3-py3-none-any.whl": tmp_path}
    )
    return ServiceLocker(
        find_runner=lambda owner: find_runner(((frozenset({"octo"}), pipenv),), owner),
        images=bench.images,
        caches=OwnerCaches(tmp_path / "layers"),
        index=bench.index,
        rules=IndexRules(rules={PLACEHOLDER_HOST: IndexRule(mirror=MIRROR)}, allow_unlisted=False),
        folder=tmp_path / "tasks",
        ca_file=None,
    )


def make(locker: ServiceLocker, request: LockRequest = REQUEST) -> dict[str, object]:
    """Make a lock and read it."""
    lock: dict[str, object] = json.loads(locker.make_lock(request, log=lambda _: None, verify_running=lambda: None))
    return lock


def test_mirror_is_asked_and_leaves_no_trace(locker: ServiceLocker, pipenv: Pipenv) -> None:
    """The lock has the Pipfile's own sources; the base is pinned by its digest, and nothing stays on disk."""
    lines: list[str] = []
    body = locker.make_lock(REQUEST, log=lines.append, verify_running=lambda: None)
    digest = locker.images.fetch_manifest(BASE)

    assert pipenv.sources == [{"name": "index", "url": MIRROR, "verify_ssl": True}]
    assert json.loads(body)["_meta"]["sources"][0]["url"] == PLACEHOLDER_SOURCE
    assert digest is not None
    assert pipenv.asked.base == replace(BASE, digest=digest.digest)
    assert lines == ["Locking..."]
    assert list(locker.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, "the index host index.example.invalid is not listed"),
        ({PLACEHOLDER_HOST: IndexRule(mirror="http://mirror.example.com/simple")}, "asked over plain http"),
    ],
)
def test_source_that_the_operator_does_not_list_is_not_asked(
    locker: ServiceLocker, pipenv: Pipenv, rules: dict[str, IndexRule], expected: str
) -> None:
    """Nothing runs; plain HTTP has to be listed too."""
    with pytest.raises(NotAllowed, match=expected):
        make(replace(locker, rules=IndexRules(rules=rules, allow_unlisted=False)))

    assert not hasattr(pipenv, "asked")


def test_source_with_a_login_is_refused(locker: ServiceLocker, pipenv: Pipenv, tmp_path: Path) -> None:
    """Code in the container could read what the operator gives to the service alone."""
    login = tmp_path / "login"
    login.write_text("me:secret\n")
    rules = IndexRules(rules={PLACEHOLDER_HOST: IndexRule(auth_file=login)}, allow_unlisted=False)
    with pytest.raises(LockFailed, match="the source index needs a login") as caught:
        make(replace(locker, rules=rules))

    assert "secret" not in str(caught.value)
    assert not hasattr(pipenv, "asked")


def test_package_from_a_repository_is_refused(locker: ServiceLocker, pipenv: Pipenv) -> None:
    """Only what is listed is asked, and nobody lists where git may go."""
    pipfile = PIPFILE + b'[dev-packages.mine]\ngit = "https://github.com/o/mine"\n'
    pipfile = pipfile.replace(b"\n[dev-packages]\n", b"\n")
    with pytest.raises(LockFailed, match="mine comes from a repository"):
        make(locker, replace(REQUEST, pipfile=pipfile))

    assert not hasattr(pipenv, "asked")


def test_owner_without_an_engine_is_told_what_to_switch_on(locker: ServiceLocker) -> None:
    """Never in this process, however harmless the Pipfile looks."""
    with pytest.raises(StrategyUnavailable) as caught:
        make(locker, replace(REQUEST, repository=replace(REPOSITORY, owner="stranger")))

    assert caught.value.message == (
        "resolving may run code of packages, and this service has no container engine that does so for stranger"
    )
    assert caught.value.hint == (
        "The operator switches one on: `docker` in `engines.use`, or `buildah` with the owner in "
        "`engines.buildah.owners`. Until then run `pipenv lock` and commit Pipfile.lock."
    )


def test_service_that_stops_makes_the_lock_later(locker: ServiceLocker) -> None:
    """The step is tried again by the next process, so that the run does not fail."""
    locker.close()
    with pytest.raises(EngineFailed) as caught:
        make(locker)

    assert caught.value.transient is True


def test_run_that_is_stopped_stops_the_container(locker: ServiceLocker) -> None:
    """Whatever the caller raises ends it."""

    def stop() -> None:
        raise HublishError("stopped")

    with pytest.raises(HublishError, match="stopped"):
        locker.make_lock(REQUEST, log=lambda _: None, verify_running=stop)


def test_first_engine_that_serves_an_owner_is_taken() -> None:
    """In the operator's order; None stands for everybody."""
    own, all_owners = Pipenv(), Pipenv()
    runners = ((frozenset({"octo"}), own), (None, all_owners))

    assert find_runner(runners, "Octo") is own
    assert find_runner(runners, "other") is all_owners
    assert find_runner(runners[:1], "other") is None
