"""`hublish build` with `system.apt`: the packages are in the image, installed once, under a base pinned by digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.command_line import run_hublish, write_repository
from tests.sandbox.base_image import make_debian_base
from tests.sandbox.wheels import make_lock

pytestmark = [pytest.mark.container, pytest.mark.network, pytest.mark.timeout(600)]


def test_packages_are_installed_once(tmp_path: Path) -> None:
    """Two plans have one base, which says what it holds; a package that is nowhere is told in apt's words."""
    folder = write_repository(tmp_path / "ts", *make_lock({}, hashes={}))
    config = folder / ".hublish.yaml"
    config.write_text("version: 1\nimage: {name: localhost/ts}\nsystem: {apt: [tree]}\n")
    options = (folder, "--base", f"oci:{make_debian_base(tmp_path / 'base')}", "--cache", tmp_path / "cache")
    plans = [run_hublish("plan", *options)["result"][0]["plan"] for _ in range(2)]
    config.write_text(config.read_text().replace("tree", "no-such-package"))
    refused = run_hublish("plan", *options, code=1)

    assert len({plan["base"].rpartition("@")[2] for plan in plans}) == 1
    assert len(list((tmp_path / "cache" / "bases").iterdir())) == 1
    assert refused["error"]["message"] == (
        "system.apt: no-such-package cannot be installed: Unable to locate package no-such-package"
    )
