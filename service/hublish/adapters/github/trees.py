"""Trees of a hub's repository: what is in a folder, which modes files have, and a new tree with some files changed.

Source: GitHub REST API, "Git trees", "Git blobs".
"""

from __future__ import annotations

import base64

from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.repository import Repository
from hublish.errors import CatalogInvalid, clip

FILE_MODE = "100644"
FILE_MODES = (FILE_MODE, "100755")


class _Target(Reply):
    sha: str


class TreeEntry(Reply):
    """One name in a tree; `path` is whole in a recursive listing."""

    path: str
    mode: str
    type: str
    sha: str | None = None


class TreeReply(Reply):
    """A tree as GitHub lists it."""

    sha: str
    tree: tuple[TreeEntry, ...] = ()
    truncated: bool = False


def find_tree(session: Session, repository: Repository, *, root: str, folder: str) -> TreeReply | None:
    """The tree of a folder below the tree `root`, found by walking down: a recursive listing may be cut short."""
    tree = session.read(TreeReply, _make_path(repository, "trees", root))
    for part in (part for part in folder.split("/") if part):
        sha = next((entry.sha for entry in tree.tree if entry.path == part and entry.type == "tree"), None)
        if sha is None:
            return None
        tree = session.read(TreeReply, _make_path(repository, "trees", sha))
    return tree


def make_tree(session: Session, repository: Repository, *, base_sha: str, root: str, files: dict[str, bytes]) -> str:
    """Store a tree with `files` changed; git names it by its content, so this can be repeated.

    Args:
        session: with permission to write contents.
        repository: where.
        base_sha: the commit that is changed.
        root: its tree.
        files: path to new content.

    Returns:
        The tree's SHA.

    Raises:
        CatalogInvalid: one of the files is a link, a folder or a submodule there.
        GitHubFailed: GitHub refused or failed.
    """
    modes = _read_modes(session, repository, base_sha=base_sha, root=root, files=files)
    entries = []
    for path, content in sorted(files.items()):
        mode = modes.get(path, FILE_MODE)
        if mode not in FILE_MODES:
            raise CatalogInvalid(f"{clip(path)} is a link or a folder in the hub's repository; only files are edited.")
        entries.append({"path": path, "mode": mode, "type": "blob", **_make_content(session, repository, content)})
    body = {"base_tree": root, "tree": entries}
    return session.write(_Target, "POST", _make_path(repository, "trees"), body=body).sha


def _read_modes(
    session: Session, repository: Repository, *, base_sha: str, root: str, files: dict[str, bytes]
) -> dict[str, str]:
    """The modes of files as they are, so that an edit never changes one."""
    # The same address as the listing that the source adapter asked for: GitHub answers that nothing changed.
    whole = session.read(TreeReply, _make_path(repository, "trees", base_sha), query={"recursive": "1"})
    if not whole.truncated:
        return {entry.path: entry.mode for entry in whole.tree}
    modes = {}
    for folder in sorted({path.rpartition("/")[0] for path in files}):
        tree = find_tree(session, repository, root=root, folder=folder)
        for entry in () if tree is None else tree.tree:
            modes[f"{folder}/{entry.path}".lstrip("/")] = entry.mode
    return modes


def _make_content(session: Session, repository: Repository, content: bytes) -> dict[str, str]:
    try:
        return {"content": content.decode()}
    except UnicodeDecodeError:
        encoded = {"content": base64.b64encode(content).decode("ascii"), "encoding": "base64"}
        return {"sha": session.write(_Target, "POST", _make_path(repository, "blobs"), body=encoded).sha}


def _make_path(repository: Repository, *segments: str) -> str:
    return make_path("repos", repository.owner, repository.name, "git", *segments)
