"""Fixtures every test may ask for, and the rules of the whole suite."""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.sandbox.fixtures import docker_engine, github, github_process, postgres, receiver

__all__ = ["docker_engine", "github", "github_process", "postgres", "receiver"]

# Machines are busy and coverage slows every line: how long one example takes says nothing about the code.
settings.register_profile("hublish", deadline=None)
settings.load_profile("hublish")

SKIPS_FAIL = os.environ.get("CI", "") not in ("", "0", "false")
"""In CI everything is installed, so that a skip hides something: it is a failure there."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one in CI; expected failures stay what they are."""
    report = yield
    if SKIPS_FAIL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {report.longreprtext}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped module into a failed one in CI."""
    report = yield
    if SKIPS_FAIL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure in CI: {report.longreprtext}"
    return report
