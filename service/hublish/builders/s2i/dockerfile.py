"""The Dockerfile of a source-to-image build, instruction by instruction as `s2i build --as-dockerfile` writes it.

All values are checked before they come here; this module only puts them in order and quotes them.

Source:
    source-to-image 1.5.1, build/strategies/dockerfile/dockerfile.go, scripts/environment.go.
"""

from __future__ import annotations

from dataclasses import dataclass

from hublish.builders.containers.gopattern import clean_path
from hublish.builders.s2i.builderfacts import DESTINATION_LABEL, SCRIPTS_LABEL
from hublish.builders.s2i.context import UPLOAD_SCRIPTS, UPLOAD_SOURCE
from hublish.builders.s2i.environment import Variables
from hublish.core.reference import Reference

DEFAULT_DESTINATION = "/tmp"  # noqa: S108 -- a folder of the builder image, where its scripts look; not of this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class S2IBuild:
    """What the Dockerfile is made from.

    Attributes:
        builder: the builder image, pinned by digest.
        scripts: folder of the builder's scripts.
        scripts_url: the URL given by hand, which then becomes a label of the image; None when the builder says it.
        provided: names of the scripts in `upload/scripts`.
        destination: where source and scripts are put; None for /tmp.
        user: who runs `assemble`, and the image.
        final_user: who runs the image when that is somebody else; None for `user`.
        environment: variables in order; the last of a name counts.
        commit: 40 hex digits, or None.
        context: folder in the repository; "." for its root.
        title: name of the image for people.
    """

    builder: Reference
    scripts: str
    scripts_url: str | None
    provided: frozenset[str]
    destination: str | None
    user: str
    final_user: str | None
    environment: Variables
    commit: str | None
    context: str
    title: str


def render_s2i_dockerfile(build: S2IBuild) -> str:
    """Render the Dockerfile; equal values give equal bytes."""
    destination = build.destination or DEFAULT_DESTINATION
    source, scripts = clean_path(f"{destination}/src"), clean_path(f"{destination}/scripts")
    lines = [f"FROM {build.builder}", _render_labels(build)]
    if build.environment:
        pairs = " \\\n    ".join(f"{name}={_quote(value)}" for name, value in build.environment)
        lines.append(f"ENV {pairs}")
    # The builder's own user may not write where the copies go.
    lines.append("USER root")
    owned = [source]
    if build.provided:
        lines.append(f"COPY {UPLOAD_SCRIPTS} {scripts}")
        owned.insert(0, scripts)
    lines.append(f"COPY {UPLOAD_SOURCE} {source}")
    lines.append(f"RUN chown -R {build.user}:0 {' '.join(owned)}")
    if build.user != "root":
        lines.append(f"USER {build.user}")
    for instruction, name in (("RUN", "assemble"), ("CMD", "run")):
        folder = scripts if name in build.provided else build.scripts
        lines.append(f"{instruction} {clean_path(f'{folder}/{name}')}")
    if build.final_user is not None:
        # Assembled by root, but a hub starts no server as root.
        lines.append(f"USER {build.final_user}")
    return "\n".join(lines) + "\n"


def _render_labels(build: S2IBuild) -> str:
    labels = {
        "io.k8s.display-name": build.title,
        "io.openshift.s2i.build.image": str(build.builder),
        "io.openshift.s2i.build.commit.id": build.commit or "",
        "io.openshift.s2i.build.source-context-dir": "" if build.context == "." else build.context,
        SCRIPTS_LABEL: build.scripts_url or "",
        DESTINATION_LABEL: build.destination or "",
    }
    pairs = [f"{_quote(name)}={_quote(value)}" for name, value in sorted(labels.items()) if value]
    return "LABEL " + " \\\n      ".join(pairs)


def _quote(text: str) -> str:
    """Quote so that no engine expands or ends it."""
    return '"' + "".join(f"\\{character}" if character in '$"\\' else character for character in text) + '"'
