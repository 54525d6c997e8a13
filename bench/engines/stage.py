"""Where both subjects build: the cluster of tests, a GitHub, a registry, an index, and the service with two slots."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from tests.cluster.access import ensure_tasks, remove_runs, write_service_kubeconfig
from tests.cluster.cluster import BASELINE, RESTRICTED, Cluster, find_cluster
from tests.cluster.places import State
from tests.cluster.program_images import make_program_archive
from tests.sandbox.base_image import make_busybox_base, make_debian_base, push_layout
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.rows import read_rows
from tests.sandbox.town import ENDED, SOURCE_REPO, Town

from bench.engines.observer import Observer
from hublish.bootstrap.caches import make_caches
from hublish.bootstrap.clients import make_registry
from hublish.core.building import BuildRequest
from hublish.core.codec import parse_value
from hublish.core.plan import Strategy
from hublish.settings import Settings, load_settings

SLOTS = 2
PATIENCE_SECONDS = 900.0
OTHER_REPO = "bell/notes"
DOCKERFILE_REPO = "octocat/tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One release that hublish built, times in seconds since the epoch.

    Attributes:
        name: of the build.
        key: of its request.
        received_at: when the webhook had come.
        ended_at: when the build's outcome stood in the database.
        answered_at: when the run had ended: tags moved, pull request and answer written.
    """

    name: str
    key: str
    received_at: float
    ended_at: float
    answered_at: float


class Stage:
    """Everything that is needed to build in pods; a context manager."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.cluster: Cluster = find_cluster(State.find())
        self.town: Town
        self.observer: Observer
        self.settings: Settings

    def __enter__(self) -> Self:
        with self._stack as stack:
            self._enter(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _enter(self, stack: ExitStack) -> None:
        folder, cluster = self._folder, self.cluster
        ensure_tasks(cluster)
        remove_runs(cluster)
        write_service_kubeconfig(cluster, folder / "kubeconfig")
        github = stack.enter_context(GitHubSandbox.start(folder / "github", address=cluster.host_address))
        self.town = stack.enter_context(Town(folder, github=github, address=cluster.host_address))
        host = self.town.registry.host
        tekton = {"kubeconfig": str(folder / "kubeconfig"), "slots": SLOTS, **self._make_images()}
        owners = {"octocat": ["team"], "bell": ["bell"]}
        self.town.settle(
            engines={"use": ["tekton"], "tekton": tekton},
            registries={host: {"plain_http": True, "namespaces": owners}},
        )
        image = {"name": f"{host}/bell/notes", "tags": ["{release}"]}
        github.create_repo(OTHER_REPO, files=self.town.make_source_files(image=image, hubs=[]))
        push_layout(make_busybox_base(folder / "busybox"), host, "base/busybox", "1")
        github.create_repo(DOCKERFILE_REPO, files=_make_dockerfile(host))
        self.settings = load_settings({**os.environ, "HUBLISH_SETTINGS": str(folder / "settings.yaml")})
        self.observer = stack.enter_context(Observer(cluster.kubeconfig, namespaces=(RESTRICTED, BASELINE)))
        self.town.start_service()
        stack.callback(remove_runs, cluster)

    def _make_images(self) -> dict[str, str]:
        """The two images of the Steps, made from this checkout."""
        host = self.cluster.registry
        digest = push_layout(make_debian_base(self._folder / "debian"), host, "base/python", "3.11")
        made = {
            target: self.cluster.ensure_image(
                f"docker-archive:{make_program_archive(target, base=f'{host}/base/python@{digest}')}",
                f"hublish-{target}",
            )
            for target in ("service", "build")
        }
        return {"image": made["service"], "build_image": made["build"]}

    # -- releases -----------------------------------------------------------------------------------------------------

    def commit(self, repo: str, tag: str) -> str:
        """Commit a file for a release to come; returns the commit."""
        return self.town.github.commit_files(repo, {f"notes/{tag}.txt": f"{tag}\n"}, message="Add a note")

    def publish(self, repo: str, tag: str, *, sha: str) -> None:
        """Publish a release of a commit."""
        self.town.github.publish_release(repo, tag, target=sha)

    def rest(self) -> None:
        """Wait until the service has nothing to do."""
        self.town.github.await_deliveries()

        def is_resting() -> bool:
            waiting = read_rows(self.town.database, "select guid from deliveries where state = 'received'")
            runs = [*self.town.read_runs(), *self.town.read_runs(pushes=True)]
            return not waiting and all(run["state"] in ENDED for run in runs)

        await_that(is_resting, "the service to rest")

    def await_built(self, repo: str, tag: str) -> Built:
        """Wait until a release was delivered.

        Raises:
            RuntimeError: it was not.
        """

        def find() -> list[tuple[str, str]]:
            # The release's own run: its tag was pushed and created too, and those runs leave the answer to it.
            query = (
                "select r.state, r.message from runs r join deliveries d on d.run_id = r.id "
                f"where r.ref = '{tag}' and r.repository = '{repo}' and r.ended_at is not null and d.event = 'release'"
            )
            return read_rows(self.town.database, query)

        await_that(lambda: bool(find()), f"the end of {repo} {tag}")
        if find()[0][0] != "delivered":
            raise RuntimeError(f"{repo} {tag}: {find()}; {self.town.read_service_log()[-2000:]}")
        return self._read_built(repo, tag)

    def _read_built(self, repo: str, tag: str) -> Built:
        query = (
            "select b.name, b.key, min(d.received_at), b.ended_at, r.ended_at from runs r "
            "join deliveries d on d.run_id = r.id join run_builds l on l.run_id = r.id "
            "join builds b on b.name = l.build_name "
            f"where r.ref = '{tag}' and r.repository = '{repo}' and d.event = 'release'"
        )
        ((name, key, *times),) = read_rows(self.town.database, query)
        received_at, ended_at, answered_at = (datetime.fromisoformat(text).timestamp() for text in times)
        return Built(name=name, key=key, received_at=received_at, ended_at=ended_at, answered_at=answered_at)

    def read_request(self, built: Built) -> BuildRequest:
        """What the engine was asked to build."""
        ((text,),) = read_rows(self.town.database, f"select request from build_requests where key = '{built.key}'")
        return parse_value(BuildRequest, text)

    def find_index_keys(self) -> tuple[bytes, ...]:
        """Whose signature the service's pods believe, so that the bare subject's do, too."""
        settings = self.settings
        key_file = settings.cache.signing_key_file or settings.data / "cache-key.pem"
        return make_caches(settings.data / "layers", images=make_registry(settings), key_file=key_file).public_keys


def await_that(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds.

    Raises:
        RuntimeError: it does not in a quarter of an hour.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {PATIENCE_SECONDS:.0f} s in vain for {what}")
        time.sleep(0.05)


def _make_dockerfile(host: str) -> dict[str, str]:
    config = {
        "version": 1,
        "image": {"name": f"{host}/team/tools", "tags": ["{release}"]},
        "strategy": Strategy.DOCKERFILE.value,
    }
    text = f"FROM {host}/base/busybox:1\nCOPY notes /notes\nRUN cat /notes/* > /all-notes\n"
    return {".hublish.yaml": yaml.safe_dump(config), "Dockerfile": text, "notes/first.txt": "first\n"}


__all__ = ["DOCKERFILE_REPO", "OTHER_REPO", "PATIENCE_SECONDS", "SLOTS", "SOURCE_REPO", "Built", "Stage", "await_that"]
