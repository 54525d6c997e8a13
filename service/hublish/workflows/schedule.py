"""Releases are rebuilt when the tag of their base has moved, in repositories whose config says `triggers.schedule`.

One replica looks at a time, and each tag is asked for once in an interval, give or take a tenth, however many releases follow
it. Nothing is remembered of a tag before what follows from it is stored: a crash in between repeats the look, and the run's
key, which is the repository and the digest, finds the run again. While no tag is due the releases are not even read, but
for once in an interval, when those on bases that nobody followed before are found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from hublish.core.basetags import choose_newer_tag, is_versioned
from hublish.core.basewatch import (
    BaseWatch,
    Release,
    choose_release,
    list_followed,
    list_pinned,
    list_tags_of,
    make_proposal,
    make_rebuild,
    name_tag,
)
from hublish.core.building import BuildRequest
from hublish.core.codec import parse_value
from hublish.core.github.trigger import Trigger
from hublish.core.records import Run
from hublish.core.reference import Reference
from hublish.core.repository import RefKind, Repository
from hublish.core.status import RunState
from hublish.errors import HublishError, SourceMissing
from hublish.telemetry import get_logger
from hublish.workflows.asked import read_default_config
from hublish.workflows.inbox import make_run, make_run_key
from hublish.workflows.rounds import Rounds
from hublish.workflows.services import Services

LOOKS_AT = 200
"""Delivered runs of a repository that are looked at for its release."""
ROUNDS_PER_INTERVAL = 10
LONGEST_ROUND_SECONDS = 600.0
JITTER = 0.1

_log = get_logger(__name__)


class Schedule:
    """Looks after bases in a thread of its own."""

    def __init__(
        self,
        services: Services,
        *,
        seconds: float,
        start_run: Callable[[str], None],
        draw: Callable[[], float],
    ) -> None:
        """Nothing starts here.

        Args:
            services: the ports.
            seconds: between two looks at a tag.
            start_run: starts the workflow of a run id, or does nothing when it has started.
            draw: a random number from 0 to 1.
        """
        self._services = services
        self._seconds = seconds
        self._start_run = start_run
        self._draw = draw
        self._read_at: datetime | None = None
        round_seconds = min(seconds / ROUNDS_PER_INTERVAL, LONGEST_ROUND_SECONDS)
        self._rounds = Rounds("schedule", self.look, seconds=round_seconds)

    def start(self) -> None:
        """Start looking."""
        self._rounds.start()

    def stop(self) -> None:
        """Stop after the release at hand."""
        self._rounds.stop()

    def look(self) -> int:
        """Look at the tags that are due; returns how many runs were started for what moved."""
        with self._services.hold_duty("schedule") as free:
            return self._look() if free else 0

    def _look(self) -> int:
        now = self._services.now()
        lapsed = self._services.base_watches.list_due_watches(now)
        is_fresh = self._read_at is not None and now < self._read_at + timedelta(seconds=self._seconds)
        return 0 if is_fresh and not lapsed else self._look_at_releases(lapsed, now=now)

    def _look_at_releases(self, lapsed: tuple[BaseWatch, ...], *, now: datetime) -> int:
        # Until all of it is done: what could not be looked into may have no watch that is due.
        self._read_at = None
        releases = tuple(self._find_releases())
        followed = {name_tag(base): base for release in releases for base in release.bases}
        known = {name: self._services.base_watches.read_watch(name) for name in followed}
        due = {name for name, watch in known.items() if watch is None or watch.next_look_at <= now}
        current = {
            name: watch.digest for name, watch in known.items() if watch is not None and watch.digest is not None
        }
        current |= {name: digest for name in due if (digest := self._fetch_digest(followed[name])) is not None}
        newer = {name: base for name in due if (base := self._find_newer(followed[name])) is not None}
        # What nobody follows any more is put off unseen: it would be due for ever.
        unfollowed = {watch.name: watch.digest for watch in lapsed if watch.name not in followed}
        started, left = 0, False
        for release in releases:
            names = {name_tag(base) for base in release.bases}
            if self._rounds.is_stopping or not names & due:
                continue
            try:
                tags = {name: newer[name] for name in names & newer.keys()}
                started += self._consider(release, release.find_moved(current), tags)
            except HublishError as error:
                _log.warning(
                    "moved base not looked into", repository=release.trigger.repository.full_name, code=error.code
                )
                # Asked again in the next round where that may help.
                due -= names if error.transient else set()
                left = left or error.transient
        if not self._rounds.is_stopping:
            self._remember({name: current.get(name) for name in due} | unfollowed)
            self._read_at = None if left else now
        return started

    def _find_releases(self) -> Iterator[Release]:
        seen: set[int] = set()
        for last in self._services.runs.list_last_deliveries():
            repo_id = parse_value(Trigger, last.trigger).repository.id
            if repo_id in seen:
                continue  # it had another name before
            seen.add(repo_id)
            release = self._find_release(repo_id)
            if release is not None and release.bases:
                yield release

    def _find_release(self, repo_id: int) -> Release | None:
        found: dict[str, tuple[Trigger, Run]] = {}
        states = frozenset({RunState.DELIVERED})
        for run in self._services.runs.list_repository_runs(repo_id, limit=LOOKS_AT, states=states):
            trigger = parse_value(Trigger, run.trigger)
            if trigger.builds and not trigger.images and trigger.ref_kind is RefKind.TAG:
                found.setdefault(run.ref, (trigger, run))
        chosen = choose_release([trigger for trigger, _ in found.values()])
        if chosen is None or chosen.ref is None:
            return None
        run = found[chosen.ref][1]
        names = (name for name, _ in self._services.steps.list_links(run.id))
        bases = tuple(dict.fromkeys(base for name in names for base in self._list_bases(name)))
        return Release(trigger=chosen, bases=bases)

    def _list_bases(self, build_name: str) -> tuple[Reference, ...]:
        build = self._services.builds.read_build(build_name)
        request = None if build is None else self._services.builds.read_request(build.key)
        return () if request is None else list_followed(parse_value(BuildRequest, request).plan)

    def _fetch_digest(self, base: Reference) -> str | None:
        try:
            return self._services.fetch_digest(base.with_tag(base.tag or ""))
        except HublishError as error:
            _log.warning("base not looked at", base=str(base), code=error.code, error=error.message)
            return None

    def _find_newer(self, base: Reference) -> Reference | None:
        """A newer tag of the same version, where the base's tag is one that names it to its end."""
        if base.tag is None or not is_versioned(base.tag):
            return None
        try:
            tag = choose_newer_tag(base.tag, self._services.list_tags(base))
        except HublishError as error:
            _log.warning("tags not looked at", base=str(base), code=error.code, error=error.message)
            return None
        return None if tag is None else base.with_tag(tag)

    def _consider(self, release: Release, moved: tuple[Reference, ...], newer: dict[str, Reference]) -> int:
        if not moved and not newer:
            return 0
        started = 0
        for trigger in self._list_wanted(release, moved, newer):
            # Each by its own key: that a newer version was proposed must not keep a rebuild from coming.
            run = self._services.runs.find_latest_run(make_run_key(trigger))
            if run is None:
                run = self._services.runs.ensure_run(make_run(self._services, trigger, None))
            if not run.state.ended:
                # Also where it is known: whoever stored it may have died before it was started.
                self._start_run(run.id)
                started += 1
        return started

    def _list_wanted(
        self, release: Release, moved: tuple[Reference, ...], newer: dict[str, Reference]
    ) -> Iterator[Trigger]:
        """What the config wants done; a rebuild is of what it does not pin, as nothing else would change."""
        repository = self._find_repository(release.trigger.repository)
        asked = make_rebuild(release, repository, moved)
        config = read_default_config(self._services, asked).config
        if config is None or not config.triggers.schedule:
            return
        pinned = list_pinned(config)
        proposed = (
            tuple(newer[name] for name in sorted(newer.keys() & list_tags_of(config))),
            tuple(base for base in moved if name_tag(base) in pinned),
        )
        yield from (make_proposal(repository, bases) for bases in proposed if bases)
        followed = tuple(base for base in moved if name_tag(base) not in pinned)
        if followed:
            yield make_rebuild(release, repository, followed)

    def _find_repository(self, stored: Repository) -> Repository:
        """The repository as it is now; a name that somebody else took meanwhile leads nowhere."""
        reader = self._services.reader
        installation_id = reader.find_installation(stored.full_name)
        repository = None if installation_id is None else reader.fetch_repository(installation_id, stored.full_name)
        if repository is None or repository.id != stored.id:
            raise SourceMissing(f"{stored.full_name} is not there any more")
        return repository

    def _remember(self, digests: dict[str, str | None]) -> None:
        for name, digest in digests.items():
            seconds = self._seconds * (1 - JITTER + 2 * JITTER * self._draw())
            next_look_at = self._services.now() + timedelta(seconds=seconds)
            watch = BaseWatch(name=name, digest=digest, next_look_at=next_look_at)
            self._services.base_watches.store_watch(watch)
