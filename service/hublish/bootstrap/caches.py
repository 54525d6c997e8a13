"""What owners' builds share, made from settings and options: on this machine always, in registries where a key is given."""

from __future__ import annotations

from pathlib import Path

from hublish.builders.layerindex.ownercache import DEFAULT_LIMIT_BYTES, OwnerCaches
from hublish.core.ports import ImageReader


def make_caches(
    workspace: Path, *, images: ImageReader, key_file: Path | None, limit_bytes: int = DEFAULT_LIMIT_BYTES
) -> OwnerCaches:
    """Make the caches of all owners.

    Args:
        workspace: folder of this machine.
        images: where layer indexes are read from.
        key_file: signs the layer indexes of registries, and is made where there is none; None leaves those out.
        limit_bytes: what the workspace may hold.

    Raises:
        SettingsInvalid: the key cannot be read or made.
    """
    if key_file is None:
        return OwnerCaches(workspace, limit_bytes=limit_bytes)
    # Here, because a build without a key must not wait for them.
    from hublish.bootstrap.signing import open_signing_key  # noqa: PLC0415  # start-up time
    from hublish.builders.layerindex.registrycache import RegistryIndexes  # noqa: PLC0415  # start-up time

    remote = RegistryIndexes(images, open_key=open_signing_key(key_file))
    return OwnerCaches(workspace, remote=remote, limit_bytes=limit_bytes)
