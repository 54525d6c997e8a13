"""The last layer: the source tree as it was listed, owned by root, readable by everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from hublish.builders.layered.layertree import LayerTree
from hublish.core.ports import Source
from hublish.core.source import FileMode, SourceFile
from hublish.errors import SourceInvalid, clip
from hublish.oci.layers import ROOT

_CHUNK_BYTES = 1 << 20
_MODES = {FileMode.REGULAR: 0o644, FileMode.EXECUTABLE: 0o755}


def write_source_layer(tree: LayerTree, source: Source, *, path: str) -> None:
    """Write the source tree below `path`, sorted by path.

    Raises:
        SourceInvalid: a file changed since it was listed.
        ImageInvalid: a file changed its size since it was listed.
    """
    tree.add_folder(path, mode=0o755)
    for file in sorted(source.tree.files, key=lambda file: file.path):
        target = f"{path}/{file.path}"
        if file.link is not None:
            tree.add_symlink(target, file.link, owner=ROOT)
        else:
            chunks = _read_verified(source, file)
            tree.add_file(target, chunks, size_bytes=file.size_bytes, mode=_MODES[file.mode], owner=ROOT)


def _read_verified(source: Source, file: SourceFile) -> Iterator[bytes]:
    digest = hashlib.sha256()
    with source.open(file.path) as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
            yield chunk
    if digest.hexdigest() != file.sha256:
        raise SourceInvalid(
            f"{clip(file.path)} changed while the image was built", hint="Build again once the files are at rest."
        )
