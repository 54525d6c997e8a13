"""The pull request that a new repository gets: what is added and why, what the registry said, what to do next.

Values in, text out. Paths and names are a repository's: they go through `hublish.core.answers.markdown`.
"""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.answers.findings import render_findings
from hublish.core.answers.markdown import code_span, escape_inline
from hublish.core.config.file import CONFIG_PATH
from hublish.core.finding import Finding
from hublish.core.onboarding.form import FORM_PATH

TITLE = "Build images with hublish"
MARKER = "<!-- hublish:onboarding -->"
_REASON_LIMIT = 512
_LEFT_OUT_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What is proposed to a repository.

    Attributes:
        reasons: `(what, why)` for the parts of the config; foreign text.
        left_out: `(path, why)` of what is not in it; foreign text.
        form: whether the issue form is added, too.
        registry: `(image, refusal)` for each image: why its registry takes no push, "" where it does; foreign text.
        findings: of the config and the lock, as a build would find them.
        hubs: named in the config.
        other_hubs: hubs that would take an image and are not named.
    """

    reasons: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    form: bool
    registry: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    hubs: tuple[str, ...]
    other_hubs: tuple[str, ...]


def render_welcome_message() -> str:
    """Render the commit's message, without a sign-off."""
    return f"{TITLE}\n\nWritten from what the repository holds; nothing is built before somebody asks for it.\n"


def render_welcome(welcome: Welcome) -> str:
    """Render the body of the pull request."""
    lines = [
        "hublish was installed on this repository. Nothing happens here until this is merged and somebody asks for a build.",
        "",
        "**Added:**",
        *(f"- {code_span(CONFIG_PATH)}, {_explain(what, why)}" for what, why in welcome.reasons),
        *([f"- {code_span(FORM_PATH)}, an issue form that asks for a build"] if welcome.form else []),
        *_render_left_out(welcome.left_out),
        "",
        "**The registry:**",
        *(_render_registry(image, refusal) for image, refusal in welcome.registry),
        *_render_hubs(welcome),
        *_render_findings(welcome.findings),
        "",
        "**Once merged:** publish a release, or comment `/build` on an issue. `/plan` shows first what would be built.",
        "",
        "**Not wanted?** Close this pull request; hublish opens no other one here.",
        "",
        MARKER,
    ]
    return "\n".join(lines)


def _explain(what: str, why: str) -> str:
    return f"{code_span(what)}: {escape_inline(why, limit=_REASON_LIMIT)}"


def _render_left_out(left_out: tuple[tuple[str, str], ...]) -> list[str]:
    if not left_out:
        return []
    shown = [f"- {_explain(path, why)}" for path, why in left_out[:_LEFT_OUT_SHOWN]]
    more = [f"- and {len(left_out) - len(shown)} more"] if len(shown) < len(left_out) else []
    return ["", "**Left out:**", *shown, *more]


def _render_registry(image: str, refusal: str) -> str:
    if not refusal:
        return f"- {code_span(image)} takes pushes."
    return f"- {code_span(image)} takes no push yet; ask the operator of this service: {escape_inline(refusal, limit=_REASON_LIMIT)}"


def _render_hubs(welcome: Welcome) -> list[str]:
    lines = []
    if welcome.hubs:
        lines += ["", f"**Hubs:** a release is proposed to {_list(welcome.hubs)}."]
    if welcome.other_hubs:
        what = f"{_list(welcome.other_hubs)} would take an image of this repository"
        lines += ["", f"**Hubs:** {what}; name it under `hubs` once the image holds jupyterhub and jupyterlab."]
    return lines


def _render_findings(findings: tuple[Finding, ...]) -> list[str]:
    return ["", "**Before the first build:**", *render_findings(findings)] if findings else []


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(code_span(name) for name in names)
