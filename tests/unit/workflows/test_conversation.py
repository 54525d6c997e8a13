"""What people were never told elsewhere is told here: whole conversations, and what each of them must not leave out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.golden.conversation import FOLDER, PLAYS, perform, render_html, render_markdown
from tests.golden.theatre import Play

PAGE = "[Steps and log](https://hublish.example.com/runs/r1)"


@pytest.fixture
def play(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Play]:
    """The play that a test names."""
    played = perform(request.param, tmp_path)
    yield played
    played.stage.database.dispose()


@pytest.mark.parametrize("name", PLAYS)
def test_whole_conversation_is_as_it_was_looked_at(tmp_path: Path, name: str) -> None:
    """Every comment and check run, as it is sent and as it is shown; written anew by the command in `conversation`."""
    played = perform(name, tmp_path)
    text = render_markdown(name, played)
    played.stage.database.dispose()

    assert text == (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert render_html(text, title=name) == (FOLDER / f"{name}.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PLAYS)
def test_every_request_ends_in_one_answer_with_the_way_to_its_log(tmp_path: Path, name: str) -> None:
    """Nothing is silent, nothing is said twice, and the log outlives the run: asked in any way, ended in any way."""
    played = perform(name, tmp_path)
    comment = played.comment
    played.stage.database.dispose()

    assert PAGE in comment
    assert comment.endswith("<!-- hublish:answer:r1 -->")
    assert len(played.stage.conversation.reactions) == 1


@pytest.mark.parametrize("name", PLAYS)
def test_nothing_of_a_play_is_markup_of_others(name: str) -> None:
    """As it is shown: no script, no picture, and no link but to the service's page and GitHub."""
    page = (FOLDER / f"{name}.html").read_text(encoding="utf-8")

    assert "<script" not in page
    assert "<img" not in page
    assert {re.sub(r"(https://[^/]+).*", r"\1", url) for url in re.findall(r'<a href="([^"]*)"', page)} <= {
        "https://hublish.example.com",
        "https://github.com",
    }


@pytest.mark.parametrize("play", ["fail-one"], indirect=True)
def test_failed_build_is_told_on_its_release_with_the_first_error(play: Play) -> None:
    """A tag without an image is never silent: the cause, what to do, and the end of the log."""
    assert play.comment.startswith(
        "**Not delivered:** `v1` at 0123456\n\nWheelMissing: jupyterlab 4.0: its wheel is gone"
    )
    assert "**What to do:** Lock again" in play.comment
    assert "12:00:06 error: gone" in play.comment


@pytest.mark.parametrize("play", ["fail-one"], indirect=True)
def test_failed_build_is_never_shown_green(play: Play) -> None:
    """The check run concludes in failure, and stands at the line that caused it."""
    (check,) = play.stage.conversation.checks.values()
    (annotation,) = check.annotations

    assert (check.status, check.conclusion) == ("completed", "failure")
    assert (annotation.path, annotation.level) == ("Pipfile.lock", "failure")


@pytest.mark.parametrize("play", ["fail-overlay"], indirect=True)
def test_overlay_that_fails_from_an_issue_is_named_at_its_cause(play: Play) -> None:
    """No later, misleading error: the overlay, the step and the package; the others are not published; the issue stays open."""
    checks = play.stage.conversation.checks

    assert "| ts-gpu | failed at packages: WheelMissing" in play.comment
    assert "1 of 2 images could not be built (ts-gpu), so none is published." in play.comment
    assert checks["r1/ts"].title == "Built, not published: WheelMissing"
    assert play.stage.conversation.closed == []


@pytest.mark.parametrize("play", ["deliver-overlays"], indirect=True)
def test_every_overlay_of_a_tag_is_in_one_table_with_its_image(play: Play) -> None:
    """One run, one answer, a check run for each; the links are those of the images that were pushed."""
    rows = [line.split("`")[1] for line in play.comment.splitlines() if line.startswith("| `")]

    assert rows == ["registry.example.org/team/ts:v1", "registry.example.org/team/ts-gpu:v1"]
    assert set(play.stage.conversation.checks) == {"r1/ts", "r1/ts-gpu"}


@pytest.mark.parametrize("play", ["ask-for-plan"], indirect=True)
def test_plan_shows_how_overlays_map_to_images_before_anything_is_built(play: Play) -> None:
    """Each image with its tags, how it is made, on which Python, and the hubs that would list it."""
    assert "- `ts`: layered, 3 packages on `registry.example.org/base/python:3.11@" in play.comment
    assert "  - goes to `registry.example.org/team/ts:v1`, `registry.example.org/team/ts:latest`" in play.comment
    assert "  - goes to `registry.example.org/team/ts-gpu:v1`" in play.comment
    assert play.stage.conversation.checks == {}


@pytest.mark.parametrize("play", ["leave-template"], indirect=True)
def test_issue_with_the_templates_own_tag_gets_a_friendly_answer(play: Play) -> None:
    """The placeholder is recognised, and the answer says what to write; nothing is built in its place."""
    assert "still holds the template's placeholder" in play.comment
    assert "Write one line \\`Tag: v1.2.3\\`" in play.comment


@pytest.mark.parametrize("play", ["miss-tag"], indirect=True)
def test_tag_that_does_not_exist_is_not_made_and_built(play: Play) -> None:
    """The issue is answered with the tag that is missing, and stays open."""
    assert play.comment.startswith("**Not delivered:** `v9`\n\nSourceMissing: ")
    assert play.stage.conversation.closed == []
    assert play.stage.services.builds.find_latest_build("v9") is None


@pytest.mark.parametrize("play", ["refuse-hub"], indirect=True)
def test_deploy_repository_without_access_is_told_in_the_answer(play: Play) -> None:
    """Not only in the log of a step: the image stands, the hub does not list it, and one button proposes it again."""
    (check,) = play.stage.conversation.checks.values()

    assert "The GitHub App is not installed on org/apps" in play.comment
    assert "`registry.example.org/team/ts:v1`" in play.comment
    assert [label for label, _, _ in check.actions] == ["Open pull request"]


@pytest.mark.parametrize("play", ["pin-away-the-hub"], indirect=True)
def test_lock_that_would_not_spawn_is_refused_before_the_build(play: Play) -> None:
    """A green image that does not start in the hub helps nobody: the packages that are missing are named."""
    assert play.comment.startswith("**Not delivered:** `v1` at 0123456")
    assert "jupyterhub" in play.comment


@pytest.mark.parametrize("play", ["break-config"], indirect=True)
def test_misspelt_keys_are_annotated_with_the_right_ones(play: Play) -> None:
    """A key that nobody reads is an error with a suggestion, all of them at once."""
    (check,) = play.stage.conversation.checks.values()

    assert [annotation.line for annotation in check.annotations] == [4, 5]
    assert [annotation.message.rpartition("\n")[2] for annotation in check.annotations] == [
        "did you mean `strategy`?",
        "did you mean `timeout`?",
    ]


@pytest.mark.parametrize("play", ["indent-config-unevenly"], indirect=True)
def test_uneven_indentation_is_found_by_the_service_and_not_by_a_person(play: Play) -> None:
    """The answer names the line of the config."""
    assert "**Not started:** `v1`" in play.comment
    assert "`.hublish.yaml:6:" in play.comment


@pytest.mark.parametrize("play", ["take-overlay-by-its-wrong-name"], indirect=True)
def test_unknown_overlay_is_answered_with_those_there_are(play: Play) -> None:
    """Nothing is built in place of what was asked for."""
    assert "names no image gpu; it names ts, ts-gpu." in play.comment


@pytest.mark.parametrize("play", ["miss-permission"], indirect=True)
def test_refusal_says_who_can_and_nobody_has_to_accept_an_invitation(play: Play) -> None:
    """The App needs no seat in a team; people with the permission, teams and approvers are named without a mention."""
    assert "a member of the team octo/data, or an approver in OWNERS (alice, bob) to do it." in play.comment
    assert "@" not in play.comment


@pytest.mark.parametrize("play", ["ask-for-status"], indirect=True)
def test_status_tells_whether_the_service_listens_here(play: Play) -> None:
    """Days without a trigger are found by asking once: the config that counts, and the builds there were."""
    assert ".hublish.yaml on `main` can be used. Images: `ts`. Hubs: `demo`." in play.comment
    assert "Nothing was built here yet." in play.comment
