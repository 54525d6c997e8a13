"""What the pull request to a hub says: its title, its body, its commit's message. Values in, text out.

Short and exact: what a reviewer of the list needs to decide, and how to undo it. Every text from a repository or a
person goes through `hublish.core.answers.markdown`. The body holds a marker, an HTML comment with the run's id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from hublish.core.answers.markdown import cell, code_span, escape_inline, link, no_mention
from hublish.core.answers.report import NOT_SMOKE_TESTED, SHORT_SHA, make_marker
from hublish.core.measures import render_bytes
from hublish.core.reference import Reference

BODY_LIMIT_CHARACTERS = 60_000
TITLE_LIMIT_CHARACTERS = 120
# How many packages of an image and how many images are shown, the first cut that fits.
_CUTS = ((200, 30), (20, 30), (0, 30), (0, 0))
_FOLDED_ROWS = 10
_REFERENCE_LIMIT = 512


class EntryAction(Enum):
    """What a pull request does to one entry of a hub's list."""

    CREATE = "create"
    ADD_TAG = "add-tag"
    MOVE_TAG = "move-tag"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageChange:
    """One package that differs between two images: `old` is None when it is new, `new` is None when it is gone."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedImage:
    """One image of a pull request.

    Attributes:
        image_name: name of its entry.
        action: what is done to the entry.
        path: the entry's file in the hub's repository.
        reference: the image with tag and digest.
        size_bytes: compressed size.
        previous: what users of the entry had before, pinned by digest where that is known; None for a new entry.
        previous_size_bytes: its compressed size; None when unknown.
        changes: packages that differ from `previous`; None when its lock is not known.
        remarks: sentences on what a person should look at.
    """

    image_name: str
    action: EntryAction
    path: str
    reference: Reference
    size_bytes: int
    previous: Reference | None = None
    previous_size_bytes: int | None = None
    changes: tuple[PackageChange, ...] | None = None
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestReport:
    """Everything a pull request says.

    Attributes:
        run_id: the run that proposes it.
        run_url: its page.
        source_repo: `owner/name`.
        source_url: page of the source repository, without a final slash.
        release: the release's tag.
        commit: 40 hex digits.
        actor: login of who started the run.
        images: at least one; those that are unchanged are left out of title and body.
        smoke: the verdict of the smoke test; None when there was none.
    """

    run_id: str
    run_url: str
    source_repo: str
    source_url: str
    release: str
    commit: str
    actor: str
    images: tuple[ListedImage, ...]
    smoke: str | None = None


def make_lock_changes(
    old: tuple[tuple[str, str], ...] | None, new: tuple[tuple[str, str], ...]
) -> tuple[PackageChange, ...] | None:
    """Compare what two images have installed.

    Args:
        old: `(name, version)` of the listed image; None when that is not known.
        new: `(name, version)` of the new image.

    Returns:
        The differences by name; None when `old` is not known.
    """
    if old is None:
        return None
    before, after = dict(old), dict(new)
    return tuple(
        PackageChange(name=name, old=before.get(name), new=after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    )


def render_title(report: PullRequestReport) -> str:
    """Render the title: what is listed, in which release."""
    images = _find_changed(report)
    names = " and ".join(image.image_name for image in images[:2])
    subject = names if len(images) <= 2 else f"{len(images)} images of {report.source_repo}"  # noqa: PLR2004  # two read well
    if all(image.action is EntryAction.CREATE for image in images):
        return no_mention(f"List {subject} {report.release}", limit=TITLE_LIMIT_CHARACTERS)
    return no_mention(f"Update {subject} to {report.release}", limit=TITLE_LIMIT_CHARACTERS)


def render_action(image: ListedImage) -> str:
    """Render what is done to an entry, as part of a sentence in plain text: "adds the tag v2 to ts"."""
    tag = image.reference.tag or "of the release"
    match image.action:
        case EntryAction.CREATE:
            return f"lists {image.image_name} with the tag {tag}"
        case EntryAction.ADD_TAG:
            return f"adds the tag {tag} to {image.image_name}"
        case EntryAction.MOVE_TAG:
            return f"moves the tag {tag} of {image.image_name}"
        case _:
            return f"leaves {image.image_name} as it is: the list names this image already"


def render_body(report: PullRequestReport) -> str:
    """Render the body, at most 60,000 characters; long lists of packages are cut first."""
    bodies = (_render_body(report, row_limit=rows, image_limit=images) for rows, images in _CUTS)
    # The last cut names no image at all, so that one of them always fits.
    return next(body for body in bodies if len(body) <= BODY_LIMIT_CHARACTERS)


def render_commit_message(report: PullRequestReport) -> str:
    """Render the commit's message: the title, then image and origin, one per line; without a sign-off."""
    lines = [render_title(report), ""]
    lines += [f"Image: {image.reference}" for image in _find_changed(report)]
    lines += [f"Source: {no_mention(report.source_repo)} at {report.commit}", f"Run: {report.run_id}"]
    return "\n".join(lines) + "\n"


def _render_body(report: PullRequestReport, *, row_limit: int, image_limit: int) -> str:
    images = _find_changed(report)
    source = link(report.source_repo, report.source_url)
    lines = [f"Release {code_span(report.release)} of {source}, started by {code_span(report.actor)}."]
    for image in images[:image_limit]:
        lines += ["", *_render_image(report, image, row_limit=row_limit)]
    if len(images) > image_limit:
        lines += ["", f"The files show {len(images) - image_limit} more images."]
    return "\n".join(
        [*lines, "", link("Steps and log", report.run_url), "", make_marker(report.run_id, "pull-request")]
    )


def _render_image(report: PullRequestReport, image: ListedImage, *, row_limit: int) -> list[str]:
    action = render_action(image)
    tagged = replace(image.reference, digest=None)
    commit = link(report.commit[:SHORT_SHA], f"{report.source_url}/commit/{report.commit}")
    rows = [
        ("image", cell(str(tagged), limit=_REFERENCE_LIMIT)),
        ("digest", cell(image.reference.digest or "")),
        ("size", _render_size(image)),
        ("listed before", "nothing" if image.previous is None else cell(str(image.previous), limit=_REFERENCE_LIMIT)),
        ("source", commit),
        ("smoke test", NOT_SMOKE_TESTED if report.smoke is None else escape_inline(report.smoke)),
    ]
    lines = [f"**{escape_inline(action[0].upper() + action[1:])}** in {code_span(image.path)}.", ""]
    lines += ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows)]
    lines += ["", *_render_changes(image, row_limit=row_limit)]
    lines += ["", *(f"- {escape_inline(remark, limit=512)}" for remark in image.remarks)] if image.remarks else []
    return [*lines, "", f"**To undo:** {_render_undo(image)}"]


def _render_size(image: ListedImage) -> str:
    size = render_bytes(image.size_bytes)
    if image.previous_size_bytes is None:
        return size
    difference = image.size_bytes - image.previous_size_bytes
    if difference == 0:
        return f"{size}, as before"
    return f"{size}, {render_bytes(abs(difference))} {'more' if difference > 0 else 'less'} than before"


def _render_changes(image: ListedImage, *, row_limit: int) -> list[str]:
    if image.previous is None:
        return ["**Packages:** this is the first image of this entry."]
    if image.changes is None:
        return ["**Packages:** the lock of the image listed before is not known here."]
    if not image.changes:
        return ["**Packages:** none changed."]
    counts = ", ".join(f"{count} {word}" for word, count in _count(image.changes) if count)
    shown = image.changes[:row_limit]
    rows = [f"| {cell(change.name)} | {_version(change.old)} | {_version(change.new)} |" for change in shown]
    table = ["| package | before | now |", "| --- | --- | --- |", *rows] if rows else []
    if rows and len(shown) < len(image.changes):
        table += ["", f"{len(image.changes) - len(shown)} more are not shown."]
    if len(rows) > _FOLDED_ROWS:
        table = ["<details><summary>Show them</summary>", "", *table, "", "</details>"]
    return [f"**Packages:** {counts}.", *(["", *table] if table else [])]


def _count(changes: tuple[PackageChange, ...]) -> list[tuple[str, int]]:
    added = sum(change.old is None for change in changes)
    removed = sum(change.new is None for change in changes)
    return [("changed", len(changes) - added - removed), ("added", added), ("removed", removed)]


def _version(version: str | None) -> str:
    return "" if version is None else cell(version)


def _render_undo(image: ListedImage) -> str:
    revert = "close this pull request; once it is merged, revert it"
    match image.action:
        case EntryAction.MOVE_TAG if image.previous is not None:
            return f"{revert}, and the tag names {code_span(str(image.previous), limit=_REFERENCE_LIMIT)} again."
        case EntryAction.CREATE:
            return f"{revert}, and the image leaves the list. It stays in its registry."
        case _:
            return f"{revert}, and the entry is as it was before. The image stays in its registry."


def _find_changed(report: PullRequestReport) -> tuple[ListedImage, ...]:
    changed = tuple(image for image in report.images if image.action is not EntryAction.UNCHANGED)
    return changed or report.images
