"""What a config asks of this service's operator, checked before anything is built: push targets, and names of hubs.

The same rules stop a build; here they are findings with their line, so that a copied config is told at once whose
image it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hublish.core.config.document import list_settings
from hublish.core.config.values import Config
from hublish.core.finding import Finding, Severity
from hublish.core.namespaces import Namespaces, check_namespace
from hublish.errors import clip


def check_allowed(
    config: Config, body: bytes, *, owner: str, namespaces: Namespaces, hubs: Mapping[str, str]
) -> tuple[Finding, ...]:
    """Check that the operator lets a repository push where its config says, and knows the hubs it names.

    Args:
        config: what was read.
        body: the file it was read from.
        owner: login of the repository's owner.
        namespaces: who may push where.
        hubs: names of the operator's hubs, each with the repository of its list.
    """
    lines = {setting.key: setting.line for setting in list_settings(config, body)}
    findings = []
    for index, image in enumerate(config.images):
        refusal = check_namespace(namespaces, owner=owner, reference=image.reference)
        if refusal is not None:
            key = "image.name" if "image.name" in lines else f"images[{index}].name"
            hint = "use an image name that is allowed, or ask the operator of this service"
            findings.append(_make(config, refusal, hint, key=key, line=lines[key]))
    for name in config.hubs:
        if name not in hubs:
            known = ", ".join(sorted(hubs)) or "none"
            message = f"the hub {clip(name, limit=80)} is not in this service's settings; known: {known}"
            hint = "correct `hubs`, or ask the operator"
            findings.append(_make(config, message, hint, key="hubs", line=lines["hubs"]))
    repos = {repo.lower() for repo in hubs.values()}
    for repo in config.deploys:
        if repo.lower() not in repos:
            message = f"no hub of this service has its list in {repo}, so nothing is proposed there"
            found = _make(config, message, "ask the operator, or remove `deploy`", key="deploy", line=None)
            findings.append(replace(found, severity=Severity.WARNING))
    return tuple(findings)


def choose_hubs(config: Config, hubs: Mapping[str, str]) -> tuple[str, ...]:
    """The hubs that a config means: those it names, and those whose list is in a repository of its `deploys`."""
    repos = {repo.lower() for repo in config.deploys}
    meant = (name for name, repo in sorted(hubs.items()) if repo.lower() in repos)
    return tuple(dict.fromkeys((*config.hubs, *meant)))


def _make(config: Config, message: str, hint: str, *, key: str, line: int | None) -> Finding:
    return Finding(
        severity=Severity.ERROR,
        code="NotAllowed",
        message=clip(message, limit=512),
        hint=hint,
        path=config.path,
        line=line,
        column=None,
        key=key,
    )
