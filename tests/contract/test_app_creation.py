"""GitHub's manifest flow on this machine: a browser's whole way, and everything that must not get in."""

from __future__ import annotations

import html
import json
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from urllib.request import Request, urlopen

import pytest

from hublish.adapters.github import APP_EVENTS, APP_PERMISSIONS, GitHubApp
from hublish.bootstrap.appcreation import AppWish, create_app, preview_manifest
from hublish.core.github.manifest import CreatedApp
from hublish.errors import HublishError, NotAllowed, SettingsInvalid
from hublish.firstsettings import FirstGitHub, FirstSettings
from tests.sandbox.contract import check_calls
from tests.sandbox.github import GitHubSandbox

pytestmark = pytest.mark.github

WAIT_SECONDS = 120.0


def make_wish(folder: Path, *, organization: str | None = None, wait_seconds: float = WAIT_SECONDS) -> AppWish:
    return AppWish(
        name="My hublish",
        public_url="https://hublish.example.com",
        organization=organization,
        folder=folder,
        wait_seconds=wait_seconds,
    )


class Flow:
    """The flow in a thread: where its page is, and how it ended."""

    def __init__(self, github: GitHubSandbox, wish: AppWish) -> None:
        self._said: Queue[str] = Queue()
        self.result: CreatedApp | HublishError | None = None
        settings = FirstSettings(github=FirstGitHub(api=github.api_url, web=github.api_url))

        def play() -> None:
            try:
                self.result = create_app(wish, settings, say=self._said.put)
            except HublishError as error:
                self.result = error

        self.thread = threading.Thread(target=play)
        self.thread.start()
        self.page = self._said.get(timeout=WAIT_SECONDS).split()[1]
        self.url = urljoin(self.page, "/")

    def end(self) -> CreatedApp | HublishError | None:
        self.thread.join(WAIT_SECONDS)
        return self.result


@contextmanager
def start(github: GitHubSandbox, wish: AppWish) -> Iterator[Flow]:
    """A flow that ends with the block, whatever happened in it."""
    flow = Flow(github, wish)
    try:
        yield flow
    finally:
        if flow.thread.is_alive():
            # A code that GitHub does not know ends it.
            state = read_form(flow.page)[2]
            ask(f"{flow.url}created?{urlencode({'code': 'none', 'state': state})}")
        flow.end()


def ask(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    """What a browser does: redirects are followed."""
    try:
        with urlopen(Request(url, data=data, headers=headers), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def read_form(url: str) -> tuple[str, dict[str, object], str]:
    """The page's form: `(address, manifest, state)`."""
    page = ask(url)[1]
    action = html.unescape(re.findall(r'action="([^"]+)"', page)[0])
    manifest = json.loads(html.unescape(re.findall(r'value="([^"]+)"', page)[0]))
    return action, manifest, parse_qs(urlsplit(action).query)["state"][0]


@pytest.mark.parametrize("organization", [None, "acme"])
def test_browser_is_led_to_github_and_back_to_a_working_app(
    github: GitHubSandbox, tmp_path: Path, organization: str | None
) -> None:
    """Key and secret lie in files that only their owner reads, and the key signs for the new App."""
    folder = tmp_path / "secrets"
    wish = make_wish(folder, organization=organization)
    with start(github, wish) as flow:
        action, manifest, _ = read_form(flow.page)
        status, page = ask(action, urlencode({"manifest": json.dumps(manifest)}).encode())
        app = flow.end()
    key, secret = folder / "app.pem", folder / "webhook-secret"
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, key, secret)]

    assert isinstance(app, CreatedApp)
    assert (status, "The App my-hublish is created." in page) == (200, True)
    assert app.private_key.splitlines()[1] not in page
    assert modes == [0o700, 0o600, 0o600]
    assert (key.read_text().strip(), secret.read_text()) == (app.private_key.strip(), f"{app.webhook_secret}\n")
    assert (manifest["default_permissions"], manifest["default_events"]) == (dict(APP_PERMISSIONS), list(APP_EVENTS))
    assert urlsplit(action).path.startswith("/organizations/acme/" if organization else "/settings/")
    github_app = GitHubApp(api_url=github.api_url, app_id=app.id, private_key_pem=key.read_bytes())
    assert github_app.fetch_identity().slug == "my-hublish"
    conversions = [call for call in github.calls() if call.path.endswith("/conversions")]
    assert check_calls(conversions) == ()


def test_only_the_browser_of_this_run_gets_in(github: GitHubSandbox, tmp_path: Path) -> None:
    """Another state, no code, a code of another shape, another host name, another page: refused, and the flow goes on."""
    code = github.create_manifest_code({"name": "Theirs"})
    with start(github, make_wish(tmp_path / "secrets")) as flow:
        _, _, state = read_form(flow.page)
        refused = [
            ask(f"{flow.url}created?{urlencode(query)}")[0]
            for query in (
                {"code": code, "state": "x"},
                {"code": code, "state": "ü"},
                {"code": code},
                {"state": state},
                {"code": "../../user", "state": state},
            )
        ]
        elsewhere = ask(flow.page, Host="evil.example.com")[0]
        missing = ask(f"{flow.url}other")[0]
        running = flow.thread.is_alive()

    assert (refused, elsewhere, missing, running) == ([400] * 5, 403, 404, True)
    assert list((tmp_path / "secrets").iterdir()) == []


def test_form_is_only_where_the_terminal_says(github: GitHubSandbox, tmp_path: Path) -> None:
    """Whoever else is on this machine finds the port, but neither the form nor the state in it."""
    with start(github, make_wish(tmp_path / "secrets")) as flow:
        _, _, state = read_form(flow.page)
        others = [ask(url) for url in (flow.url, f"{flow.page}x", f"{flow.page[:-1]}", f"{flow.url}?page={flow.page}")]

    assert [status for status, _ in others] == [404] * 4
    assert not any(state in page for _, page in others)


def test_code_that_github_does_not_know_ends_the_flow(github: GitHubSandbox, tmp_path: Path) -> None:
    """Used, or too old; the person reads why."""
    with start(github, make_wish(tmp_path / "secrets")) as flow:
        _, _, state = read_form(flow.page)
        status, page = ask(f"{flow.url}created?{urlencode({'code': 'used', 'state': state})}")
        result = flow.end()

    assert (status, "GitHub does not know the code" in page) == (502, True)
    assert isinstance(result, NotAllowed)


@pytest.mark.parametrize("name", ["app.pem", "webhook-secret"])
def test_file_that_is_there_is_never_written_over(github: GitHubSandbox, tmp_path: Path, name: str) -> None:
    """Not even a link that leads nowhere; said before an App is created."""
    (tmp_path / name).symlink_to("nowhere")
    settings = FirstSettings(github=FirstGitHub(api=github.api_url, web=github.api_url))
    said: list[str] = []
    with pytest.raises(SettingsInvalid, match="is there already"):
        create_app(make_wish(tmp_path), settings, say=said.append)

    assert said == []


def test_folder_that_cannot_be_made_is_said_first(github: GitHubSandbox, tmp_path: Path) -> None:
    """GitHub hands key and secret over once."""
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsInvalid, match="cannot be made"):
        create_app(make_wish(tmp_path / "file" / "secrets"), FirstSettings(), say=lambda _line: None)


def test_nobody_who_comes_back_ends_the_flow(tmp_path: Path) -> None:
    """After the time that the form is good for."""
    with pytest.raises(NotAllowed, match="No App was created in time"):
        create_app(make_wish(tmp_path / "s", wait_seconds=0), FirstSettings(), say=lambda _line: None)


def test_files_that_appeared_meanwhile_are_kept(github: GitHubSandbox, tmp_path: Path) -> None:
    """The App exists then: the error names its page, where it can be deleted."""
    with start(github, make_wish(tmp_path / "s")) as flow:
        action, manifest, _ = read_form(flow.page)
        (tmp_path / "s" / "app.pem").write_text("mine")
        ask(action, urlencode({"manifest": json.dumps(manifest)}).encode())
        result = flow.end()

    assert isinstance(result, SettingsInvalid)
    assert "delete the App at " in result.hint
    assert (tmp_path / "s" / "app.pem").read_text() == "mine"


def test_preview_is_the_manifest_with_a_place_for_the_port(tmp_path: Path) -> None:
    """Nothing listens yet."""
    manifest = preview_manifest(make_wish(tmp_path))

    assert manifest["redirect_url"] == "http://127.0.0.1:PORT/created"
