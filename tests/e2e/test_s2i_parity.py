"""hublish's source-to-image against s2i 1.5.1: same repositories, same builder images, both outputs compared."""

from __future__ import annotations

import pytest

from tests.sandbox.registry import Registry
from tests.sandbox.s2i_cases import APP, CASES, Case
from tests.sandbox.s2i_parity import Compared, compare, compare_all, expect, read_table, render_table
from tests.sandbox.tools import find_s2i

pytestmark = [
    pytest.mark.registry,
    pytest.mark.skipif(not find_s2i().is_file(), reason="s2i is not built: run tests/sandbox/install-tools.sh"),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Compared]:
    """What every case came to."""
    return compare_all(tmp_path_factory.mktemp("s2i"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_both_make_the_same_but_for_what_is_listed(results: dict[str, Compared], case: Case) -> None:
    """Instructions, labels as a set, and the files beside them; each difference is literal and has a reason."""
    expected = expect(case.difference)

    assert results[case.name] == expected


def test_table_in_the_documentation_is_what_was_found(results: dict[str, Compared]) -> None:
    """`python -m tests.sandbox.s2i_parity` writes it anew."""
    assert read_table() == render_table(results)


def test_comparison_sees_what_differs(tmp_path) -> None:
    """A case whose difference nobody listed is no empty one."""
    case = next(case for case in CASES if case.name == "assemble-user label")
    assert case.files == APP
    with Registry.start(tmp_path / "registry") as registry:
        found = compare(case, registry, tmp_path)

    assert not found.same
    assert found.refused == ""
