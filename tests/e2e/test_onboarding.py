"""The App comes to an owner's repositories: one pull request for each that can be built, through kill -9 and a second coming."""

from __future__ import annotations

import pytest
import yaml

from hublish.core.config.file import CONFIG_PATH, parse_config
from hublish.core.onboarding.form import FORM_PATH, render_form
from tests.e2e.answers import wait_until
from tests.sandbox.rows import read_rows
from tests.sandbox.town import SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry]

OWNER = "newbie"
BRANCH = "hublish/onboarding"
MANY = 10_000


def read_ends(town: Town) -> dict[str, tuple[str, str]]:
    """What became of each repository that came: its state and why."""
    rows = read_rows(town.database, "select full_name, state, reason from newcomers")
    return {name: (state, reason) for name, state, reason in rows}


def list_pulls(town: Town, name: str) -> list[tuple[str, str, str]]:
    """All pull requests of a repository: `(branch, state, author)`."""
    pulls = town.github.pull_requests(f"{OWNER}/{name}", state="all")
    return [(pull["head"]["ref"], pull["state"], pull["user"]["login"]) for pull in pulls]


def settle_owner(town: Town) -> None:
    """An owner whom the App does not know yet, with repositories of several kinds."""
    github, host = town.github, town.registry.host
    town.settings["registries"][host]["namespaces"][OWNER] = ["new"]
    (town.folder / "settings.yaml").write_text(yaml.safe_dump(town.settings))
    github.create_user(OWNER, install=False)
    source = town.make_source_files()
    config = source.pop(CONFIG_PATH)
    github.create_repo(f"{OWNER}/layers", files=source)
    github.create_repo(f"{OWNER}/large", files={"Dockerfile": "FROM x\n"})
    github.create_repo(f"{OWNER}/ready", files={CONFIG_PATH: config, "Dockerfile": "FROM x\n"})
    github.create_repo(f"{OWNER}/plain", files={"README.md": "# nothing\n"})
    github.create_repo(f"{OWNER}/old", files={"Dockerfile": "FROM x\n"})
    github.change_repo(f"{OWNER}/old", archived=True)
    github.fork(SOURCE_REPO, login=OWNER)
    tree = [{"path": f"data/{number}.csv", "mode": "100644", "type": "blob"} for number in range(MANY)]
    tree.append({"path": "Dockerfile", "mode": "100644", "type": "blob"})
    body = {"sha": "a" * 40, "url": f"{github.api_url}/tree", "truncated": False, "tree": tree}
    github.add_fault(method="GET", path_regex=f"/{OWNER}/large/git/trees/", status=200, body=body)
    github.clear_deliveries()


def test_every_repository_is_asked_once_through_kill_and_reinstallation(quiet_town: Town) -> None:
    """Killed with a pull request under way; one closed by a person is not opened again when the App comes back."""
    town = quiet_town
    settle_owner(town)
    town.github.add_fault(method="POST", path_regex=f"/{OWNER}/[a-z]+/pulls$", delay_seconds=3)
    town.start_service()
    town.github.install_app(OWNER)
    wait_until(lambda: any(town.github.ref_sha(f"{OWNER}/{name}", f"heads/{BRANCH}") for name in ("layers", "large")))
    town.kill_service()
    town.start_service()
    wait_until(lambda: len(ends := read_ends(town)) == 6 and all(state != "due" for state, _ in ends.values()))
    ends = read_ends(town)
    first = {name: list_pulls(town, name) for name in ("layers", "large", "ready", "plain", "old", "ts")}
    config = town.github.file_bytes(f"{OWNER}/layers", CONFIG_PATH, ref=BRANCH) or b""
    form = town.github.file_text(f"{OWNER}/layers", FORM_PATH, ref=BRANCH)
    reads = [
        f"{call.path.split('/')[4]}?{call.query}"
        for call in town.github.calls()
        if f"/{OWNER}/large/" in call.path and call.method == "GET" and {"trees", "contents"} & {*call.path.split("/")}
    ]
    (pull,) = town.github.pull_requests(f"{OWNER}/layers")
    town.github.api("PATCH", f"/repos/{OWNER}/layers/pulls/{pull['number']}", {"state": "closed"}, login=OWNER)
    town.github.uninstall_app(OWNER)
    town.github.install_app(OWNER)
    again = {f"{OWNER}/{name}": ("passed", "it had its pull request before") for name in ("layers", "large")}
    wait_until(lambda: {name: read_ends(town)[name] for name in again} == again)
    parsed = parse_config(config, path=CONFIG_PATH)
    assert parsed.config is not None
    passed = {name: reason for name, (state, reason) in ends.items() if state == "passed"}

    assert {name: passed.get(f"{OWNER}/{name}") for name in ("ready", "plain", "old", "ts")} == {
        "ready": "it has .hublish.yaml",
        "plain": "it holds nothing that could be built",
        "old": "it is archived",
        "ts": "it is a fork",
    }
    ours = [(BRANCH, "open", town.github.bot_login)]
    assert first == {"layers": ours, "large": ours, "ready": [], "plain": [], "old": [], "ts": []}
    assert [str(image.reference) for image in parsed.config.images] == [f"{town.registry.host}/new/layers"]
    assert (parsed.findings, form) == ((), render_form())
    assert f"- `{town.registry.host}/new/layers` takes pushes." in pull["body"]
    # Its files are listed once, and once more by the commit, which keeps the modes of files; none is read.
    assert reads == ["git?recursive=1"] * 2
    assert list_pulls(town, "layers") == [(BRANCH, "closed", town.github.bot_login)]
    assert list_pulls(town, "large") == ours
