"""Releases of changed repositories."""

from __future__ import annotations

from typing import Any

from tests.sandbox.town import SOURCE_REPO, Town


def release(town: Town, files: dict[str, Any], *, tag: str = "v1.0", delete: tuple[str, ...] = ()) -> str:
    """Commit files, publish a release, wait for its end and return the one answer."""
    if files or delete:
        town.github.commit_files(SOURCE_REPO, files, message="change", delete=delete)
    before = len(town.read_runs())
    town.github.publish_release(SOURCE_REPO, tag)
    town.wait_for_runs(before + 1)
    sha = town.github.ref_sha(SOURCE_REPO, f"tags/{tag}")
    (comment,) = [item for item in town.github.commit_comments(SOURCE_REPO, sha) if tag in item["body"]]
    return str(comment["body"])
