"""Locks made by the service: `hublish.core.locks.locker.Locker` by the container engines that the operator chose.

pipenv runs in a container of the base, never here. It asks the sources that the operator's settings list, at their
mirrors; one that is not listed or needs a login is refused before anything runs. The container holds no secret.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hublish.adapters.index import IndexRules
from hublish.bootstrap.clients import make_index_rules
from hublish.bootstrap.systembuilds import ServedBackend, serves
from hublish.builders.baseimage.record import load_base
from hublish.builders.containers.taskrun import TaskRunner
from hublish.builders.layerindex.ownercache import OwnerCaches, name_owner
from hublish.builders.locking.pipenvtask import LockTools, lock_in_container, read_sources
from hublish.builders.stopping import verify_serving
from hublish.core.locks.lock import IndexSource
from hublish.core.locks.locker import LockRequest
from hublish.core.locks.renewal import redirect_sources, restore_lock
from hublish.core.plan import Trust
from hublish.core.ports import ContainerRunner, ImageReader, PackageIndex
from hublish.errors import LockFailed, StrategyUnavailable, clip

if TYPE_CHECKING:
    from hublish.settings import Settings

PLATFORM = "linux/amd64"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLocker:
    """Makes locks for repositories on GitHub.

    Attributes:
        find_runner: login of an owner -> the engine that runs this owner's code; None where none does.
        images: where bases are read from.
        caches: what is known of bases.
        index: where pipenv's own wheels are fetched.
        rules: which sources are listed, and where they are asked.
        folder: for files at work.
        ca_file: certificates that the indexes are verified by; None takes those of the base.
        stopping: set once this process ends.
    """

    find_runner: Callable[[str], ContainerRunner | None]
    images: ImageReader
    caches: OwnerCaches
    index: PackageIndex
    rules: IndexRules
    folder: Path
    ca_file: Path | None
    stopping: threading.Event = field(default_factory=threading.Event)

    def make_lock(
        self, request: LockRequest, *, log: Callable[[str], None], verify_running: Callable[[], None]
    ) -> bytes:
        """See the port."""
        runner = self.find_runner(request.repository.owner)
        if runner is None:
            raise StrategyUnavailable(
                "resolving may run code of packages, and this service has no container engine that does so for "
                f"{request.repository.owner}",
                hint="The operator switches one on: `docker` in `engines.use`, or `buildah` with the owner in "
                "`engines.buildah.owners`. Until then run `pipenv lock` and commit Pipfile.lock.",
            )

        def verify() -> None:
            verify_serving(self.stopping, what="the lock is made")
            verify_running()

        verify()
        pipfile = request.pipfile
        sources = read_sources(pipfile, indexes_only=True)
        asked = redirect_sources(pipfile, {source.url: self._find_url(source) for source in sources})
        layers = self.caches.open(owner=name_owner(request.repository), trust=Trust.OWNER).layers
        opened, facts = load_base(self.images, request.base, platform=PLATFORM, layers=layers)
        tools = LockTools(
            base=replace(request.base, digest=opened.named_digest),
            facts=facts,
            platform=PLATFORM,
            index=self.index,
            runner=runner,
            folder=self.folder,
            ca_file=self.ca_file,
            log=log,
            verify_running=verify,
        )
        return restore_lock(lock_in_container(asked, sources=sources, tools=tools), pipfile=pipfile, asked=asked)

    def close(self) -> None:
        """See the port."""
        self.stopping.set()

    def _find_url(self, source: IndexSource) -> str:
        base = self.rules.make_base(source)
        if base.authorization is not None:
            raise LockFailed(
                f"the source {clip(source.name, limit=80)} needs a login, which code in the container could read",
                hint="Run `pipenv lock` and commit Pipfile.lock.",
            )
        return base.url


def make_locker(
    settings: Settings,
    backends: Sequence[ServedBackend],
    *,
    images: ImageReader,
    index: PackageIndex,
    caches: OwnerCaches,
) -> ServiceLocker:
    """Make the locker of a service.

    Args:
        settings: the operator's.
        backends: the container engines, in the operator's order.
        images: where bases are read from.
        index: where pipenv's own wheels are fetched.
        caches: what is known of bases.
    """
    folder = settings.data / "tasks"
    return ServiceLocker(
        find_runner=partial(
            find_runner, [(item.owners, TaskRunner(item.backend, images, folder)) for item in backends]
        ),
        images=images,
        caches=caches,
        index=index,
        rules=IndexRules(rules=make_index_rules(settings), allow_unlisted=False),
        folder=folder,
        ca_file=settings.ca_file,
    )


def find_runner(runners: Sequence[tuple[frozenset[str] | None, ContainerRunner]], owner: str) -> ContainerRunner | None:
    """The first engine that serves an owner's own code; `(owners, engine)` as in `serves`."""
    return next((runner for owners, runner in runners if serves(owners, owner=owner, trust=Trust.OWNER)), None)
