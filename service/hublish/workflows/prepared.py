"""What the first stage of a run hands to the later ones: a decision, and per image what to build and where it goes."""

from __future__ import annotations

from dataclasses import dataclass

from hublish.core.answers.report import Failure
from hublish.core.finding import Finding
from hublish.core.repository import ResolvedRef
from hublish.core.status import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedImage:
    """One image of a run.

    Attributes:
        title: last part of the image's name.
        name: `registry/repository`.
        fixed_tags: tags that hold the release itself.
        floating_tags: tags that move with releases, e.g. "latest".
        build_key: of its plan.
        python_version: of the base, e.g. "3.11"; "" when the strategy does not know it.
        resources: what a notebook needs, for people; "" when the config says nothing.
        line: one sentence for people on what is built, Markdown already.
        force: True to build it anew although it was built before.
        pushed: False for a build that is only tried, as of a pull request.
        delivered_tags: for a pull request, the tags that a release would give the image, as the config writes them.
        lock: path of the lock its packages come from; "" when there is none.
    """

    title: str
    name: str
    fixed_tags: tuple[str, ...]
    floating_tags: tuple[str, ...]
    build_key: str
    python_version: str
    resources: str
    line: str
    force: bool = False
    pushed: bool = True
    delivered_tags: tuple[str, ...] = ()
    lock: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOrder:
    """A lock that is to be made anew: the branch it is of, and whether a push to that branch is built."""

    branch: str
    rebuilt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """The decision on a run.

    Attributes:
        state: BUILDING to go on, else the ended state.
        failure: why it does not go on; None when it does.
        ref: the resolved ref; None when there is none.
        titles: of the images that were decided to be built, whose check runs stand; empty when none was.
        images: what to build; empty when it does not go on.
        hubs: names of the hubs to propose the images to; empty for anything but a tag.
        findings: remarks and errors of config, lock and source.
        notes: sentences for the answer, plain text.
        reply: what a command that delivers nothing is answered with, Markdown already.
        lock: what is to be locked before there is an answer; None for everything but `/lock`.
        waits: True for a tag that waits for its release and is planned after that.
    """

    state: RunState
    failure: Failure | None
    ref: ResolvedRef | None
    titles: tuple[str, ...] = ()
    images: tuple[PreparedImage, ...] = ()
    hubs: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    reply: tuple[str, ...] = ()
    lock: LockOrder | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """An image after its tags were set.

    Attributes:
        prepared: what was wanted.
        digest: of the manifest.
        size_bytes: compressed.
        layers: their number.
        uploaded_bytes: what this run's own build sent; None when an earlier build was joined.
        seconds: of this run's own build; None likewise.
        tags: tags set, fixed ones first.
        kept_tags: floating tags left alone, each with the reason.
        packages: `(name, version)` installed.
    """

    prepared: PreparedImage
    digest: str
    size_bytes: int
    layers: int
    uploaded_bytes: int | None
    seconds: float | None
    tags: tuple[str, ...]
    kept_tags: tuple[tuple[str, str], ...]
    packages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Names of the builds of a run's images, in order, and the first failure among them."""

    names: tuple[str, ...]
    failure: Failure | None


def make_reply(lines: tuple[str, ...], prepared: Prepared | None = None) -> Prepared:
    """The end of a run that delivers nothing: its answer, with the remarks of what was looked at for it."""
    return Prepared(
        state=RunState.ANSWERED,
        failure=None,
        ref=None if prepared is None else prepared.ref,
        findings=() if prepared is None else prepared.findings,
        notes=() if prepared is None else prepared.notes,
        reply=lines,
    )
