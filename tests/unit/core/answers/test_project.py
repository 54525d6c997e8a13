"""The answer to a project issue, whole."""

from __future__ import annotations

from hublish.core.answers.project import render_config, render_project
from hublish.core.config.file import parse_config


def test_proposed_config_can_be_used() -> None:
    """What people paste is taken by the very parser."""
    parsed = parse_config(render_config("registry.example.org/team/ts").encode(), path=".hublish.yaml")

    assert parsed.findings == ()
    assert parsed.config is not None


def test_answer_says_what_to_do_here() -> None:
    """Config and release; nothing is promised that people would have to wait for."""
    lines = render_project(
        "octo/ts", image="registry.example.org/team/ts", install_url=None, existing=None, people=True
    )

    assert "\n".join(lines) == (
        "**Onboarding** of `octo/ts`\n\n"
        "1. Add `.hublish.yaml` with this text to the default branch:\n"
        "2. Publish a release: its image is built and pushed, and the answer stands on its commit.\n\n"
        "```yaml\nversion: 1\nimage:\n  name: registry.example.org/team/ts\n"
        '  tags: ["{release}", latest]\n```\n\n'
        "The comment `/plan` says before what would be built, `/help` what else can be asked.\n"
        "Whoever may write to the repository on GitHub may build; there is no other list of people."
    )


def test_answer_for_another_repository_begins_with_the_app() -> None:
    """Where its owner may push is not told here."""
    lines = render_project(
        "org/w", image=None, install_url="https://github.com/apps/hublish", existing=None, people=False
    )

    assert "\n".join(lines[2:5]) == (
        "1. Install the App on `org/w`, if it is not there: [its page](<https://github.com/apps/hublish>).\n"
        "2. Add `.hublish.yaml` with this text to the default branch; the operator of this service says what stands for "
        "`REGISTRY/PATH`:\n"
        "3. Publish a release: its image is built and pushed, and the answer stands on its commit."
    )


def test_answer_where_a_config_is_says_what_is_left() -> None:
    """Nobody is asked to write what is there."""
    lines = render_project("octo/ts", image=None, install_url=None, existing="It is here.", people=False)

    assert lines == (
        "**Onboarding** of `octo/ts`",
        "",
        "1. It is here.",
        "2. Publish a release: its image is built and pushed, and the answer stands on its commit.",
        "",
        "The comment `/plan` says before what would be built, `/help` what else can be asked.",
    )
