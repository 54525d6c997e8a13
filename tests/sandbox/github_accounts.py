"""Accounts, repositories and installations of the sandbox's GitHub: what exists before anybody does anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.sandbox.github_people import SandboxPeople


class SandboxAccounts(SandboxPeople):
    """Adds people, organizations and repositories, and says where the App is installed."""

    def create_user(self, login: str, *, install: bool = True) -> str:
        """Add a person; the App is installed on the account when `install` is true. Returns the token."""
        token = str(self._control("users", {"login": login})["token"])
        self._tokens[login] = token
        if install:
            self._control("installations", {"account": login})
        return token

    def create_organization(self, login: str, *, install: bool = True) -> None:
        """Add an organization with the administrator "<login>-admin"."""
        admin = f"{login}-admin"
        self.create_user(admin, install=False)
        self._control("organizations", {"login": login, "admin": admin})
        self._admins[login] = admin
        if install:
            self._control("installations", {"account": login})

    def create_repo(
        self,
        full_name: str,
        *,
        files: Mapping[str, str | bytes] | None = None,
        private: bool = False,
        permissions: Mapping[str, str] | None = None,
    ) -> int:
        """Add a repository with one commit on `main`, holding exactly `files` (a README when None); returns its id.

        Args:
            full_name: "owner/name"; an owner that is not there yet is created as a person.
            files: path -> content.
            private: whether outsiders see it.
            permissions: login -> "admin", "maintain", "write", "triage", "read" or "none"; missing people are created
                without the App.
        """
        owner, name = full_name.split("/")
        if owner not in self._tokens and owner not in self._admins:
            self.create_user(owner)
        path = f"/orgs/{owner}/repos" if owner in self._admins else "/user/repos"
        body = {"name": name, "private": private, "auto_init": True}
        repository = self._act("POST", path, body, login=self._owner(full_name)).body
        for login in permissions or {}:
            if login not in self._tokens:
                self.create_user(login, install=False)
        if permissions:
            self.set_permissions(full_name, permissions)
        if files is not None:
            remove = () if "README.md" in files else ("README.md",)
            self.commit_files(full_name, files, message="Add the files", delete=remove)
        return int(repository["id"])

    def create_team(self, organization: str, slug: str, *, members: Iterable[str]) -> None:
        """Add a team of an organization, with these people, who must be there already."""
        admin = self._admins[organization]
        self._act("POST", f"/orgs/{organization}/teams", {"name": slug}, login=admin)
        for login in members:
            path = f"/orgs/{organization}/teams/{slug}/memberships/{login}"
            self._act("PUT", path, {"role": "member"}, login=admin)

    def set_permissions(self, full_name: str, permissions: Mapping[str, str]) -> None:
        """Set what people may do in a repository, as `create_repo` takes it."""
        self._control("permissions", {"full_name": full_name, "permissions": dict(permissions)})

    def rename_repo(self, full_name: str, name: str) -> None:
        """Rename a repository; its old name leads to the new one."""
        self._control("rename", {"full_name": full_name, "name": name})

    def transfer_repo(self, full_name: str, account: str) -> str:
        """Transfer a repository to another account; its old name leads to the new one. Returns its new full name."""
        self._control("transfer", {"full_name": full_name, "account": account})
        return f"{account}/{full_name.partition('/')[2]}"

    def change_repo(self, full_name: str, **changes: object) -> None:
        """Change a repository's settings as its owner, e.g. `archived=True`."""
        self._act("PATCH", f"/repos/{full_name}", changes, login=self._owner(full_name))

    def uninstall_app(self, account: str) -> None:
        """Remove the App from an account; `installation` `deleted` is sent."""
        self._control("uninstall", {"account": account})

    def suspend_installation(self, account: str, *, suspended: bool = True) -> None:
        """Suspend the App on an account, or lift it; the `installation` event is sent."""
        self._control("suspend", {"account": account, "suspended": suspended})

    def select_repositories(self, account: str, *, added: Iterable[str] = (), removed: Iterable[str] = ()) -> None:
        """Narrow the App on an account to chosen repositories; `installation_repositories` is sent."""
        body = {"account": account, "added": list(added), "removed": list(removed)}
        self._control("installation-repositories", body)

    def install_app(self, account: str) -> None:
        """Install the App on an account created without it; `installation` `created` is sent."""
        self._control("installation-repositories", {"account": account, "install": True})

    def create_manifest_code(self, manifest: Mapping[str, object]) -> str:
        """A code as GitHub's manifest form hands back, for `POST /app-manifests/{code}/conversions`."""
        return str(self._control("manifests", {"manifest": dict(manifest)})["code"])
