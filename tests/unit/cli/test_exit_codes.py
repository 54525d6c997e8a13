"""The table of exit codes."""

from __future__ import annotations

import pytest

from hublish import errors
from hublish.cli.exit_codes import MEANINGS, ExitCode, make_exit_code


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.ConfigInvalid("bad", findings=()), ExitCode.FINDINGS),
        (errors.LockInvalid("bad", findings=()), ExitCode.FINDINGS),
        (errors.SettingsInvalid("bad"), ExitCode.FINDINGS),
        (errors.ReferenceInvalid("bad", offset=0), ExitCode.USAGE),
        (errors.SourceMissing("gone"), ExitCode.USAGE),
        (errors.NotAllowed("no"), ExitCode.REFUSED),
        (errors.RegistryFailed("no", status=401), ExitCode.REFUSED),
        (errors.GitHubFailed("no", status=403), ExitCode.REFUSED),
        (errors.RegistryFailed("down", status=503), ExitCode.UNREACHABLE),
        (errors.IndexFailed("down"), ExitCode.UNREACHABLE),
        (errors.BuildFailed("broken"), ExitCode.FAILED),
        (errors.BuildCancelled("time limit"), ExitCode.FAILED),
        (errors.StrategyUnavailable("no engine"), ExitCode.FAILED),
        (errors.DiskFull("full"), ExitCode.FAILED),
    ],
)
def test_class_of_the_error_decides_the_code(error: errors.HublishError, expected: ExitCode) -> None:
    """Each family of errors has its own exit code."""
    code = make_exit_code(error)

    assert code is expected


def test_cancelled_build_is_an_interrupt_only_after_ctrl_c() -> None:
    """The time limit is a failure, a person is an interrupt."""
    code = make_exit_code(errors.BuildCancelled("stopped"), interrupted=True)

    assert code is ExitCode.INTERRUPTED


def test_every_code_has_a_meaning() -> None:
    """The table that help and page print is complete."""
    expected = list(ExitCode)

    assert expected == list(MEANINGS)
