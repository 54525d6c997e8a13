"""What the bot answers to a project issue: what to do here and now, with the config to write. Values in, Markdown out."""

from __future__ import annotations

from hublish.core.answers.markdown import code_block, code_span, link
from hublish.core.config.file import CONFIG_PATHS

PLACEHOLDER = "REGISTRY/PATH"


def render_config(image: str | None) -> str:
    """The least config that builds: YAML text, ending with a line end."""
    return f'version: 1\nimage:\n  name: {image or PLACEHOLDER}\n  tags: ["{{release}}", latest]\n'


def render_project(
    repository: str, *, image: str | None, install_url: str | None, existing: str | None, people: bool
) -> tuple[str, ...]:
    """Render what to do for a project.

    Args:
        repository: `owner/name` it is about; foreign text.
        image: where it may push; None where that is not known, or nowhere.
        install_url: page where the App is installed, where the repository is another than the issue's; None else.
        existing: one sentence on the config that is there, Markdown already; None when there is none.
        people: True when the issue asks for access for people.
    """
    steps: list[str] = []
    if install_url is not None:
        steps.append(
            f"Install the App on {code_span(repository)}, if it is not there: {link('its page', install_url)}."
        )
    if existing is None:
        steps.append(f"Add {code_span(CONFIG_PATHS[0])} with this text to the default branch:")
        if image is None:
            steps[-1] = f"{steps[-1][:-1]}; the operator of this service says what stands for `{PLACEHOLDER}`:"
    else:
        steps.append(existing)
    steps.append("Publish a release: its image is built and pushed, and the answer stands on its commit.")
    lines = [f"**Onboarding** of {code_span(repository)}", ""]
    lines += [f"{number}. {step}" for number, step in enumerate(steps, start=1)]
    if existing is None:
        lines += ["", code_block(render_config(image).rstrip("\n"), language="yaml")]
    lines += ["", "The comment `/plan` says before what would be built, `/help` what else can be asked."]
    if people:
        lines.append("Whoever may write to the repository on GitHub may build; there is no other list of people.")
    return tuple(lines)
