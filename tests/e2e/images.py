"""What images in the test registry hold."""

from __future__ import annotations

import io
import tarfile

from tests.sandbox.registry import Registry


def read_files(registry: Registry, tag: str) -> dict[str, bytes]:
    """The files that the own layers of `team/ts` hold: all but the first, which is the base's."""
    manifest = registry.manifest("team/ts", tag)
    assert manifest is not None
    files = {}
    for layer in manifest["layers"][1:]:
        body = registry.blob("team/ts", layer["digest"])
        assert body is not None
        with tarfile.open(fileobj=io.BytesIO(body)) as archive:
            for member in archive.getmembers():
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None:
                    files[member.name] = stream.read()
    return files


def read_texts(registry: Registry, tag: str) -> dict[str, str]:
    """The same, all of them text."""
    return {name: body.decode() for name, body in read_files(registry, tag).items()}
