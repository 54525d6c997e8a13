"""The golden conversations: whole comments and check runs of plays that people complained about elsewhere.

`python -m tests.golden.conversation` writes `conversation/*.md`, what is sent to GitHub, and `conversation/*.html`, as it is
shown there; look at the latter in a browser and review the diff.
"""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from markdown_it import MarkdownIt

from hublish.core.building import BuildStopped, Step
from hublish.core.github.commands import CommandName
from hublish.core.github.ports import CheckRun
from hublish.core.github.trigger import Trigger
from hublish.core.repository import Permission
from tests.golden.theatre import BUILT, LISTED, MISSING, Play
from tests.unit.core.github import parts
from tests.unit.core.github.parts import parse
from tests.unit.workflows.parts import COMMENT, CONFIG, ISSUE, NAME, RELEASE, Stage

FOLDER = Path(__file__).parent / "conversation"
TWO = f"version: 1\nimages:\n- {{name: {NAME}, tags: ['{{release}}', latest]}}\n- {{name: {NAME}-gpu}}\nhubs: [demo]\n"
TEMPLATE = "Hey, AICoE-CI!\n\nPlease build and deliver the following git tag:\n\nTag: x.y.z\n"
HOSTILE = "</details><script>alert(1)</script> @octocat #1 ``` [a](http://example.com) \x1b[31m\u202e"
_STYLE = (
    "body{font:14px sans-serif;max-width:900px;margin:2em auto;color:#1f2328}table{border-collapse:collapse;margin:1em 0}"
    "td,th{border:1px solid #d1d9e0;padding:6px 13px;text-align:left}body{line-height:1.6}code{background:#eff1f3;padding:.2em .4em}"
    "pre{background:#f6f8fa;padding:16px;overflow:auto}section{border:1px solid #d1d9e0;padding:0 16px;margin:1em 0}"
)


def deliver_one(play: Play) -> None:
    """A release of one image is delivered."""
    play.build(RELEASE, {"ts": BUILT})


def deliver_overlays(play: Play) -> None:
    """A release of two images is delivered."""
    play.use_config(TWO)
    play.build(RELEASE, {"ts": BUILT, "ts-gpu": BUILT})


def fail_one(play: Play) -> None:
    """A package is gone from its index while the image is built."""
    play.build(RELEASE, {"ts": MISSING})


def fail_overlay(play: Play) -> None:
    """One of two images, asked for by an issue, cannot be built."""
    play.use_config(TWO)
    play.build(ISSUE, {"ts": BUILT, "ts-gpu": MISSING})


def fail_hostile(play: Play) -> None:
    """A build prints what would be Markdown."""
    stopped = BuildStopped(
        code="BuildFailed", message=HOSTILE, hint="", step=Step.BUILD, last_lines=(HOSTILE, "```", "~~~")
    )
    play.build(RELEASE, {"ts": stopped})


def refuse_hub(play: Play) -> None:
    """The image stands, and the hub's repository is not there for the App."""
    detail = "The GitHub App is not installed on org/apps, so no entry can be proposed."
    play.build(RELEASE, {"ts": BUILT}, hubs=(replace(LISTED, url=None, number=None, detail=detail, ok=False),))


def leave_template(play: Play) -> None:
    """The build issue still holds the template's placeholder."""
    asked = parse("issues", "opened", issue={**parts.ISSUE, "body": TEMPLATE})
    assert isinstance(asked, Trigger)
    play.refuse(replace(ISSUE, ref=None, problem=asked.problem, hint=asked.hint))


def miss_permission(play: Play) -> None:
    """A reader asks for a build, where approvers are named."""
    play.use_config(f"{CONFIG}approvers: {{owners: true, teams: [data]}}\n")
    play.stage.reader.permissions["octocat"] = Permission.READ
    play.stage.reader.files["octo/ts", "OWNERS"] = b"approvers: [alice, bob]\n"
    play.refuse(replace(COMMENT, command=CommandName.BUILD))


def break_config(play: Play) -> None:
    """The config at the commit mixes up its keys."""
    play.use_config(CONFIG, at_commit=f"{CONFIG}strategi: layered\nsmoke: {{timeot: 5m}}\n")
    play.refuse(RELEASE)


def indent_config_unevenly(play: Play) -> None:
    """The config of the default branch is no YAML."""
    play.use_config(CONFIG + "python:\n    dev: true\n  lock: Pipfile.lock\n")
    play.refuse(ISSUE)


def pin_away_the_hub(play: Play) -> None:
    """The lock has no jupyterhub, so that the image would not start in a hub."""
    play.use_config(CONFIG, packages={"jupyterlab": "4.0"})
    play.refuse(RELEASE)


def take_overlay_by_its_wrong_name(play: Play) -> None:
    """Somebody asks for an image that the config does not name."""
    play.use_config(TWO)
    play.refuse(replace(COMMENT, command=CommandName.BUILD, images=("gpu",)))


def miss_tag(play: Play) -> None:
    """The build issue names a tag that does not exist."""
    play.refuse(replace(ISSUE, ref="v9"))


def ask_for_plan(play: Play) -> None:
    """What would be built from two overlays."""
    play.use_config(TWO)
    play.refuse(replace(COMMENT, command=CommandName.PLAN, ref="v1"))


def ask_for_status(play: Play) -> None:
    """Where builds stand, before there was any."""
    play.refuse(replace(COMMENT, command=CommandName.STATUS, ref=None))


PLAYS: Mapping[str, Callable[[Play], None]] = {
    play.__name__.replace("_", "-"): play
    for play in (
        deliver_one,
        deliver_overlays,
        fail_one,
        fail_overlay,
        fail_hostile,
        refuse_hub,
        leave_template,
        miss_permission,
        break_config,
        indent_config_unevenly,
        take_overlay_by_its_wrong_name,
        miss_tag,
        pin_away_the_hub,
        ask_for_plan,
        ask_for_status,
    )
}


def perform(name: str, folder: Path) -> Play:
    """Play one of the plays in an empty folder; the caller disposes of its database."""
    play = Play(Stage(folder))
    PLAYS[name](play)
    return play


def render_markdown(name: str, play: Play) -> str:
    """Everything that stands on GitHub after a play, as it was sent."""
    parts = [f"# {PLAYS[name].__doc__}", f"Reactions: {len(play.stage.conversation.reactions)}"]
    parts += [f"## Comment\n\n{body}" for body in play.stage.conversation.comments.values()]
    parts += [_render_check(check) for check in play.stage.conversation.checks.values()]
    parts += [f"## Closed: {number}" for number in play.stage.conversation.closed]
    return _hide_base("\n\n".join(parts)) + "\n"


def _render_check(check: CheckRun) -> str:
    lines = [f"- {item.level} at {item.path}:{item.line}: {item.title}: {item.message!r}" for item in check.annotations]
    buttons = ", ".join(label for label, _, _ in check.actions) or "none"
    head = f"## Check {check.name}: {check.status}, {check.conclusion}\n\nTitle: {check.title}\n\nButtons: {buttons}"
    return "\n\n".join([head, *lines, check.summary, "---", check.text])


def _hide_base(text: str) -> str:
    """The base's digest is made from this machine's idea of a tiny base; what it is does not matter here."""
    return re.sub(r"sha256:(?!b{64})[0-9a-f]{64}", "sha256:BASE", text)


def render_html(markdown: str, *, title: str) -> str:
    """Show Markdown as GitHub does, tables and allowed HTML included; nothing is taken away, so that what gets through shows."""
    body = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
    return f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title><style>{_STYLE}</style>\n{body}"


def write_all() -> None:
    """Write every play's files anew."""
    FOLDER.mkdir(exist_ok=True)
    for name in PLAYS:
        with tempfile.TemporaryDirectory() as folder:
            play = perform(name, Path(folder))
            text = render_markdown(name, play)
            play.stage.database.dispose()
        (FOLDER / f"{name}.md").write_text(text, encoding="utf-8")
        (FOLDER / f"{name}.html").write_text(render_html(text, title=name), encoding="utf-8")


if __name__ == "__main__":
    write_all()
