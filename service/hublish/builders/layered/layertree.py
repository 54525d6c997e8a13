"""A layer written as a tree: parents appear by themselves, links of the base are followed, nothing is written twice."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hublish.builders.baseimage.facts import resolve_links
from hublish.builders.layered.environment import TargetEnvironment
from hublish.errors import ImageInvalid
from hublish.oci.layers import ROOT, LayerBlob, LayerWriter, Owner, list_parents


class LayerTree:
    """Writes entries of one layer in the order they come, each below the folders it needs.

    Args:
        writer: the layer.
        environment: says which rule a folder follows and where links lead.
    """

    def __init__(self, writer: LayerWriter, environment: TargetEnvironment) -> None:
        self._writer = writer
        self._environment = environment
        self._resolved: dict[str, str] = {}
        self._ready: set[str] = set()

    def holds(self, located: str) -> bool:
        """Tell whether the layer has a file or folder at a place that `locate` gave."""
        return located in self._writer

    def locate(self, path: str) -> str:
        """Where an absolute path really lies once the base's links to folders are followed."""
        folder, _, name = path.rpartition("/")
        if folder not in self._resolved:
            self._resolved[folder] = resolve_links(folder, self._environment.links)
        return f"{self._resolved[folder].rstrip('/')}/{name}"

    def add_file(
        self, path: str, chunks: Iterable[bytes], *, size_bytes: int, mode: int, owner: Owner | None = None
    ) -> None:
        """Add a file; it belongs to whom its environment belongs unless `owner` says otherwise."""
        self._writer.add_file(self._prepare(path), chunks, size_bytes=size_bytes, mode=mode, owner=self._owner(owner))

    def add_deflated_file(
        self, path: str, pieces: Iterable[tuple[bytes, bytes]], *, size_bytes: int, mode: int
    ) -> None:
        """Add a file that is deflated already, as `LayerWriter.add_deflated_file` says."""
        self._writer.add_deflated_file(
            self._prepare(path), pieces, size_bytes=size_bytes, mode=mode, owner=self._owner(None)
        )

    def add_text(self, path: str, text: str, *, mode: int = 0o644, owner: Owner = ROOT) -> None:
        """Add a small file."""
        body = text.encode("utf-8", errors="surrogateescape")
        self.add_file(path, (body,), size_bytes=len(body), mode=mode, owner=owner)

    def add_folder(self, path: str, *, mode: int, owner: Owner = ROOT) -> None:
        """Add a folder with a rule of its own, even where the base has it under another."""
        self._writer.add_directory(self._prepare(path), mode=mode, owner=owner)

    def add_symlink(self, path: str, target: str, *, owner: Owner | None = None) -> None:
        """Add a symbolic link."""
        self._writer.add_symlink(self._prepare(path), target, owner=self._owner(owner))

    def add_whiteout(self, path: str) -> None:
        """Hide a file or folder of the base."""
        self._writer.add_whiteout(self._prepare(path))

    def _owner(self, owner: Owner | None) -> Owner:
        return self._environment.folder_rule.owner if owner is None else owner

    def _prepare(self, path: str) -> str:
        located = self.locate(path)
        folder = located.rpartition("/")[0]
        if folder not in self._ready:
            for parent in list_parents(located):
                if parent not in self._writer:
                    rule = self._environment.folder_rule_at(parent)
                    self._writer.add_directory(parent, mode=rule.mode, owner=rule.owner)
            self._ready.add(folder)
        return located


class LayerFile:
    """A layer being written to disk: its tree, and its blob once the block that opened it has ended."""

    def __init__(self, tree: LayerTree) -> None:
        self.tree = tree
        self._blob: LayerBlob | None = None

    def finish(self, blob: LayerBlob) -> None:
        """Note the finished blob."""
        self._blob = blob

    @property
    def finished(self) -> LayerBlob:
        """The finished blob. Raises ImageInvalid while the block is still open."""
        if self._blob is None:
            raise ImageInvalid("the layer is not written to its end yet")
        return self._blob


@contextmanager
def open_layer_file(folder: Path, environment: TargetEnvironment) -> Iterator[LayerFile]:
    """Write a layer into `folder`, under its digest's hex once it is whole.

    Nothing is left behind when the block raises.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=".part-")
    try:
        with os.fdopen(descriptor, "wb", buffering=1 << 20) as stream:
            writer = LayerWriter(stream)
            layer = LayerFile(LayerTree(writer, environment))
            yield layer
            layer.finish(writer.finish())
        Path(name).replace(folder / layer.finished.digest.removeprefix("sha256:"))
    finally:
        Path(name).unlink(missing_ok=True)
