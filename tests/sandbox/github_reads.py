"""What there is on the sandbox's GitHub, read as the owner of the repository: for the assertions of a test."""

from __future__ import annotations

import base64
import urllib.parse
from typing import Any

from tests.sandbox.github_client import SandboxClient


class SandboxReaders(SandboxClient):
    """Reads of issues, checks, pull requests, files and deliveries."""

    def issue(self, full_name: str, number: int) -> dict[str, Any]:
        """An issue or pull request as the issues API shows it."""
        return self._read_one(full_name, f"/issues/{number}")

    def comments(self, full_name: str, number: int) -> list[dict[str, Any]]:
        """All comments of an issue or pull request, oldest first."""
        return self._read_all(full_name, f"/issues/{number}/comments")

    def commit_comments(self, full_name: str, sha: str) -> list[dict[str, Any]]:
        """All comments of a commit, oldest first."""
        return self._read_all(full_name, f"/commits/{sha}/comments")

    def reactions(
        self,
        full_name: str,
        *,
        issue: int | None = None,
        comment: int | None = None,
        commit_comment: int | None = None,
        release: int | None = None,
    ) -> list[tuple[str, str]]:
        """`(login, content)` of the reactions to one subject; exactly one keyword is given."""
        paths = {"issues": issue, "issues/comments": comment, "comments": commit_comment, "releases": release}
        [(kind, subject)] = [(kind, subject) for kind, subject in paths.items() if subject is not None]
        rows = self._read_all(full_name, f"/{kind}/{subject}/reactions")
        return [(row["user"]["login"], row["content"]) for row in rows]

    def check_runs(self, full_name: str, sha: str) -> list[dict[str, Any]]:
        """The check runs of a commit, oldest first."""
        rows: list[dict[str, Any]] = self._read_one(full_name, f"/commits/{sha}/check-runs?per_page=100&filter=all")[
            "check_runs"
        ]
        return sorted(rows, key=lambda row: int(row["id"]))

    def annotations(self, full_name: str, check_run_id: int) -> list[dict[str, Any]]:
        """The annotations of a check run."""
        return self._read_all(full_name, f"/check-runs/{check_run_id}/annotations")

    def statuses(self, full_name: str, sha: str) -> list[dict[str, Any]]:
        """The statuses of a commit, newest first."""
        return self._read_all(full_name, f"/commits/{sha}/statuses")

    def releases(self, full_name: str) -> list[dict[str, Any]]:
        """The releases of a repository, newest first."""
        return self._read_all(full_name, "/releases")

    def pull_requests(self, full_name: str, *, state: str = "open") -> list[dict[str, Any]]:
        """Pull requests by state ("open", "closed", "all"), oldest first."""
        return self._read_all(full_name, f"/pulls?state={state}&sort=created&direction=asc")

    def pull_request(self, full_name: str, number: int) -> dict[str, Any]:
        """One pull request."""
        return self._read_one(full_name, f"/pulls/{number}")

    def pull_request_files(self, full_name: str, number: int) -> list[dict[str, Any]]:
        """The files a pull request changes: `filename`, `status`, `patch` and GitHub's other keys."""
        return self._read_all(full_name, f"/pulls/{number}/files")

    def file_text(self, full_name: str, path: str, *, ref: str = "main") -> str | None:
        """The text of a file at a branch, tag or SHA; None when it is not there."""
        content = self.file_bytes(full_name, path, ref=ref)
        return None if content is None else content.decode()

    def file_bytes(self, full_name: str, path: str, *, ref: str = "main") -> bytes | None:
        """The bytes of a file at a branch, tag or SHA; None when it is not there."""
        quoted = f"{urllib.parse.quote(path)}?ref={urllib.parse.quote(ref, safe='')}"
        answer = self.api("GET", f"/repos/{full_name}/contents/{quoted}", login=self._owner(full_name))
        return None if answer.status == 404 else base64.b64decode(answer.body["content"])

    def ref_sha(self, full_name: str, ref: str) -> str | None:
        """The SHA a ref ("heads/main", "tags/v1") points at; None when there is none."""
        path = f"/repos/{full_name}/git/ref/{urllib.parse.quote(ref)}"
        answer = self.api("GET", path, login=self._owner(full_name))
        return None if answer.status == 404 else str(answer.body["object"]["sha"])

    def deliveries(self) -> list[dict[str, Any]]:
        """Every delivery, oldest first: `id`, `guid`, `event`, `action`, `status_code`, `payload`, `redelivery`, ..."""
        rows: list[dict[str, Any]] = self._control("deliveries")
        return rows

    def clear_deliveries(self) -> None:
        """Forget every delivery so far, once all were answered."""
        self._control("idle")
        self._control("clear-deliveries")

    def age_deliveries(self, seconds: float) -> None:
        """Let every delivery so far have been made that much earlier, once all were answered."""
        self._control("idle")
        self._control("age-deliveries", {"seconds": seconds})
