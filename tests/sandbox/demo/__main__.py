"""`make demo`: release -> image -> pull request, printed as it happens; KEEP=1 leaves everything running at the end."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markdown import Markdown
from rich.panel import Panel
from rich.rule import Rule
from rich.syntax import Syntax

from hublish import settings
from hublish.bootstrap.records import open_records
from hublish.core.measures import render_bytes
from hublish.core.records import Run
from hublish.core.status import RunState
from tests.sandbox.demo.road import Road
from tests.sandbox.demo.stage import (
    HUB,
    LIST_FOLDER,
    PERSON,
    REPOSITORY,
    DemoFailed,
    Service,
    ensure_base,
    fill_github,
    read_tail,
    run_service,
)
from tests.sandbox.github import GitHubSandbox
from tests.sandbox.registry import Registry

RELEASE = "v1.0.0"
IMAGE = REPOSITORY
PLAIN_WIDTH = 132
CACHE = Path(os.environ.get("HUBLISH_TEST_CACHE") or Path.home() / ".cache" / "hublish-test")


def main() -> int:
    """Run the demo; returns the exit code."""
    # Away from a terminal rich assumes 80 columns, which break references and links.
    console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=PLAIN_WIDTH)
    signal.signal(signal.SIGTERM, _stop_on_signal)
    try:
        with _demo_folder() as folder:
            return _show(console, folder, keep=os.environ.get("KEEP", "") not in ("", "0"))
    except DemoFailed as error:
        console.print(f"The demo failed: {error}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.")
        return 130


def _stop_on_signal(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _demo_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hublish-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _show(console: Console, folder: Path, *, keep: bool) -> int:
    console.print(Rule("The stage", align="left"))
    with (
        Registry.start(folder / "registry") as registry,
        GitHubSandbox.start(folder / "github") as github,
    ):
        console.print(f"registry  {registry.host}   a real image registry, empty")
        console.print(f"github    {github.api_url}   {REPOSITORY} (119 locked packages) and {HUB} (3 images)")
        fill_github(github, registry_host=registry.host)
        with console.status("base image: Debian with Python 3.11 (half a minute the first time)"):
            base = ensure_base(registry, CACHE)
        console.print(f"base      {base}")
        with run_service(github, registry_host=registry.host, base=base, folder=folder) as service:
            console.print(f"service   {service.url}   hublish serve, process {service.pid}")
            run = _publish(console, github, service)
            seconds = (run.ended_at - run.created_at).total_seconds() if run.ended_at else 0.0
            good = _show_answer(console, github, registry, seconds=seconds, run=run, service=service)
            if keep:
                _stay(console, github, registry, service)
            else:
                console.print(
                    "Next: `make demo KEEP=1` leaves it all running; `hublish build .` in a repository of yours."
                )
            return 0 if good else 1


def _publish(console: Console, github: GitHubSandbox, service: Service) -> Run:
    console.print(Rule(f"{PERSON} publishes release {RELEASE} of {REPOSITORY}", align="left"))
    loaded = settings.load_settings({settings.ENVIRONMENT_VARIABLE: str(service.settings)})
    began_at = time.monotonic()
    release_id = github.publish_release(REPOSITORY, RELEASE, body="The first forecast.", login=PERSON)
    sha = github.ref_sha(REPOSITORY, f"tags/{RELEASE}")
    if sha is None:
        raise DemoFailed(f"the release made no tag {RELEASE}")
    road = Road(
        github=github,
        records=open_records(loaded),
        console=console,
        release_id=release_id,
        sha=sha,
        began_at=began_at,
    )
    try:
        return road.follow()
    except DemoFailed as error:
        raise DemoFailed(f"{error}; the service's log ends with:\n{read_tail(service.log)}") from error


def _show_answer(
    console: Console, github: GitHubSandbox, registry: Registry, *, seconds: float, run: Run, service: Service
) -> bool:
    sha = run.sha or ""
    console.print(Rule("The bot's answer on the release's commit", align="left"))
    github.await_deliveries()
    for comment in github.commit_comments(REPOSITORY, sha):
        console.print(
            Panel(Markdown(comment["body"], hyperlinks=False), title=comment["user"]["login"], title_align="left")
        )
    if run.state is not RunState.DELIVERED:
        console.print(f"The run ended as {run.state.value}: {run.message}", style="bold red", markup=False)
        console.print(read_tail(service.log), style="dim", markup=False)
        return False
    pulls = github.pull_requests(HUB)
    for pull in pulls:
        console.print(Rule(f"Pull request {HUB}#{pull['number']}: {pull['title']}", align="left"))
        console.print(Markdown(pull["body"] or "", hyperlinks=False))
        for file in github.pull_request_files(HUB, pull["number"]):
            console.print(f"\n{file['filename']}", style="bold")
            console.print(Syntax(file["patch"], "diff", background_color="default", word_wrap=True))
    manifest = registry.manifest(IMAGE, RELEASE)
    if manifest is None or not pulls:
        console.print("There is no image under the release's tag, or no pull request.", style="bold red")
        return False
    _show_figures(console, registry, manifest, seconds=seconds, links=_make_links(service, run, pulls))
    return True


def _make_links(service: Service, run: Run, pulls: list[dict[str, object]]) -> list[tuple[str, str]]:
    # The sandbox's pull requests have no page for people, so only the run's page is a link that opens.
    listed = [f"{HUB}#{pull['number']}, shown above" for pull in pulls]
    return [("live page (KEEP=1)", f"{service.url}/runs/{run.id}"), *(("pull request", text) for text in listed)]


def _show_figures(
    console: Console, registry: Registry, manifest: dict[str, object], *, seconds: float, links: list[tuple[str, str]]
) -> None:
    layers = manifest["layers"]
    if not isinstance(layers, list):
        raise DemoFailed("the manifest in the registry has no list of layers")
    size = sum(layer["size"] for layer in layers)
    console.print(Rule("Figures", align="left"))
    rows = [
        ("from webhook to answer", f"{seconds:.0f} s"),
        ("image", f"{registry.host}/{IMAGE}:{RELEASE}"),
        ("digest", f"{_find_digest(registry)}, as the registry answers it"),
        ("size", f"{render_bytes(size)} compressed in {len(layers)} layers, the base included"),
        *links,
    ]
    for label, text in rows:
        console.print(f"  {label:<24}{text}", soft_wrap=True)


def _find_digest(registry: Registry) -> str:
    body = registry.manifest_bytes(IMAGE, RELEASE)
    digest = "sha256:" + hashlib.sha256(body or b"").hexdigest()
    if body is None or registry.manifest(IMAGE, digest) is None:
        raise DemoFailed(f"the registry does not answer to {digest}")
    return digest


def _stay(console: Console, github: GitHubSandbox, registry: Registry, service: Service) -> None:
    console.print(Rule("Everything stays up", align="left"))
    console.print(f"Stop it with Ctrl-C, or: kill {os.getpid()}")
    console.print(f"The service's log: {service.log}")
    console.print(f"The hub's list: {HUB}, folder {LIST_FOLDER}, at {github.api_url}")
    console.print("Next, in another terminal:")
    hublish = Path(sys.executable).with_name("hublish")
    console.print(f"  HUBLISH_SETTINGS={service.settings} {hublish} runs list", soft_wrap=True)
    console.print(f"  skopeo inspect --tls-verify=false docker://{registry.host}/{IMAGE}:{RELEASE}", soft_wrap=True)
    with suppress(KeyboardInterrupt):
        while True:
            signal.pause()
    console.print("Stopping.")


if __name__ == "__main__":
    sys.exit(main())
