"""The pull request that moves a config to where its bases are now; one branch of hublish's own, made anew as they move.

Only values called `base` change, in their digests and in tags that name a version to its end, and no other byte of the file. Nothing is written for a base that is not pinned, or that stands where its tag is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from hublish.catalogs.yamlnodes import Mapping, Node, Scalar, Sequence, parse_documents
from hublish.core.answers.base_update import (
    BaseUpdate,
    render_base_body,
    render_base_current,
    render_base_message,
    render_base_proposed,
    render_base_title,
)
from hublish.core.basetags import choose_newer_tag, is_versioned
from hublish.core.config.file import parse_config
from hublish.core.config.values import Config
from hublish.core.github.pushing import OWN_BRANCHES
from hublish.core.github.trigger import Trigger
from hublish.core.github.triggers import Skip, lists_branch
from hublish.core.reference import Reference, parse_reference
from hublish.errors import CatalogInvalid, PullRequestTaken, ReferenceInvalid
from hublish.workflows.asked import fetch_config, make_refusal
from hublish.workflows.bases import verify_base
from hublish.workflows.ownbranch import ensure_proposal
from hublish.workflows.prepared import Prepared, make_reply
from hublish.workflows.services import Services

BRANCH = f"{OWN_BRANCHES}base"
KEY = "base"


class BaseBump:
    """Proposes new digests of bases."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def make(self, run_id: str, trigger: Trigger) -> Prepared:
        """Propose what moved; safe to repeat.

        Raises:
            NotAllowed: a base is another owner's, whose digests are nobody else's business.
            PullRequestTaken: a person pushed to the branch.
            CatalogInvalid: a base is written in a way that cannot be replaced in its place.
            HublishError: GitHub or a registry failed.
        """
        repository, branch = trigger.repository, trigger.repository.default_branch
        head = self._services.hub_repository.fetch_head(repository, branch)
        found = fetch_config(self._services, repository, head)
        path, body = found or ("", b"")
        config = None if found is None else parse_config(body, path=path, repository_name=repository.name).config
        if config is None or not config.triggers.schedule:
            return make_refusal(Skip(reason=f"`triggers.schedule` is off on {branch}"), ref=None)
        text, changes = self._edit(body.decode(), path=path, owner=repository.owner)
        if not changes:
            return make_reply(render_base_current(branch))
        update = self._make_update(run_id, trigger, config, head=head, changes=changes)
        with self._services.hold(f"{BRANCH} of {repository.full_name}"):
            pull_request = ensure_proposal(
                self._services.hub_repository,
                repository,
                branch=BRANCH,
                base=branch,
                base_sha=head,
                files={path: text.encode()},
                message=render_base_message(update),
                title=render_base_title(update),
                body=render_base_body(update),
                taken=PullRequestTaken(
                    f"somebody pushed to {BRANCH}; hublish leaves it alone",
                    hint="Merge or close its pull request and delete the branch.",
                ),
            )
        return make_reply(render_base_proposed(update, number=pull_request.number, url=pull_request.url))

    def _edit(self, text: str, *, path: str, owner: str) -> tuple[str, tuple[tuple[Reference, Reference], ...]]:
        changes: dict[Reference, Reference] = {}
        # From the end, so that what stands before stays where it was found.
        for node, old in reversed(list_base_places(text, path=path)):
            verify_base(self._services.policy, old, owner=owner)
            new = self._find_current(old)
            if new != old:
                changes[old] = new
                text = _splice(text, node, old=old, new=new, path=path)
        return text, tuple(reversed(changes.items()))

    def _find_current(self, old: Reference) -> Reference:
        """The newest tag of the same version, where the tag names one to its end, and where it leads if that is pinned."""
        tag = old.tag or ""
        if is_versioned(tag):
            tag = choose_newer_tag(tag, self._services.list_tags(old)) or tag
        if old.digest is None:
            return old.with_tag(tag)
        digest = self._services.fetch_digest(old.with_tag(tag))
        return old if digest is None else replace(old, tag=tag, digest=digest)

    def _make_update(
        self,
        run_id: str,
        trigger: Trigger,
        config: Config,
        *,
        head: str,
        changes: tuple[tuple[Reference, Reference], ...],
    ) -> BaseUpdate:
        policy, branch = self._services.policy, trigger.repository.default_branch
        return BaseUpdate(
            run_id=run_id,
            run_url=f"{policy.public_url}/runs/{run_id}",
            repository_url=f"{policy.web_url}/{trigger.repository.full_name}",
            path=config.path,
            branch=branch,
            commit=head,
            changes=changes,
            rebuilt=lists_branch(config, branch),
        )


def list_base_places(text: str, *, path: str) -> tuple[tuple[Scalar, Reference], ...]:
    """Where a config names a base by a tag, in the order of the file."""
    return tuple(found for document in parse_documents(text, path=path) for found in _walk(document))


def _walk(node: Node) -> Iterator[tuple[Scalar, Reference]]:
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _walk(item)
    elif isinstance(node, Mapping):
        for key, value in node.pairs:
            if key.value == KEY and isinstance(value, Scalar):
                yield from _read_base(value)
            else:
                yield from _walk(value)


def _read_base(node: Scalar) -> Iterator[tuple[Scalar, Reference]]:
    try:
        reference = parse_reference(node.value.strip())
    except ReferenceInvalid:
        return
    if reference.tag is not None:
        yield node, reference


def _splice(text: str, node: Scalar, *, old: Reference, new: Reference, path: str) -> str:
    """Put one reference in another's place."""
    written = text[node.start : node.end]
    if written.count(str(old)) != 1:
        raise CatalogInvalid(f"{path}:{node.line}: the base is not written out", hint="Write the base as plain text.")
    return text[: node.start] + written.replace(str(old), str(new)) + text[node.end :]
