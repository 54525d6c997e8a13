"""The tags of a delivered image: the manifest of the build, put under the release's tag and the floating ones.

A tag is only set when it is still meant: the git tag must stand where it stood when the build was planned, the image's
repository must belong to this source repository, a floating tag never goes back to an older release, and the tag of a pull
request never to an older head.
"""

from __future__ import annotations

from dataclasses import replace

from hublish.core.building import BuildSucceeded
from hublish.core.codec import parse_value
from hublish.core.github.trigger import Trigger
from hublish.core.imagerecords import ImageRecord
from hublish.core.records import Build, Run
from hublish.core.reference import Reference, parse_reference
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.errors import BuildFailed, NotAllowed, RegistryFailed, SourceInvalid, SourceMissing
from hublish.workflows.prepared import Delivered, PreparedImage
from hublish.workflows.releaseorder import compare_releases, find_newer_runs, is_prerelease
from hublish.workflows.services import Services


def publish_unmoved(
    services: Services, run_id: str, ref: ResolvedRef | None, image: PreparedImage, *, build: str
) -> Delivered:
    """Set the tags of one image of a run, if what was built is still what its ref means; see the functions below."""
    run = services.runs.read_run(run_id)
    if run is None or ref is None:
        raise SourceMissing(f"there is no run {run_id} with a commit")
    trigger = parse_value(Trigger, run.trigger)
    verify_same_owner(services, trigger.repository)
    verify_ref_unmoved(services, trigger, ref)
    return publish_image(services, run, ref, image, build=build)


def verify_same_owner(services: Services, repository: Repository) -> None:
    """Make sure that a repository belongs to whom it belonged to when the build was asked for.

    Where it may push, and what it may build on, is given to the owner by login: whoever got the repository since, or would
    have an old request repeated, has no part in it.

    Raises:
        NotAllowed: it was transferred.
        SourceMissing: the App cannot see it any more.
    """
    if repository.owner_id is None or services.reader.fetch_owner_id(repository) == repository.owner_id:
        return
    raise NotAllowed(
        f"{repository.full_name} was transferred to another owner since this was asked for",
        hint="ask again under its new name",
    )


def verify_ref_unmoved(services: Services, trigger: Trigger, ref: ResolvedRef) -> None:
    """Make sure that a tag still points at the commit that was built.

    Raises:
        SourceInvalid: the tag moved.
        SourceMissing: the tag is gone.
    """
    if ref.kind is not RefKind.TAG:
        return
    try:
        now = services.reader.resolve_ref(trigger.repository, ref.name, kind=RefKind.TAG.value)
    except SourceMissing as error:
        raise SourceMissing(
            f"the tag {ref.name} pointed at {ref.sha} when the build began and is gone now, so nothing is published",
            hint="push the tag again and publish its release, if it was not taken back on purpose",
        ) from error
    if now.sha != ref.sha:
        raise SourceInvalid(
            f"the tag {ref.name} pointed at {ref.sha} when the build began and points at {now.sha} now",
            hint="publish the release again, under a new tag if the old one was used",
        )


def publish_image(services: Services, run: Run, ref: ResolvedRef, image: PreparedImage, *, build: str) -> Delivered:
    """Set the tags of one image, if it was pushed at all; safe to repeat.

    Args:
        services: the ports.
        run: the run that delivers it; a build that began before it is an earlier one.
        ref: what was built.
        image: what is wanted.
        build: name of the build that made it.
    Raises:
        NotAllowed: the image's repository belongs to another source repository.
        RegistryFailed: the registry refused, or holds another digest than the build reported.
        DatabaseFailed: another run is still setting tags of the same repository.
    """
    trigger = parse_value(Trigger, run.trigger)
    record = services.builds.read_build(build)
    if record is None or not isinstance(record.outcome, BuildSucceeded):
        raise BuildFailed(f"{build} has no image", hint="start the build again")
    outcome = record.outcome
    delivered = _make_delivered(run, image, record, outcome)
    if not image.pushed:
        return delivered
    repository = parse_reference(image.name)
    verify_owner(services, repository, trigger, claim=True)
    # Between the look at a floating tag and its move no other release may do the same: the older one would win.
    with services.image_records.hold_repository(image.name):
        tags, kept = (
            _set_tags(
                services, repository, image, outcome.digest, run=run, release=ref.name, prerelease=trigger.prerelease
            )
            if ref.kind is not RefKind.PULL_REQUEST
            else _set_pull_request_tags(services, trigger, ref, image, outcome.digest)
        )
    services.image_records.record_image(
        image.name,
        ImageRecord(digest=outcome.digest, size_bytes=outcome.size_bytes, packages=outcome.packages, commit=ref.sha),
        at=services.now(),
    )
    return replace(delivered, tags=tags, kept_tags=kept)


def verify_owner(services: Services, repository: Reference, trigger: Trigger, *, claim: bool) -> None:
    """Make sure that an image repository belongs to the source repository, or to nobody yet.

    Raises:
        NotAllowed: another source repository pushed to it first.
    """
    repo_id = trigger.repository.id
    if claim:
        owner: int | None = services.image_records.claim_owner(repository.name, repo_id, at=services.now())
    else:
        owner = services.image_records.find_owner(repository.name)
    if owner is not None and owner != repo_id:
        raise NotAllowed(
            f"{repository.name} belongs to another source repository (id {owner}), which pushed to it first",
            hint="use another image name, or ask the operator to move the image",
        )


def _make_delivered(run: Run, image: PreparedImage, record: Build, outcome: BuildSucceeded) -> Delivered:
    """What a build came to, before any tag is set; what an earlier build took is not counted to this run."""
    own = record.ended_at is not None and record.started_at >= run.created_at
    seconds = (record.ended_at - record.started_at).total_seconds() if own and record.ended_at is not None else None
    return Delivered(
        prepared=image,
        digest=outcome.digest,
        size_bytes=outcome.size_bytes,
        layers=len(outcome.layers),
        uploaded_bytes=outcome.uploaded_bytes if own else None,
        seconds=seconds,
        tags=(),
        kept_tags=(),
        packages=outcome.packages,
    )


def _set_pull_request_tags(
    services: Services, trigger: Trigger, ref: ResolvedRef, image: PreparedImage, digest: str
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Set `pr-<number>`, unless it means something else; the run of a newer head waits until this is decided."""
    (tag,) = image.fixed_tags
    reason = _find_reason_against(services, trigger, ref, tag, delivered_tags=image.delivered_tags)
    if reason is not None:
        return (), ((tag, reason),)
    return _set_tags(services, parse_reference(image.name), image, digest, run=None, release="", prerelease=True)


def _find_reason_against(
    services: Services, trigger: Trigger, ref: ResolvedRef, tag: str, *, delivered_tags: tuple[str, ...]
) -> str | None:
    """Why a pull request does not get its tag; None where it does.

    Whoever opens one must not replace a release's image, and the tag must not go back to a commit that is its head no more.
    """
    now = services.reader.resolve_ref(trigger.repository, ref.name, kind=RefKind.PULL_REQUEST.value)
    if now.closed:
        return f"pull request {ref.name} is closed"
    if now.sha != ref.sha:
        return f"pull request {ref.name} was at {ref.sha} when the build began and is at {now.sha} now"
    try:
        services.reader.resolve_ref(trigger.repository, tag, kind=RefKind.TAG.value)
    except SourceMissing:
        if tag not in delivered_tags:
            return None
    return "a release of the repository has this tag"


def _set_tags(
    services: Services,
    repository: Reference,
    image: PreparedImage,
    digest: str,
    *,
    run: Run | None,
    release: str,
    prerelease: bool,
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    manifest = services.images.fetch_manifest(repository.with_digest(digest))
    if manifest is None:
        raise RegistryFailed(
            f"{repository.with_digest(digest)} was pushed and is gone",
            hint="look at the registry's garbage collection, then build again",
        )
    tags: list[str] = []
    kept: list[tuple[str, str]] = []
    for tag in image.fixed_tags:
        services.output.ensure_manifest(repository.with_tag(tag), body=manifest.body, media_type=manifest.media_type)
        tags.append(tag)
    for tag in image.floating_tags:
        reason = _find_reason_to_keep(services, repository, tag, release, run=run, prerelease=prerelease)
        if reason is not None:
            kept.append((tag, reason))
            continue
        services.output.ensure_manifest(repository.with_tag(tag), body=manifest.body, media_type=manifest.media_type)
        services.image_records.record_release(repository.name, tag, release, at=services.now())
        tags.append(tag)
    return tuple(tags), tuple(kept)


def _find_reason_to_keep(
    services: Services, repository: Reference, tag: str, release: str, *, run: Run | None, prerelease: bool
) -> str | None:
    """Why a floating tag stays where it is; None when it may move to this release."""
    if prerelease or is_prerelease(release):
        return "a pre-release does not move it"
    current = services.image_records.find_release(repository.name, tag)
    newer = False if current is None else compare_releases(current, release)
    if newer is None and run is not None:
        newer = any(other.ref == current for other in find_newer_runs(services.runs, run, release))
    return f"it points at {current}, which is newer" if newer else None
