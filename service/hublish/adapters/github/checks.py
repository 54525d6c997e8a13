"""Check runs: one per image on the commit, found again by its `external_id`.

GitHub takes at most 50 annotations in a call and appends them on updates, so they are sent in chunks, counted by what
the check run already holds: a repeated call never adds one twice.

Source: GitHub REST API, "Check runs".
"""

from __future__ import annotations

from hublish.adapters.github.session import Reply, Session, make_path
from hublish.core.github.ports import Annotation, CheckRun
from hublish.core.repository import Repository

ANNOTATIONS_PER_CALL = 50


class _Output(Reply):
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations_count: int = 0


class CheckReply(Reply):
    """A check run as GitHub holds it."""

    id: int
    name: str
    external_id: str | None = None
    status: str
    conclusion: str | None = None
    details_url: str | None = None
    output: _Output = _Output()


def ensure_check_run(
    session: Session, repository: Repository, check: CheckRun, *, app_id: int, known: CheckReply | None = None
) -> CheckReply:
    """Create or update a check run, with all its annotations.

    Args:
        session: with permission to write checks.
        repository: where the commit is.
        check: as it should be.
        app_id: ours; check runs of other Apps with the same external id are not touched.
        known: as it was when this process wrote it last; None looks for it.

    Returns:
        The check run as it is now.

    Raises:
        GitHubFailed: GitHub refused or failed.
    """
    held = known or _find(session, repository, check, app_id=app_id)
    if held is None:
        held = _create(session, repository, check)
    elif not _is_same(held, check) or _count_sent(held, check) < len(check.annotations):
        held = _update(session, repository, check, held=held)
    while _count_sent(held, check) < len(check.annotations):
        held = _update(session, repository, check, held=held)
    return held


def _count_sent(held: CheckReply, check: CheckRun) -> int:
    return min(held.output.annotations_count, len(check.annotations))


def _create(session: Session, repository: Repository, check: CheckRun) -> CheckReply:
    path = make_path("repos", repository.owner, repository.name, "check-runs")
    body = {"name": check.name, "head_sha": check.sha, "external_id": check.external_id}
    made = {**body, **_make_state(check), "output": _make_output(check, sent=0)}
    return _note_sent(session.write(CheckReply, "POST", path, body=made), check, sent=0)


def _find(session: Session, repository: Repository, check: CheckRun, *, app_id: int) -> CheckReply | None:
    path = make_path("repos", repository.owner, repository.name, "commits", check.sha, "check-runs")
    query = {"app_id": str(app_id), "check_name": check.name, "filter": "all"}
    listed = session.pages(CheckReply, path, query=query, key="check_runs")
    return next((run for run in listed if run.external_id == check.external_id), None)


def _update(session: Session, repository: Repository, check: CheckRun, *, held: CheckReply) -> CheckReply:
    path = make_path("repos", repository.owner, repository.name, "check-runs", held.id)
    sent = _count_sent(held, check)
    body = {**_make_state(check), "output": _make_output(check, sent=sent)}
    return _note_sent(session.write(CheckReply, "PATCH", path, body=body), check, sent=sent)


def _note_sent(held: CheckReply, check: CheckRun, *, sent: int) -> CheckReply:
    """The answer with our own count: GitHub counts what it took a moment later."""
    count = min(sent + ANNOTATIONS_PER_CALL, len(check.annotations))
    return held.model_copy(update={"output": held.output.model_copy(update={"annotations_count": count})})


def _make_state(check: CheckRun) -> dict[str, object]:
    actions = [
        {"label": label, "description": description, "identifier": identifier}
        for label, description, identifier in check.actions
    ]
    state: dict[str, object] = {"status": check.status, "details_url": check.details_url, "actions": actions}
    return state if check.conclusion is None else {**state, "conclusion": check.conclusion}


def _make_output(check: CheckRun, *, sent: int) -> dict[str, object]:
    output: dict[str, object] = {"title": check.title, "summary": check.summary}
    if check.text:
        output["text"] = check.text
    chunk = check.annotations[sent : sent + ANNOTATIONS_PER_CALL]
    if chunk:
        output["annotations"] = [_make_annotation(annotation) for annotation in chunk]
    return output


def _make_annotation(annotation: Annotation) -> dict[str, object]:
    made: dict[str, object] = {
        "path": annotation.path,
        "start_line": annotation.line,
        "end_line": annotation.line,
        "annotation_level": annotation.level,
        "message": annotation.message,
    }
    if annotation.column is not None:
        made.update(start_column=annotation.column, end_column=annotation.column)
    if annotation.title:
        made["title"] = annotation.title
    return made


def _is_same(found: CheckReply, check: CheckRun) -> bool:
    output = found.output
    held = (found.status, found.conclusion, found.details_url, output.title, output.summary, output.text or "")
    return held == (check.status, check.conclusion, check.details_url, check.title, check.summary, check.text)
