"""pipenv in a container: pinned by hash, given the Pipfile and no login; what it says when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.builders.baseimage.python import read_base_facts
from hublish.builders.locking.pipenvtask import LockTools, lock_in_container, read_sources
from hublish.core.locks.lock import IndexSource
from hublish.core.locks.lockfile import LOCK_LIMIT_BYTES
from hublish.errors import BuildFailed, LockFailed
from tests.sandbox.wheels import make_wheel, wheel_filename
from tests.unit.builders.samples import BASE, INDEX, Bench
from tests.unit.builders.wheels.sdists import FakeRunner

PIPFILE = b'[[source]]\nname = "index"\nurl = "https://index.example.invalid/simple/"\nverify_ssl = true\n[packages]\nsix = "*"\n'
NAMES = ("pip", "pipenv", "virtualenv")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A machine whose index has a pipenv of ours, pinned in place of the real one."""
    bench = Bench(tmp_path)
    bench.add_base()
    hashes = {}
    for name in NAMES:
        version = "26.3" if name == "pip" else "1.0"
        hashes[name] = bench.index.add(wheel_filename(name, version), make_wheel(name, version))
    pinned = tuple((name, "1.0", hashes[name].removeprefix("sha256:")) for name in NAMES[1:])
    monkeypatch.setattr("hublish.builders.locking.pipenvtask._PINNED", pinned)
    monkeypatch.setattr("hublish.builders.locking.pipenvtask.PIP_HASH", hashes["pip"])
    return bench


def lock(bench: Bench, runner: FakeRunner, *, ca_file: Path | None = None) -> bytes:
    tools = LockTools(
        base=BASE.with_digest("sha256:" + "a" * 64),
        facts=read_base_facts(bench.images, BASE, platform="linux/amd64"),
        platform="linux/amd64",
        index=bench.index,
        runner=runner,
        folder=bench.folder / "tasks",
        ca_file=ca_file,
        log=bench.log.append,
        verify_running=lambda: None,
    )
    try:
        return lock_in_container(PIPFILE, sources=(INDEX,), tools=tools)
    finally:
        assert list((bench.folder / "tasks").glob("*")) == []


class Reading(FakeRunner):
    """Reads the files of a task while they are there."""

    seen: dict[str, bytes]

    def run_task(self, task, output, *, log, verify_running):
        self.seen = {name: path.read_bytes() for name, path in task.files.items()}
        return super().run_task(task, output, log=log, verify_running=verify_running)


def test_pipenv_gets_the_pipfile_and_its_own_wheels(bench, tmp_path) -> None:
    """It may use the network, for that is what it is for; certificates are those of this machine."""
    (tmp_path / "ca").write_bytes(b"certificates")
    runner = Reading(leaves={"Pipfile.lock": b"{}"})
    made = lock(bench, runner, ca_file=tmp_path / "ca")
    (task,) = runner.tasks

    assert made == b"{}"
    assert runner.seen == {**bench.index.wheels, "Pipfile": PIPFILE, "ca.pem": b"certificates"}
    assert task.network
    assert "install -q --no-index --no-deps" in task.script
    assert "files/pipenv-1.0-py3-none-any.whl files/virtualenv-1.0-py3-none-any.whl\n" in task.script


def test_failure_is_told_in_the_words_of_pipenv(bench) -> None:
    """The telling lines, not the last one."""
    runner = FakeRunner(error=BuildFailed("the lock failed: bye"))

    with pytest.raises(LockFailed, match=r"^pipenv could not lock: building$"):
        lock(bench, runner)


@pytest.mark.parametrize(
    ("runner", "error", "message"),
    [
        (FakeRunner(), LockFailed, "pipenv wrote no lock"),
        (FakeRunner(leaves={"Pipfile.lock": b"", "more": b""}), LockFailed, "pipenv wrote no lock"),
        (FakeRunner(leaves={"Pipfile.lock": bytes(LOCK_LIMIT_BYTES + 1)}), LockFailed, "pipenv wrote a lock of more than"),
        (FakeRunner(error=BuildFailed("the lock took longer than 9 seconds")), BuildFailed, "took longer"),
    ],
)  # fmt: skip
def test_what_is_no_lock_is_refused(bench, runner, error, message) -> None:
    """Nothing, something else, something too large, or no end."""
    with pytest.raises(error, match=message):
        lock(bench, runner)


def test_index_without_pipenv_is_told(bench) -> None:
    """And what to do instead; other bytes under its name do not count."""
    bench.index.add(wheel_filename("pipenv", "1.0"), make_wheel("pipenv", "1.0", {"other.py": ""}))

    with pytest.raises(LockFailed, match="pipenv cannot be had from the Pipfile's sources") as caught:
        lock(bench, FakeRunner())
    assert caught.value.hint == "Lock by your own pipenv: `hublish lock --here`."


def test_sources_of_a_pipfile_are_read() -> None:
    """As the index client asks them."""
    expected = (IndexSource(name="index", url="https://index.example.invalid/simple", verify_ssl=True),)

    assert read_sources(PIPFILE) == expected


@pytest.mark.parametrize("system", ["git", "hg", "svn", "bzr"])
def test_package_from_a_repository_is_refused_where_only_indexes_are_asked(system) -> None:
    """A service asks what its operator lists; on a user's own machine it is the user's affair."""
    text = f'[packages]\nmine = {{{system} = "https://github.com/o/mine"}}\n'.encode()
    with pytest.raises(LockFailed, match="mine comes from a repository, and only package indexes are asked here"):
        read_sources(text, indexes_only=True)

    assert len(read_sources(text)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[[source]]\nname="a"\nurl="https://${USER}:${PASS}@a.example.com/simple"\n', "the source a needs a login"),
        (
            '[[source]]\nname="a"\nurl="https://${HOST}/simple"\n',
            "the source a cannot be used|the source a needs a login",
        ),
        ('[[source]]\nname="a"\nurl="file:///etc"\n', "the source a cannot be used"),
        ('[packages]\nmine = {path = "./mine"}\n', "mine lies in the repository, which the container is not given"),
        ('[dev-packages]\nmine = {file = "../x.whl"}\n', "mine lies in the repository"),
    ],
)
def test_what_a_container_cannot_ask_is_refused(text, message) -> None:
    """No variable is expanded, no login enters a container, and nothing of this machine is given to it."""
    with pytest.raises(LockFailed, match=message):
        read_sources(text.encode())
