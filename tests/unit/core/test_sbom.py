"""Bills of materials, checked with CycloneDX's own schema."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from hublish.core.building import BuildSucceeded, InstalledWheel
from hublish.core.reference import Reference
from hublish.core.sbom import render_sbom
from tests.unit.cli.fakes import BASE_DIGEST, DIGEST, make_plan

OUTCOME = BuildSucceeded(
    digest=DIGEST,
    size_bytes=1,
    layers=(),
    uploaded_bytes=0,
    packages=(("numpy", "2.1.0"), ("odd", "1!2.0+cpu")),
    wheels=(
        InstalledWheel(name="numpy", version="2.1.0", filename="numpy-2.1.0-py3-none-any.whl", sha256="1" * 64),
        InstalledWheel(name="odd", version="1!2.0+cpu", filename="odd-1!2.0+cpu-py3-none-any.whl", sha256="2" * 64),
    ),
)
PLAN = make_plan(commit="c" * 40)
IN_A_FOLDER = Reference(registry="oci-layout.invalid", repository="layout-1", digest=BASE_DIGEST)


@pytest.mark.parametrize(
    "plan",
    [PLAN, make_plan(), make_plan(base=None, python_full_version=None), replace(PLAN, base=IN_A_FOLDER)],
)
def test_bill_fits_the_official_schema(plan):
    """The strict one: no key that CycloneDX does not know."""
    text = render_sbom(plan, OUTCOME, repository="harbour/tides").decode()

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_bill_names_all_there_is():
    """Image, base, packages, hashes, repository and commit; the serial number is made of the digest."""
    bill = json.loads(render_sbom(PLAN, OUTCOME, repository="harbour/tides"))
    hash_of_base = {"alg": "SHA-256", "content": "b" * 64}
    base_purl = f"pkg:oci/base@sha256%3A{'b' * 64}?repository_url=registry.example.org%2Fbase"

    assert bill == {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": bill["serialNumber"],
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "hublish", "version": PLAN.builder}]},
            "component": {
                "type": "container",
                "bom-ref": f"pkg:oci/ts@sha256%3A{'d' * 64}",
                "name": "ts",
                "version": DIGEST,
                "purl": f"pkg:oci/ts@sha256%3A{'d' * 64}",
                "hashes": [{"alg": "SHA-256", "content": "d" * 64}],
                "properties": [
                    {"name": "hublish:source-digest", "value": DIGEST},
                    {"name": "hublish:platform", "value": "linux/amd64"},
                    {"name": "hublish:python", "value": "3.11.2"},
                    {"name": "hublish:repository", "value": "harbour/tides"},
                ],
                "pedigree": {"commits": [{"uid": "c" * 40}]},
            },
        },
        "components": [
            {
                "type": "container",
                "bom-ref": base_purl,
                "name": "registry.example.org/base",
                "version": BASE_DIGEST,
                "purl": base_purl,
                "hashes": [hash_of_base],
                "properties": [{"name": "hublish:role", "value": "base"}],
            },
            {
                "type": "library",
                "bom-ref": "pkg:pypi/numpy@2.1.0",
                "name": "numpy",
                "version": "2.1.0",
                "purl": "pkg:pypi/numpy@2.1.0",
                "hashes": [{"alg": "SHA-256", "content": "1" * 64}],
                "properties": [{"name": "hublish:file", "value": "numpy-2.1.0-py3-none-any.whl"}],
            },
            {
                "type": "library",
                "bom-ref": "pkg:pypi/odd@1%212.0%2Bcpu",
                "name": "odd",
                "version": "1!2.0+cpu",
                "purl": "pkg:pypi/odd@1%212.0%2Bcpu",
                "hashes": [{"alg": "SHA-256", "content": "2" * 64}],
                "properties": [{"name": "hublish:file", "value": "odd-1!2.0+cpu-py3-none-any.whl"}],
            },
        ],
        "dependencies": [
            {
                "ref": f"pkg:oci/ts@sha256%3A{'d' * 64}",
                "dependsOn": [base_purl, "pkg:pypi/numpy@2.1.0", "pkg:pypi/odd@1%212.0%2Bcpu"],
            }
        ],
    }


def test_equal_images_have_equal_bills():
    """Neither time nor chance gets in; another image has another serial number."""
    first, second = render_sbom(PLAN, OUTCOME), render_sbom(PLAN, OUTCOME)
    other = json.loads(render_sbom(PLAN, replace(OUTCOME, digest=BASE_DIGEST)))

    assert first == second
    assert other["serialNumber"] != json.loads(first)["serialNumber"]
