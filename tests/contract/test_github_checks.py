"""Check runs against the GitHub sandbox: one per image, never made twice, with all their annotations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hublish.adapters.github import GitHubConversation
from hublish.core.github.ports import Annotation, CheckRun
from tests.contract.github_parts import Scene

pytestmark = pytest.mark.github


@pytest.fixture
def conversation(scene: Scene) -> GitHubConversation:
    return GitHubConversation(scene.app)


def make_check(scene: Scene, *, annotations: int = 0) -> CheckRun:
    return CheckRun(
        name="hublish / ts",
        external_id="run-1",
        sha=scene.head,
        status="in_progress",
        conclusion=None,
        title="Building",
        summary="Step 1",
        details_url="https://example.com/runs/1",
        actions=(("Cancel", "Stop this build.", "cancel"),),
        annotations=tuple(
            Annotation(path="Pipfile.lock", line=line, level="warning", message=f"finding {line}")
            for line in range(1, annotations + 1)
        ),
    )


def test_a_check_run_is_created_then_updated_then_left_alone(scene: Scene, conversation: GitHubConversation) -> None:
    """One check run per external id; an equal state makes no write."""
    check = make_check(scene)
    done = replace(check, status="completed", conclusion="success", title="Done", summary="All good", text="More")
    ids = [conversation.ensure_check_run(scene.repository, state) for state in (check, done, done)]
    (row,) = scene.github.check_runs(scene.name, scene.head)
    expected = (
        ids[0],
        "hublish / ts",
        "run-1",
        "completed",
        "success",
        "Done",
        "All good",
        "More",
        "https://example.com/runs/1",
    )

    assert ids == [ids[0]] * 3
    assert expected == (
        row["id"],
        row["name"],
        row["external_id"],
        row["status"],
        row["conclusion"],
        row["output"]["title"],
        row["output"]["summary"],
        row["output"]["text"],
        row["details_url"],
    )
    assert scene.count_calls("PATCH", f"/check-runs/{ids[0]}") == 1


def test_two_runs_of_one_name_are_two_check_runs(scene: Scene, conversation: GitHubConversation) -> None:
    """The external id tells them apart."""
    first = conversation.ensure_check_run(scene.repository, make_check(scene))
    second = conversation.ensure_check_run(scene.repository, replace(make_check(scene), external_id="run-2"))

    assert first != second


@pytest.mark.parametrize("count", [1, 50, 51, 120])
def test_all_annotations_arrive_once(scene: Scene, conversation: GitHubConversation, count: int) -> None:
    """GitHub takes 50 at a time and appends: chunks follow; a repeated call, or a check that begins anew, adds none."""
    check = make_check(scene, annotations=count)
    check_id = conversation.ensure_check_run(scene.repository, check)
    for status, conclusion in (("in_progress", None), ("completed", "failure"), ("in_progress", None)):
        conversation.ensure_check_run(scene.repository, replace(check, status=status, conclusion=conclusion))

    assert [
        Annotation(path=row["path"], line=row["start_line"], level=row["annotation_level"], message=row["message"])
        for row in scene.github.annotations(scene.name, check_id)
    ] == list(check.annotations)


def test_an_annotation_stands_at_its_column(scene: Scene, conversation: GitHubConversation) -> None:
    """Line and column, a title, and no column where the whole line is meant."""
    place = Annotation(path=".hublish.yaml", line=3, level="failure", message="unknown key")
    annotations = (replace(place, column=5, title="UnknownKey"), place)
    conversation.ensure_check_run(scene.repository, replace(make_check(scene), annotations=annotations))
    (sent,) = [
        call.request_body for call in scene.github.calls() if call.method == "POST" and "check-runs" in call.path
    ]
    line = {
        "path": ".hublish.yaml",
        "start_line": 3,
        "end_line": 3,
        "annotation_level": "failure",
        "message": "unknown key",
    }

    assert sent["output"]["annotations"] == [{**line, "start_column": 5, "end_column": 5, "title": "UnknownKey"}, line]


def test_annotations_come_with_the_update_that_knows_them(scene: Scene, conversation: GitHubConversation) -> None:
    """A queued check run has none; the completed one brings them."""
    conversation.ensure_check_run(scene.repository, make_check(scene))
    check_id = conversation.ensure_check_run(scene.repository, make_check(scene, annotations=60))

    assert len(scene.github.annotations(scene.name, check_id)) == 60


def test_a_chunk_whose_answer_got_lost_is_not_sent_again(scene: Scene, conversation: GitHubConversation) -> None:
    """What GitHub holds already is counted before the next chunk goes."""
    scene.github.add_fault(method="PATCH", path_regex="/check-runs/", after=True, drop=True)
    check_id = conversation.ensure_check_run(scene.repository, make_check(scene, annotations=120))

    assert len(scene.github.annotations(scene.name, check_id)) == 120
