"""Findings as text."""

from __future__ import annotations

from hublish.cli.findings import make_finding_document, render_finding, render_summary
from hublish.core.finding import Finding, Severity

FINDING = Finding(
    severity=Severity.ERROR,
    code="UnknownKey",
    message="unknown key `imag`",
    hint="did you mean `image`?",
    path=".hublish.yaml",
    line=2,
    column=3,
    key="imag",
)
WARNING = Finding(severity=Severity.WARNING, code="Odd", message="odd", path="Pipfile")


def test_finding_reads_like_a_compiler_message() -> None:
    """Place, severity, code and message stand on one line, the hint on the next."""
    expected = ".hublish.yaml:2:3: error[UnknownKey]: unknown key `imag`\n  hint: did you mean `image`?"

    assert expected == render_finding(FINDING)


def test_source_line_is_shown_with_a_caret_under_the_column() -> None:
    """With the file's text the faulty line is shown."""
    expected = (
        ".hublish.yaml:2:3: error[UnknownKey]: unknown key `imag`\n"
        "  2 |   imag: 1\n"
        "    |   ^\n"
        "  hint: did you mean `image`?"
    )

    assert expected == render_finding(FINDING, source="version: 1\n  imag: 1\n")


def test_control_characters_of_the_source_line_are_blanked() -> None:
    """A file cannot send escape sequences to the terminal."""
    expected = "  2 |   \u0020[31mred"

    assert expected in render_finding(FINDING, source="x\n  \x1b[31mred\n").split("\n")


def test_place_outside_the_source_shows_no_line() -> None:
    """A line that is not there, or a column behind its end, is left out."""
    beyond = render_finding(FINDING, source="one line\n")
    short = render_finding(FINDING, source="x\n\n")

    assert beyond == render_finding(FINDING)
    assert short.split("\n")[1] == "  2 | "
    assert "^" not in short


def test_finding_without_line_or_hint_is_one_line() -> None:
    """A finding about a whole file has no excerpt."""
    expected = "Pipfile: warning[Odd]: odd"

    assert expected == render_finding(WARNING, source="text\n")


def test_summary_counts_by_severity() -> None:
    """The last line says how many of each there are."""
    assert render_summary((FINDING, FINDING, WARNING)) == "2 errors, 1 warning"
    assert render_summary(()) == "no findings"


def test_document_holds_every_field() -> None:
    """The JSON object has all fields, null where unknown."""
    expected = {
        "severity": "warning",
        "code": "Odd",
        "message": "odd",
        "hint": "",
        "path": "Pipfile",
        "line": None,
        "column": None,
        "key": None,
    }

    assert expected == make_finding_document(WARNING)
