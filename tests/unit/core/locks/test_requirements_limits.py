"""Requirements files that are unreadable, endless or hostile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hublish.core.locks import requirements
from hublish.core.locks.requirements import parse_requirements
from tests.unit.core.locks.requirements_parts import A, codes, parse


def test_unreadable_files_are_refused_with_their_place() -> None:
    """Missing, not UTF-8, too large."""
    missing = parse_requirements("requirements.txt", read={}.get, default_index="")

    assert codes(missing) == [("requirements.txt:1", "LockMissing")]
    assert codes(parse(b"a\n\xff\n")) == [("requirements.txt:1", "NotPinned"), ("requirements.txt:2", "NotUTF8")][1:]
    assert codes(parse(b"#" * (requirements.LOCK_LIMIT_BYTES + 1))) == [("requirements.txt:1", "FileTooLarge")]


def test_includes_end_at_a_depth() -> None:
    """A chain of files is followed five deep."""
    chain = {f"f{number}_txt": f"-r f{number + 1}.txt\n" for number in range(1, 9)}

    assert codes(parse("-r f1.txt\n", **chain)) == [("f5.txt:1", "IncludeTooDeep")]


def test_too_many_packages_and_sources_are_refused() -> None:
    """A lock of more than 5000 packages, or 50 indexes, is no lock."""
    many = "".join(f"p{number}==1 --hash=sha256:{A}\n" for number in range(5002))
    indexes = "".join(f"--extra-index-url https://{number}.example.com/s\n" for number in range(51))

    assert codes(parse(many)) == [("requirements.txt:5001", "LockInvalid")]
    assert codes(parse(indexes)) == [("requirements.txt:51", "SourcesMissing")]


def test_hostile_nesting_of_markers_is_refused() -> None:
    """Parentheses deeper than the interpreter's stack are a finding, not a crash."""
    text = f"six==1.0 ; {'(' * 1900}python_version>'3'{')' * 1900} --hash=sha256:{A}\n"

    assert codes(parse(text))[:1] == [("requirements.txt:1", "RequirementInvalid")]


@given(st.text(alphabet="six=10. \\\n#-rhash:a;'\"[]@/\t\r", max_size=200))
def test_any_text_ends_in_a_lock_or_findings(text: str) -> None:
    """Whatever stands in the file, nothing but a result comes out."""
    parsed = parse(text)

    assert (parsed.lock is None) == any(found.severity.value == "error" for found in parsed.findings)
