"""The line of a new file in its folder's kustomization: without it the cluster never sees the file.

Source: kustomize.config.k8s.io/v1beta1 Kustomization, field `resources`.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping

from hublish.catalogs import yamlnodes
from hublish.catalogs.yamledit import append_pair, insert_item
from hublish.catalogs.yamlnodes import Scalar, Sequence, parse_documents
from hublish.errors import CatalogInvalid, clip

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_RESOURCES = "resources"


def find_kustomization(files: Mapping[str, str], *, folder: str) -> str | None:
    """Find the path of a folder's kustomization; None when it has none.

    Raises:
        CatalogInvalid: there are two, which kustomize refuses as well.
    """
    prefix = f"{folder}/" if folder else ""
    found = [f"{prefix}{name}" for name in NAMES if f"{prefix}{name}" in files]
    if len(found) > 1:
        raise CatalogInvalid(
            f"{clip(folder)}: expected one kustomization, got {' and '.join(found)}", hint="Keep one of the two."
        )
    return found[0] if found else None


def is_listed(text: str, *, resource: str, path: str) -> bool:
    """Tell whether a kustomization names a file of its folder.

    Raises:
        CatalogInvalid: the kustomization cannot be read.
    """
    return resource in [_bare(item) for item in _read_resources(text, path=path) or ()]


def ensure_resource(text: str, *, resource: str, path: str) -> str:
    """Name a file in a kustomization: in its sorted place where the list is sorted, else at the end.

    Args:
        text: the kustomization.
        resource: name of the file, in the kustomization's folder.
        path: the kustomization, for messages.

    Returns:
        The new text, which differs by one item only; the same text when the file is named already.

    Raises:
        CatalogInvalid: the kustomization cannot be read or edited safely.
    """
    listed = _read_resources(text, path=path)
    if listed is None:
        return append_pair(text, at=(0,), key=_RESOURCES, value=[resource], path=path)
    if resource in [_bare(item) for item in listed]:
        return text
    item = f"./{resource}" if listed and all(other.startswith("./") for other in listed) else resource
    is_sorted = len(listed) > 1 and list(listed) == sorted(listed)
    index = bisect.bisect(listed, item) if is_sorted else len(listed)
    return insert_item(text, at=(0, _RESOURCES), index=index, item=item, path=path)


def _read_resources(text: str, *, path: str) -> tuple[str, ...] | None:
    documents = parse_documents(text, path=path)
    root = documents[0] if len(documents) == 1 else None
    if not isinstance(root, yamlnodes.Mapping):
        yamlnodes.refuse("expected one document with the keys of a kustomization", path=path, line=1)
    node = root.get(_RESOURCES)
    if node is None:
        return None
    items = node.items if isinstance(node, Sequence) else ()
    return tuple(item.value if isinstance(item, Scalar) else "" for item in items)


def _bare(item: str) -> str:
    return item.removeprefix("./")
