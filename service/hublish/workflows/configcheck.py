"""The check of a commit's config and lock, made when a push or pull request touches them, or anew by "Re-run".

A stage of the run. Reads names and small files of the commit and nothing else: no tree is fetched, nothing is built, and a fork's commit is
read through the repository it wants to change. What is found is decided in core; here it is fetched and said, once for
each commit, however many branches and pull requests hold it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from hublish.core.answers.config_check import CHECK_NAME, Place, make_config_check, make_skipped_check
from hublish.core.codec import parse_value
from hublish.core.config.allowed import check_allowed
from hublish.core.config.file import choose_config_path
from hublish.core.github.ports import CheckRun
from hublish.core.github.trigger import Trigger, TriggerKind
from hublish.core.inspection import Inspection, concerns, inspect_config, inspect_files, may_concern
from hublish.core.redact import redact
from hublish.core.repository import Repository
from hublish.errors import HublishError, SourceInvalid, SourceMissing, clip
from hublish.workflows.asked import fetch_config
from hublish.workflows.services import Services

STEP = "check config"
UNCHANGED = "neither the config nor the lock changed"


class ConfigCheck:
    """Makes the check run "hublish config"."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, run_id: str) -> str:
        """Check the commit that a run's trigger brought, or whose checks are run again; safe to repeat.

        Returns:
            How the check ended: GitHub's conclusion, or why there is none; "" for a trigger that asks for no check.

        Raises:
            HublishError: GitHub refused or failed.
        """
        run = self._services.runs.read_run(run_id)
        if run is None:
            raise SourceMissing(f"there is no run {run_id}")
        trigger = parse_value(Trigger, run.trigger)
        sha = trigger.checked_sha
        if sha is None:
            return ""
        try:
            check = self._make_check(trigger, sha)
            if check is not None:
                self._say(trigger, check)
        except HublishError as error:
            self._note(run_id, "running" if error.transient else "failed", error.message)
            raise
        if check is None:
            return UNCHANGED
        self._note(run_id, "done", check.title)
        return check.conclusion or ""

    def _say(self, trigger: Trigger, check: CheckRun) -> None:
        # A push and a pull request of one commit come at once; the second one must find what the first one made.
        with self._services.hold(f"{CHECK_NAME} {trigger.repository.id} {check.sha}"):
            if trigger.kind is TriggerKind.CHECK:
                # Without a change in between, nobody would see that what stands there was made anew. The annotations go
                # along, because GitHub only ever adds some: those that are there are counted.
                begun = replace(check, status="in_progress", conclusion=None, title="Checking again")
                self._services.conversation.ensure_check_run(trigger.repository, begun)
            self._services.conversation.ensure_check_run(trigger.repository, check)

    def _note(self, run_id: str, state: str, detail: str) -> None:
        steps, at = self._services.steps, self._services.now()
        steps.ensure_step(run_id, STEP, state=state, detail=clip(redact(detail)), at=at)

    def _make_check(self, trigger: Trigger, sha: str) -> CheckRun | None:
        repository = trigger.repository
        changed = self._list_changes(trigger, sha)
        if changed is not None and not any(may_concern(path) for path in changed):
            return None
        place = Place(
            sha=sha,
            default_branch=repository.default_branch,
            url=f"{self._services.policy.web_url}/{repository.full_name}",
        )
        try:
            inspection = self._inspect(repository, sha, changed)
        except SourceInvalid as error:
            return make_skipped_check(error.message, place=place)
        if inspection is None:
            return None
        published = inspection if _is_default(trigger) else self._read_published(repository)
        return make_config_check(inspection, published=published, place=place)

    def _list_changes(self, trigger: Trigger, sha: str) -> frozenset[str] | None:
        if trigger.base is None:
            return None
        return self._services.changes.list_changes(trigger.repository, base=trigger.base, sha=sha)

    def _inspect(self, repository: Repository, sha: str, changed: frozenset[str] | None) -> Inspection | None:
        """Inspect the commit; None when what changed turns out to be neither its config nor its lock."""
        files = self._services.changes.list_files(repository, sha)
        if files is None:
            raise SourceInvalid("The commit holds more files than GitHub lists.")

        @cache
        def read(path: str) -> bytes | None:
            return self._services.reader.fetch_file(repository, path, sha) if path in files else None

        path = choose_config_path(files)
        found = inspect_config(path, None if path is None else read(path), repository_name=repository.name)
        # With nothing to compare with, a config that is there is reason enough.
        candidates = (path or "",) if changed is None else changed
        if not any(concerns(one, config_path=path, config=found.config) for one in candidates):
            return None
        policy = self._services.policy
        inspection = inspect_files(
            has=files.__contains__, read=read, repository_name=repository.name, default_index=policy.default_index
        )
        if inspection.config is None or inspection.config_body is None:
            return inspection
        refused = check_allowed(
            inspection.config,
            inspection.config_body,
            owner=repository.owner,
            namespaces=policy.namespaces,
            hubs={name: hub.repo for name, hub in policy.hubs.items()},
        )
        return replace(inspection, findings=(*inspection.findings, *refused))

    def _read_published(self, repository: Repository) -> Inspection:
        path, body = fetch_config(self._services, repository, repository.default_branch) or (None, None)
        return inspect_config(path, body, repository_name=repository.name)


def _is_default(trigger: Trigger) -> bool:
    return trigger.kind is TriggerKind.PUSH and trigger.ref == trigger.repository.default_branch
