"""Repositories that the App was given: each looked at once, and one pull request with a config where something can be built.

What waits is in the database: a crash loses nothing, and what it interrupted is looked up before it is done again. A pull
request from the branch, in whatever state, is the end of it: what a person closed is not opened a second time. Pull
requests come slowly, so that an installation on hundreds of repositories stays readable.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from hublish.core.answers.onboarding import TITLE, Welcome, render_welcome, render_welcome_message
from hublish.core.config.allowed import check_allowed
from hublish.core.config.file import CONFIG_PATH
from hublish.core.config.values import Config
from hublish.core.finding import Finding
from hublish.core.github.consent import takes_repository
from hublish.core.github.pushing import OWN_BRANCHES
from hublish.core.inspection import Inspection, inspect_files
from hublish.core.namespaces import check_namespace
from hublish.core.onboarding.draft import Draft, Holdings, draft_config, find_config
from hublish.core.onboarding.form import FORM_PATH, OLD_FORM_PATHS, render_form
from hublish.core.onboarding.ports import Newcomer, NewcomerState
from hublish.core.onboarding.target import choose_target
from hublish.core.redact import redact
from hublish.core.reference import Reference
from hublish.core.repository import Repository
from hublish.errors import GitHubFailed, HublishError, PullRequestTaken, SourceMissing, clip
from hublish.telemetry import get_logger
from hublish.workflows.durable import LONGEST_WAIT_SECONDS, make_fault
from hublish.workflows.ownbranch import ensure_proposal
from hublish.workflows.rounds import Rounds
from hublish.workflows.services import Services

BRANCH = f"{OWN_BRANCHES}onboarding"
LOOK_SECONDS = 5.0
HOUR = timedelta(hours=1)
TRIES = 12
"""Looks that may fail, a minute apart at first and an hour at last: half a day of outage is waited out."""
FIRST_PAUSE_SECONDS = 60.0


_PASSED = {
    "fork": "it is a fork",
    "archived": "it is archived",
    "proposed": "it had its pull request before",
    "empty": "it is empty",
    "large": "it holds more files than GitHub lists",
    "nothing": "it holds nothing that could be built",
    "unusable": "no config could be written for it",
}

_log = get_logger(__name__)


class Onboarding:
    """Looks at newcomers in a thread of its own, one after the other."""

    def __init__(self, services: Services) -> None:
        """Nothing starts here."""
        self._services = services
        self._rounds = Rounds("onboarding", self.look, seconds=LOOK_SECONDS)

    def start(self) -> None:
        """Start looking."""
        self._rounds.start()

    def wake(self) -> None:
        """Say that repositories came."""
        self._rounds.wake()

    def stop(self) -> None:
        """Stop after the repository at hand."""
        self._rounds.stop()

    def look(self) -> int:
        """Look at all that are due, as far as the hour's pull requests go; returns how many came to an end."""
        services = self._services
        if services.newcomers.find_due_newcomer(services.now()) is None:
            return 0
        # Two replicas at once would take each other's branch for a person's.
        with services.hold_duty("onboarding") as free:
            return self._look() if free else 0

    def _look(self) -> int:
        records, ended = self._services.newcomers, 0
        while not self._rounds.is_stopping:
            now = self._services.now()
            if records.count_proposals(now - HOUR) >= self._services.policy.proposals_per_hour:
                break
            newcomer = records.find_due_newcomer(now)
            if newcomer is None:
                break
            ended += self._take(newcomer)
        return ended

    def _take(self, newcomer: Newcomer) -> bool:
        services = self._services
        try:
            state, reason = self.welcome(newcomer)
        except HublishError as error:
            if error.transient and newcomer.tries + 1 < TRIES:
                until = services.now() + timedelta(seconds=_find_pause(newcomer, error))
                services.newcomers.put_off_newcomer(newcomer.repo_id, until=until)
                _log.warning("onboarding put off", repository=newcomer.full_name, code=error.code, error=error.message)
                return False
            state, reason = NewcomerState.FAILED, f"{error.code}: {error.message}"
        except Exception as error:  # noqa: BLE001  # a boundary: one repository must not stand in the way of others
            _log.exception("onboarding failed unexpectedly", repository=newcomer.full_name)
            state, reason = NewcomerState.FAILED, make_fault(error).message
        reason = clip(redact(reason))
        services.newcomers.finish_newcomer(newcomer.repo_id, state, reason=reason, at=services.now())
        _log.info("onboarding", repository=newcomer.full_name, state=state.value, reason=reason)
        return True

    def welcome(self, newcomer: Newcomer) -> tuple[NewcomerState, str]:
        """Look at one repository and propose a config where something can be built; returns its end, and why.

        Raises:
            HublishError: it could not be looked at.
        """
        services = self._services
        standing = services.standings.fetch_standing(newcomer)
        repository = standing.repository
        if standing.fork or standing.archived:
            return _pass("fork" if standing.fork else "archived")
        if services.standings.has_proposal(repository, BRANCH):
            return _pass("proposed")
        target = choose_target(services.policy.namespaces, owner=repository.owner, name=repository.name)
        if target is None:
            reason = f"no registry takes images of {repository.owner}; see `registries` in the settings"
            return NewcomerState.PASSED, reason
        try:
            sha = services.hub_repository.fetch_head(repository, repository.default_branch)
        except SourceMissing:
            return _pass("empty")
        paths = services.changes.list_files(repository, sha)
        return _pass("large") if paths is None else self._propose(repository, sha, paths, target)

    def _propose(
        self, repository: Repository, sha: str, paths: frozenset[str], target: Reference
    ) -> tuple[NewcomerState, str]:
        config = find_config(paths)
        if config is not None:
            return NewcomerState.PASSED, f"it has {config}"

        @cache
        def read(path: str) -> bytes | None:
            return self._services.reader.fetch_file(repository, path, sha) if path in paths else None

        policy = self._services.policy
        rules = ((name, hub.accept) for name, hub in sorted(policy.hubs.items()))
        held = Holdings(
            name=repository.name,
            paths=paths,
            read=read,
            target=target,
            bases=policy.bases,
            hubs=tuple(name for name, accept in rules if takes_repository(accept, repository.full_name)),
        )
        draft = draft_config(held)
        if draft is None:
            return _pass("nothing")
        inspection = self._inspect(held, draft)
        if inspection.config is None:
            return _pass("unusable")
        form = not {FORM_PATH, *OLD_FORM_PATHS} & paths
        files = {CONFIG_PATH: draft.text.encode(), **({FORM_PATH: render_form().encode()} if form else {})}
        welcome = Welcome(
            reasons=draft.reasons,
            left_out=draft.left_out,
            form=form,
            registry=self._probe(repository, inspection.config),
            findings=(*inspection.findings, *self._check_allowed(repository, inspection.config, draft)),
            hubs=draft.hubs,
            other_hubs=tuple(hub for hub in held.hubs if hub not in draft.hubs),
        )
        return self._open(repository, sha, files, render_welcome(welcome))

    def _open(self, repository: Repository, sha: str, files: dict[str, bytes], body: str) -> tuple[NewcomerState, str]:
        pull_request = ensure_proposal(
            self._services.hub_repository,
            repository,
            branch=BRANCH,
            base=repository.default_branch,
            base_sha=sha,
            files=files,
            message=render_welcome_message(),
            title=TITLE,
            body=body,
            taken=PullRequestTaken(f"somebody pushed to {BRANCH}; hublish leaves it alone"),
        )
        return NewcomerState.PROPOSED, f"pull request #{pull_request.number}"

    def _inspect(self, held: Holdings, draft: Draft) -> Inspection:
        """What a check of the commit will say, once it is there."""
        body = draft.text.encode()
        return inspect_files(
            has=lambda path: path == CONFIG_PATH or path in held.paths,
            read=lambda path: body if path == CONFIG_PATH else held.read(path),
            repository_name=held.name,
            default_index=self._services.policy.default_index,
        )

    def _check_allowed(self, repository: Repository, config: Config, draft: Draft) -> tuple[Finding, ...]:
        policy = self._services.policy
        return check_allowed(
            config,
            draft.text.encode(),
            owner=repository.owner,
            namespaces=policy.namespaces,
            hubs={name: hub.repo for name, hub in policy.hubs.items()},
        )

    def _probe(self, repository: Repository, config: Config) -> tuple[tuple[str, str], ...]:
        """Ask the registry for each image whether it takes a push; raises what may pass."""
        return tuple((image.reference.name, self._probe_one(repository, image.reference)) for image in config.images)

    def _probe_one(self, repository: Repository, reference: Reference) -> str:
        services = self._services
        # An old config may name anybody's image: nothing is asked, and nothing made, where the owner may not push.
        refusal = check_namespace(services.policy.namespaces, owner=repository.owner, reference=reference)
        if refusal is not None:
            return refusal
        if services.image_records.find_owner(reference.name) not in (None, repository.id):
            return "it belongs to another repository"
        try:
            services.repository_maker.ensure_repository(reference)
            services.push_probe.verify_push(reference)
        except HublishError as error:
            if error.transient:
                raise
            return redact(error.message)
        return ""


def _pass(why: str) -> tuple[NewcomerState, str]:
    return NewcomerState.PASSED, _PASSED[why]


def _find_pause(newcomer: Newcomer, error: HublishError) -> float:
    asked = error.retry_after_seconds if isinstance(error, GitHubFailed) else None
    return min(max(FIRST_PAUSE_SECONDS * 2.0**newcomer.tries, asked or 0.0), LONGEST_WAIT_SECONDS)
