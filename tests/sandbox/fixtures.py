"""Pytest's way to the sandboxes: one GitHub for the whole session, reset before each test that asks for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.sandbox.contract import check_calls
from tests.sandbox.daemon import DaemonMissing
from tests.sandbox.docker_engine import DockerEngine
from tests.sandbox.github import SANDBOX_FOLDER, GitHubSandbox
from tests.sandbox.postgres import Postgres
from tests.sandbox.receiver import WebhookReceiver


@pytest.fixture(scope="session")
def github_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHubSandbox]:
    """The running emulator; tests ask for `github`, which is this one, empty."""
    if not (SANDBOX_FOLDER / "node_modules" / ".bin" / "node").exists():
        pytest.skip(f"the GitHub sandbox is not installed: run {SANDBOX_FOLDER / 'install.sh'}")
    with GitHubSandbox.start(tmp_path_factory.mktemp("github")) as sandbox:
        yield sandbox


@pytest.fixture
def github(github_process: GitHubSandbox) -> Iterator[GitHubSandbox]:
    """A GitHub without people or repositories, with the App registered.

    When the test is over, every call the App made and every answer it got is checked against GitHub's contract.
    """
    github_process.reset()
    yield github_process
    violations = check_calls(github_process.calls())
    if violations:
        pytest.fail("\n".join(("calls break GitHub's contract:", *violations)), pytrace=False)


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A server on loopback that keeps the webhooks it gets."""
    with WebhookReceiver.start() as started:
        yield started


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server, shared by the tests of a process: each makes a database of its own."""
    if shutil.which("runuser") is None or Postgres.find() is None:
        pytest.skip("postgresql is not installed")
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """A Docker Engine without a network, shared by the tests of a process: they use names of their own."""
    try:
        engine = DockerEngine.start()
    except DaemonMissing as error:
        pytest.skip(str(error))
    with engine:
        yield engine
