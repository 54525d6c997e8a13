"""The pull request to a hub: one open per source repository and hub, holding all its images, edited in place.

Nothing is written before the hub consented and the edit was made on the branch's newest state. A branch that a person
pushed to is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hublish.builders.sourcefiles import read_source_file
from hublish.catalogs.entry import CatalogEdit, Entry, Pin, make_image_name
from hublish.catalogs.imagestream import edit_imagestream
from hublish.catalogs.kustomization import NAMES as KUSTOMIZATION_NAMES
from hublish.core.answers.pull_request import (
    EntryAction,
    ListedImage,
    PullRequestReport,
    make_lock_changes,
    render_action,
    render_body,
    render_commit_message,
    render_title,
)
from hublish.core.answers.report import HubReport
from hublish.core.codec import parse_value
from hublish.core.github.consent import CONSENT_PATH, HubRule, check_consent, parse_hub_consent
from hublish.core.github.trigger import Trigger
from hublish.core.ports import Source
from hublish.core.reference import Reference, parse_reference
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.errors import CatalogInvalid, HublishError, NotAllowed, PullRequestTaken, SourceMissing, clip
from hublish.workflows.ownbranch import ensure_proposal
from hublish.workflows.prepared import Delivered, Prepared
from hublish.workflows.releaseorder import find_newer_proposal, find_newer_runs
from hublish.workflows.services import Hub, Services

YAML_SUFFIXES = (".yaml", ".yml")


class Proposal:
    """Makes and updates pull requests to hubs."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, run_id: str, prepared: Prepared, hub_name: str, images: tuple[Delivered, ...]) -> HubReport:
        """Propose a run's images to one hub; safe to repeat.

        Raises:
            NotAllowed: the hub is not known, the App not installed there, or the hub did not consent.
            CatalogInvalid: the list cannot be edited without touching other bytes.
            PullRequestTaken: a person pushed to the branch.
            GitHubFailed: GitHub failed.
        """
        run = self._services.runs.read_run(run_id)
        if run is None or prepared.ref is None:
            raise SourceMissing(f"there is no run {run_id} with a commit")
        trigger = parse_value(Trigger, run.trigger)
        hub = find_hub(self._services.policy.hubs, hub_name)
        verify_pin(hub, images)
        repository = self._open_repository(hub)
        head = self._services.hub_repository.fetch_head(repository, hub.branch)
        source = self._fetch_source(hub, repository, head)
        listing = _read_list(hub, source)
        rules = self._read_rules(hub, repository, source)
        listed: list[ListedImage] = []
        changed: dict[str, str] = {}
        for image in images:
            entry = make_entry(hub, trigger, prepared.ref, image, web_url=self._services.policy.web_url)
            edit = edit_imagestream({**listing, **changed}, folder=hub.folder, entry=entry)
            refusal = check_consent(
                rules, source_repo=trigger.repository.full_name, image_name=entry.image_name, file=edit.path
            )
            if refusal is not None:
                raise NotAllowed(refusal, hint=f"a maintainer of {hub.repo} can allow it in {CONSENT_PATH}")
            changed |= edit.changes
            listed.append(self._describe(entry, edit, image))
        if not changed:
            return HubReport(hub=hub.name, url=None, number=None, detail="lists this image already", ok=True)
        report = self._make_report(run_id, trigger, prepared.ref, tuple(listed))
        files = {path: text.encode() for path, text in changed.items()}
        branch = make_branch(trigger.repository.full_name)
        # Two releases that end at once would take each other's commit for a person's.
        with self._services.hold(f"{branch} of {hub.repo}"):
            newer = find_newer_runs(self._services.runs, run, prepared.ref.name)
            left = find_newer_proposal(
                self._services.hub_repository, repository, newer, hub=hub.name, branch=branch, base=hub.branch
            )
            return left or self._ensure_pull_request(
                hub, repository, branch=branch, head=head, files=files, report=report
            )

    def _open_repository(self, hub: Hub) -> Repository:
        installation = self._services.reader.find_installation(hub.repo)
        if installation is None:
            raise NotAllowed(
                f"the App is not installed on {hub.repo}, where the hub {hub.name} keeps its list",
                hint=f"an owner of {hub.repo} installs the App there",
            )
        return self._services.reader.fetch_repository(installation, hub.repo)

    def _fetch_source(self, hub: Hub, repository: Repository, head: str) -> Source:
        ref = ResolvedRef(name=hub.branch, kind=RefKind.BRANCH, sha=head)
        return self._services.sources.fetch_source(repository, ref)

    def _read_rules(self, hub: Hub, repository: Repository, source: Source) -> tuple[HubRule, ...]:
        at_head = hub.branch == repository.default_branch
        if at_head and CONSENT_PATH in source.tree.paths:
            body: bytes | None = read_source_file(source, CONSENT_PATH)
        elif at_head and hub.accept and not source.tree.findings:
            body = None
        else:
            # A tarball may leave the file out (export-ignore); GitHub is asked where that would cost a consent.
            body = self._services.reader.fetch_file(repository, CONSENT_PATH, repository.default_branch)
        consent = parse_hub_consent(body, path=CONSENT_PATH)
        if not hub.accept and consent.findings:
            finding = consent.findings[0]
            raise NotAllowed(
                f"{hub.repo} has a {CONSENT_PATH} that cannot be read: {finding.place}: {finding.message}",
                hint=f"a maintainer of {hub.repo} corrects the file",
            )
        return (*hub.accept, *consent.rules)

    def _make_report(
        self, run_id: str, trigger: Trigger, ref: ResolvedRef, listed: tuple[ListedImage, ...]
    ) -> PullRequestReport:
        policy = self._services.policy
        return PullRequestReport(
            run_id=run_id,
            run_url=f"{policy.public_url}/runs/{run_id}",
            source_repo=trigger.repository.full_name,
            source_url=f"{policy.web_url}/{trigger.repository.full_name}",
            release=ref.name,
            commit=ref.sha,
            actor=trigger.actor,
            images=listed,
            smoke=None,
        )

    def _describe(self, entry: Entry, edit: CatalogEdit, image: Delivered) -> ListedImage:
        previous = None if edit.previous is None else self._find_previous(edit.previous)
        record = (
            None
            if previous is None or previous.digest is None
            else self._services.image_records.find_image(image.prepared.name, previous.digest)
        )
        return ListedImage(
            image_name=entry.image_name,
            action=edit.action,
            path=edit.path,
            reference=replace(entry.reference, tag=entry.release_tag),
            size_bytes=image.size_bytes,
            previous=previous,
            previous_size_bytes=None if record is None else record.size_bytes,
            changes=None if record is None else make_lock_changes(record.packages, image.packages),
            remarks=edit.remarks,
        )

    def _find_previous(self, reference: Reference) -> Reference:
        """What the list named before, by digest; a tag is resolved now, as nobody knows what it once was."""
        if reference.digest is not None:
            return reference
        try:
            manifest = self._services.images.fetch_manifest(reference)
        except HublishError as error:
            if error.transient:
                raise
            manifest = None  # a list may name a registry that this service may not ask
        return reference if manifest is None else replace(reference, digest=manifest.digest)

    def _ensure_pull_request(
        self,
        hub: Hub,
        repository: Repository,
        *,
        branch: str,
        head: str,
        files: dict[str, bytes],
        report: PullRequestReport,
    ) -> HubReport:
        pull_request = ensure_proposal(
            self._services.hub_repository,
            repository,
            branch=branch,
            base=hub.branch,
            base_sha=head,
            files=files,
            message=render_commit_message(report),
            title=render_title(report),
            body=render_body(report),
            taken=PullRequestTaken(
                f"somebody pushed to {branch} in {hub.repo}; hublish leaves it alone",
                hint="merge or close that pull request and delete its branch, then publish the release again",
            ),
        )
        done = "; ".join(render_action(image) for image in report.images if image.action is not EntryAction.UNCHANGED)
        return HubReport(hub=hub.name, url=pull_request.url, number=pull_request.number, detail=done, ok=True)


def _read_list(hub: Hub, source: Source) -> dict[str, str]:
    return {
        file.path: _read_text(source, file.path)
        for file in source.tree.files
        if file.link is None and is_list_file(file.path, folder=hub.folder)
    }


def make_entry(hub: Hub, trigger: Trigger, ref: ResolvedRef, image: Delivered, *, web_url: str) -> Entry:
    """Make the entry that a delivered image is to have in a hub's list.

    Args:
        hub: whose list.
        trigger: names the source repository.
        ref: what was built.
        image: what stands in the registry.
        web_url: root of links to GitHub's pages.
    """
    reference = parse_reference(image.prepared.name)
    return Entry(
        image_name=make_image_name(reference),
        title=image.prepared.title,
        description=f"Notebook image of {trigger.repository.full_name}.",
        source_url=f"{web_url}/{trigger.repository.full_name}",
        reference=reference.with_digest(image.digest),
        release_tag=image.prepared.fixed_tags[0] if image.prepared.fixed_tags else ref.name,
        pin=Pin(hub.pin),
        commit=ref.sha,
        # A floating tag that stayed at a newer release in the registry stays there in the list as well.
        floating_tags=tuple(tag for tag in image.prepared.floating_tags if tag in image.tags),
        resources=image.prepared.resources,
        software=(("Python", image.prepared.python_version),) if image.prepared.python_version else (),
    )


def is_list_file(path: str, *, folder: str) -> bool:
    """Tell whether a file belongs to a hub's list: YAML right in its folder, or a kustomization by any of its names."""
    parent, _, name = path.rpartition("/")
    return parent == folder and (name.endswith(YAML_SUFFIXES) or name in KUSTOMIZATION_NAMES)


def find_hub(hubs: Mapping[str, Hub], name: str) -> Hub:
    """The hub of that name.

    Raises:
        NotAllowed: the operator's settings know no such hub.
    """
    if name not in hubs:
        known = ", ".join(sorted(hubs)) or "none"
        raise NotAllowed(
            f"the hub {name} is not in this service's settings; known: {known}",
            hint="correct `hubs` in the config, or ask the operator",
        )
    return hubs[name]


def verify_pin(hub: Hub, images: tuple[Delivered, ...]) -> None:
    """Make sure that a hub that lists tags is given tags that name one release.

    Raises:
        NotAllowed: an image of the config has no such tag.
    """
    for image in images:
        if hub.pin == Pin.TAG.value and not image.prepared.fixed_tags:
            raise NotAllowed(
                f"the hub {hub.name} lists images by tag, and no tag of {image.prepared.title} names the release",
                hint='add "{release}" to the tags of the image in the config',
            )


def make_branch(source_repo: str) -> str:
    """The branch of a source repository in a hub's repository.

    A login never holds two dashes in a row, so `owner--name` names one repository only, where `a-b-c` could be two.
    """
    return "hublish/" + source_repo.replace("/", "--")


def _read_text(source: Source, path: str) -> str:
    try:
        return read_source_file(source, path).decode()
    except UnicodeDecodeError as error:
        raise CatalogInvalid(f"{clip(path)}: not UTF-8 at byte {error.start}", hint="save the file as UTF-8") from error
