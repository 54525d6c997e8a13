"""What the contract tests of the GitHub adapter share: an App that waits little, and the repository it works on."""

from __future__ import annotations

from dataclasses import dataclass

from hublish.adapters.github import GitHubApp, GitHubReader, Patience
from hublish.core.repository import Repository
from tests.sandbox.github import GitHubSandbox

FILES = {"README.md": "# ts\n", "images/a.yaml": "a: 1\n", "images/b.yaml": "b: 1\n", "images/sub/c.yaml": "c: 1\n"}


@dataclass(frozen=True)
class Scene:
    """A GitHub with the organization `org`, its repository `org/ts`, the people alice (write) and bob (read)."""

    github: GitHubSandbox
    app: GitHubApp
    repository: Repository
    sleeps: list[float]

    @property
    def name(self) -> str:
        """`org/ts`."""
        return self.repository.full_name

    @property
    def head(self) -> str:
        """The commit `main` is at."""
        return str(self.github.ref_sha(self.name, "heads/main"))

    def count_calls(self, method: str, ending: str) -> int:
        """How many requests with this method hit a path with this ending since the scene was set."""
        return sum(call.method == method and call.path.endswith(ending) for call in self.github.calls())


def make_app(
    github: GitHubSandbox, sleeps: list[float], *, attempts: int = 4, timeout_seconds: float = 120
) -> GitHubApp:
    """An App whose pauses are noted instead of waited."""
    return GitHubApp(
        api_url=github.api_url,
        app_id=github.app_id,
        private_key_pem=github.private_key_path.read_bytes(),
        patience=Patience(timeout_seconds=timeout_seconds, seconds_between_writes=0, attempts=attempts),
        sleep=sleeps.append,
    )


def make_scene(github: GitHubSandbox, *, private: bool = False) -> Scene:
    """Set the scene on an empty GitHub."""
    github.create_organization("org")
    github.create_repo("org/ts", files=FILES, private=private, permissions={"alice": "write", "bob": "read"})
    sleeps: list[float] = []
    app = make_app(github, sleeps)
    reader = GitHubReader(app)
    installation_id = reader.find_installation("org/ts")
    if installation_id is None:
        raise AssertionError("the App is not installed on org")
    repository = reader.fetch_repository(installation_id, "org/ts")
    github.clear_calls()
    return Scene(github=github, app=app, repository=repository, sleeps=sleeps)
