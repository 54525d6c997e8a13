"""The bill of materials of an image: what was installed, on which base, from which commit; a pure function of the build.

No clock, no random number: the serial number comes from the image's digest, so that equal images have equal bills.

Source: CycloneDX 1.6 (ECMA-424), JSON; package URL specification, types pypi and oci.
"""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import quote

from hublish.core.building import BuildSucceeded, InstalledWheel
from hublish.core.plan import Plan

SBOM_MEDIA_TYPE = "application/vnd.cyclonedx+json"
_SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_PROPERTY = "hublish:"


def render_sbom(plan: Plan, outcome: BuildSucceeded, *, repository: str | None = None) -> bytes:
    """Render the bill of materials of a built image.

    Args:
        plan: what it was built from.
        outcome: what came of it.
        repository: `owner/name` of the source; None on the command line.

    Returns:
        A CycloneDX document, UTF-8.
    """
    libraries = [_make_library(wheel) for wheel in outcome.wheels]
    base = _make_base(plan)
    components = [*base, *libraries]
    image = f"pkg:oci/{_quote(plan.source_name.lower())}@{_quote(outcome.digest)}"
    document: dict[str, Any] = {
        "$schema": _SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'oci:{outcome.digest}')}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "hublish", "version": plan.builder}]},
            "component": {
                "type": "container",
                "bom-ref": image,
                "name": plan.source_name,
                "version": outcome.digest,
                "purl": image,
                "hashes": _make_hashes(outcome.digest.removeprefix("sha256:")),
                **_make_origin(plan, repository),
            },
        },
        "components": components,
        "dependencies": [{"ref": image, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    return json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _make_origin(plan: Plan, repository: str | None) -> dict[str, Any]:
    values = {"source-digest": plan.source_digest, "platform": plan.platform, "python": plan.python_full_version}
    facts = {**values, "repository": repository}
    properties = [{"name": f"{_PROPERTY}{name}", "value": value} for name, value in facts.items() if value is not None]
    pedigree = {} if plan.commit is None else {"pedigree": {"commits": [{"uid": plan.commit}]}}
    return {"properties": properties, **pedigree}


def _make_base(plan: Plan) -> list[dict[str, Any]]:
    base = plan.base
    if base is None or base.digest is None:
        return []
    # A base that lies in a folder goes by a name under .invalid (RFC 6761), which would mean nothing to others.
    known = not base.registry.endswith(".invalid")
    name = base.repository.rpartition("/")[2] if known else "base"
    place = f"?repository_url={_quote(base.name)}" if known else ""
    purl = f"pkg:oci/{_quote(name)}@{_quote(base.digest)}{place}"
    return [
        {
            "type": "container",
            "bom-ref": purl,
            "name": base.name if known else name,
            "version": base.digest,
            "purl": purl,
            "hashes": _make_hashes(base.digest.removeprefix("sha256:")),
            "properties": [{"name": f"{_PROPERTY}role", "value": "base"}],
        }
    ]


def _make_library(wheel: InstalledWheel) -> dict[str, Any]:
    purl = f"pkg:pypi/{_quote(wheel.name)}@{_quote(wheel.version)}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": wheel.name,
        "version": wheel.version,
        "purl": purl,
        "hashes": _make_hashes(wheel.sha256),
        "properties": [{"name": f"{_PROPERTY}file", "value": wheel.filename}],
    }


def _make_hashes(sha256: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": sha256}]


def _quote(text: str) -> str:
    return quote(text, safe="")
