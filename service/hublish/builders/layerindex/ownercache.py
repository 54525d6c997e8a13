"""What the builds of one owner share: the layer index and byte-code, on this machine and in registries.

What one owner's builds left is never taken for another's. Builds of an owner's own code read and add; builds of a pull
request read what the owner's left and leave nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from hublish.builders.layerindex.index import IndexHome, LayerIndex
from hublish.builders.layerindex.local import LocalIndex
from hublish.builders.wheels.bytecodecache import BytecodeCache
from hublish.core.plan import Trust
from hublish.core.ports import ImageWriter
from hublish.core.reference import Reference
from hublish.core.repository import Repository

OWN = "own"
"""The owner of what the command line builds: whoever's machine it is."""
DEFAULT_LIMIT_BYTES = 20 << 30
"""Room for the layers of some fifty notebook images."""
_NAME_DIGITS = 16


def name_owner(repository: Repository | None) -> str:
    """Name whose builds share a cache.

    The id on GitHub goes before the login: who takes over a login must not find what its earlier owner left. A login never
    holds a colon, so that no name is taken for another kind. GitHub does not tell logins by their case.
    """
    if repository is None:
        return OWN
    return repository.owner.lower() if repository.owner_id is None else f"github:{repository.owner_id}"


class RemoteIndexes(Protocol):
    """Layer indexes that stand in registries."""

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Whose signatures count, as raw bytes."""

    def open(self, repository: Reference, *, owner: str) -> IndexHome:
        """The index of a repository; it is read when it is first asked."""

    def publish(
        self,
        layers: LayerIndex,
        *,
        repository: Reference,
        output: ImageWriter,
        owner: str,
        builder: str,
        log: Callable[[str], None],
    ) -> None:
        """Put what a build knew into the index of a repository, if there is a key to sign it with.

        A failure is logged, never raised.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerCache:
    """What is kept for one owner, opened for one build.

    Attributes:
        layers: what earlier builds found out.
        bytecode: byte-code they made.
        owner: whose they are.
        writable: the build may leave something.
        remote: where indexes of registries are written; None when they are not used.
        limit_bytes: what the workspace may hold.
        in_registry: the image goes to a registry, which is worth remembering.
    """

    layers: LayerIndex
    bytecode: BytecodeCache
    owner: str
    writable: bool
    remote: RemoteIndexes | None
    limit_bytes: int = DEFAULT_LIMIT_BYTES
    in_registry: bool = True

    def publish(self, *, target: Reference, output: ImageWriter, builder: str, log: Callable[[str], None]) -> None:
        """Put what the build knew into the registry's index, if the build may; a failure is logged, never raised."""
        if self.remote is not None and self.writable and self.in_registry:
            self.remote.publish(
                self.layers, repository=target, output=output, owner=self.owner, builder=builder, log=log
            )


class OwnerCaches:
    """The caches of all owners in one workspace.

    Args:
        workspace: folder shared by all builds of this machine.
        remote: indexes of registries; None leaves them out.
        limit_bytes: what the workspace may hold; what was not used for longest is dropped.
    """

    def __init__(
        self, workspace: Path, *, remote: RemoteIndexes | None = None, limit_bytes: int = DEFAULT_LIMIT_BYTES
    ) -> None:
        self.workspace = workspace
        self._limit_bytes = limit_bytes
        self._remote = remote

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """Whose signatures make an index of a registry count; empty where those are not used."""
        return () if self._remote is None else self._remote.public_keys

    def open(
        self,
        *,
        owner: str,
        trust: Trust,
        repositories: Sequence[Reference] = (),
        reported: IndexHome | None = None,
    ) -> OwnerCache:
        """Open what is kept for an owner; nothing is read yet.

        Args:
            owner: whose builds share it, see `name_owner`.
            trust: whose code is built.
            repositories: whose indexes are asked where this machine knows nothing, in this order.
            reported: what a build elsewhere found out, asked before those.
        """
        name = hashlib.sha256(owner.encode()).hexdigest()[:_NAME_DIGITS]
        writable = trust is Trust.OWNER
        local = LocalIndex(self.workspace / "index" / name, shared=self.workspace / "bases", writable=writable)
        names = {place.name: replace(place, tag=None, digest=None) for place in repositories}
        remote = self._remote
        homes = [] if reported is None else [reported]
        homes += [] if remote is None else [remote.open(place, owner=owner) for place in names.values()]
        return OwnerCache(
            layers=LayerIndex(local, homes),
            bytecode=BytecodeCache(folder=self.workspace / "bytecode" / name, writable=writable),
            owner=owner,
            writable=writable,
            remote=remote,
            limit_bytes=self._limit_bytes,
        )
