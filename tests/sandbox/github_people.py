"""What people do on the sandbox's GitHub, by the REST calls their clients make, so that webhooks arise as on GitHub."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

from tests.sandbox.github_client import SandboxFailed
from tests.sandbox.github_reads import SandboxReaders


class SandboxPeople(SandboxReaders):
    """Pushes, tags, releases, issues, comments, forks and pull requests; without `login` the owner acts."""

    def commit_files(
        self,
        full_name: str,
        files: Mapping[str, str | bytes],
        *,
        message: str = "Change the files",
        branch: str = "main",
        login: str | None = None,
        executable: Iterable[str] = (),
        delete: Iterable[str] = (),
        symlinks: Mapping[str, str] | None = None,
    ) -> str:
        """Push one commit to a branch, which starts at `main` when it is new; returns the commit's SHA."""
        login = login or self._owner(full_name)
        repo = f"/repos/{full_name}"
        head = self.ref_sha(full_name, f"heads/{branch}")
        parent = head or self.ref_sha(full_name, "heads/main")
        if parent is None:
            raise SandboxFailed(f"{full_name} has no branch main to start {branch} at")
        executables = frozenset(executable)
        entries: list[dict[str, object]] = []
        for path, content in files.items():
            sha = self._make_blob(full_name, content, login=login)
            mode = "100755" if path in executables else "100644"
            entries.append({"path": path, "mode": mode, "type": "blob", "sha": sha})
        for path, target in (symlinks or {}).items():
            sha = self._make_blob(full_name, target, login=login)
            entries.append({"path": path, "mode": "120000", "type": "blob", "sha": sha})
        entries.extend({"path": path, "mode": "100644", "type": "blob", "sha": None} for path in delete)
        base = self._act("GET", f"{repo}/git/commits/{parent}", login=login).body["tree"]["sha"]
        tree = self._act("POST", f"{repo}/git/trees", {"base_tree": base, "tree": entries}, login=login).body["sha"]
        body = {"message": message, "tree": tree, "parents": [parent]}
        commit = str(self._act("POST", f"{repo}/git/commits", body, login=login).body["sha"])
        self._set_branch(full_name, branch, commit, exists=head is not None, login=login)
        return commit

    def create_tag(self, full_name: str, tag: str, *, target: str = "main", login: str | None = None) -> str:
        """Push a lightweight tag at a branch or SHA; returns the commit's SHA."""
        sha = self._resolve(full_name, target)
        body = {"ref": f"refs/tags/{tag}", "sha": sha}
        self._act("POST", f"/repos/{full_name}/git/refs", body, login=login or self._owner(full_name))
        return sha

    def create_annotated_tag(
        self, full_name: str, tag: str, *, target: str = "main", message: str = "A release", login: str | None = None
    ) -> str:
        """Push an annotated tag; returns the SHA of the tag object, not of its commit."""
        login = login or self._owner(full_name)
        body = {"tag": tag, "message": message, "object": self._resolve(full_name, target), "type": "commit"}
        sha = str(self._act("POST", f"/repos/{full_name}/git/tags", body, login=login).body["sha"])
        self._act("POST", f"/repos/{full_name}/git/refs", {"ref": f"refs/tags/{tag}", "sha": sha}, login=login)
        return sha

    def move_tag(self, full_name: str, tag: str, *, target: str = "main", login: str | None = None) -> str:
        """Force a tag to another commit; returns the commit's SHA."""
        sha = self._resolve(full_name, target)
        path = f"/repos/{full_name}/git/refs/tags/{tag}"
        self._act("PATCH", path, {"sha": sha, "force": True}, login=login or self._owner(full_name))
        return sha

    def delete_ref(self, full_name: str, ref: str, *, login: str | None = None) -> None:
        """Delete "heads/<branch>" or "tags/<tag>"."""
        self._act("DELETE", f"/repos/{full_name}/git/refs/{ref}", login=login or self._owner(full_name))

    def publish_release(
        self,
        full_name: str,
        tag: str,
        *,
        target: str = "main",
        prerelease: bool = False,
        draft: bool = False,
        name: str | None = None,
        body: str = "",
        login: str | None = None,
    ) -> int:
        """Publish a release, which creates its tag at `target` when there is none; returns the release's id."""
        release = {
            "tag_name": tag,
            "target_commitish": target,
            "name": name or tag,
            "body": body,
            "prerelease": prerelease,
            "draft": draft,
        }
        path = f"/repos/{full_name}/releases"
        return int(self._act("POST", path, release, login=login or self._owner(full_name)).body["id"])

    def open_issue(self, full_name: str, title: str, *, body: str = "", login: str | None = None) -> int:
        """Open an issue; returns its number."""
        path = f"/repos/{full_name}/issues"
        issue = {"title": title, "body": body}
        return int(self._act("POST", path, issue, login=login or self._owner(full_name)).body["number"])

    def comment(self, full_name: str, number: int, body: str, *, login: str | None = None) -> int:
        """Comment on an issue or pull request; returns the comment's id."""
        path = f"/repos/{full_name}/issues/{number}/comments"
        return int(self._act("POST", path, {"body": body}, login=login or self._owner(full_name)).body["id"])

    def close_issue(self, full_name: str, number: int, *, login: str | None = None) -> None:
        """Close an issue."""
        path = f"/repos/{full_name}/issues/{number}"
        self._act("PATCH", path, {"state": "closed"}, login=login or self._owner(full_name))

    def fork(self, full_name: str, *, login: str) -> str:
        """Fork a repository to a person's account; returns the fork's full name."""
        return str(self._act("POST", f"/repos/{full_name}/forks", {}, login=login).body["full_name"])

    def open_pull_request(
        self,
        full_name: str,
        title: str,
        *,
        head: str,
        base: str = "main",
        body: str = "",
        login: str | None = None,
    ) -> int:
        """Open a pull request from "branch" or "fork_owner:branch"; returns its number."""
        pull = {"title": title, "head": head, "base": base, "body": body}
        path = f"/repos/{full_name}/pulls"
        return int(self._act("POST", path, pull, login=login or self._owner(full_name)).body["number"])

    def merge_pull_request(self, full_name: str, number: int, *, login: str | None = None) -> str:
        """Merge a pull request; returns the merge commit's SHA."""
        path = f"/repos/{full_name}/pulls/{number}/merge"
        return str(self._act("PUT", path, {}, login=login or self._owner(full_name)).body["sha"])

    def _resolve(self, full_name: str, target: str) -> str:
        return self.ref_sha(full_name, f"heads/{target}") or target

    def _make_blob(self, full_name: str, content: str | bytes, *, login: str) -> str:
        raw = content.encode() if isinstance(content, str) else content
        body = {"content": base64.b64encode(raw).decode(), "encoding": "base64"}
        return str(self._act("POST", f"/repos/{full_name}/git/blobs", body, login=login).body["sha"])

    def _set_branch(self, full_name: str, branch: str, sha: str, *, exists: bool, login: str) -> None:
        refs = f"/repos/{full_name}/git/refs"
        if exists:
            self._act("PATCH", f"{refs}/heads/{branch}", {"sha": sha}, login=login)
        else:
            self._act("POST", refs, {"ref": f"refs/heads/{branch}", "sha": sha}, login=login)
