"""Layer indexes of registries for whoever may believe them and not write them: a pod has public keys and no other.

The key that signs never leaves the service. What a pod finds out goes back to it unsigned, and is judged there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hublish.builders.layerindex.index import LayerIndex
from hublish.builders.layerindex.registry import RegistryIndex
from hublish.core.ports import ImageReader, ImageWriter
from hublish.core.reference import Reference


class TrustedIndexes:
    """`RemoteIndexes` that are only read.

    Args:
        images: where they are read from.
        keys: whose signatures count, as raw bytes.
    """

    def __init__(self, images: ImageReader, *, keys: Sequence[bytes]) -> None:
        self._images = images
        self._keys = tuple(Ed25519PublicKey.from_public_bytes(key) for key in keys)

    @property
    def public_keys(self) -> tuple[bytes, ...]:
        """See RemoteIndexes."""
        return tuple(key.public_bytes_raw() for key in self._keys)

    def open(self, repository: Reference, *, owner: str) -> RegistryIndex:
        """See RemoteIndexes."""
        return RegistryIndex(self._images, repository, open_keys=lambda: self._keys, owner=owner)

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
        """Nothing: without the key that signs, nothing that is written would be believed."""
