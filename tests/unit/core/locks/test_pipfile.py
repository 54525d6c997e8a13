"""The Pipfile: its content hash, as old and new versions of pipenv compute it, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.core.finding import Finding, Severity
from hublish.core.locks.pipfile import PIPFILE_LIMIT_BYTES, ParsedPipfile, Pipfile, parse_pipfile

# Each hash below was accepted by `pipenv verify`: the first of a pair by pipenv 2023.12.1, the second by 2026.10.3.
# One hash alone was accepted by both.
NAMES_AS_WRITTEN = """\
[[source]]
name = "example"
url = "https://index.example.invalid/simple"
verify_ssl = true

[packages]
Six = "==1.16.0"
typing_extensions = {version = "*", markers = "python_version < '3.13'"}

[dev-packages]
iniconfig = "*"

[requires]
python_version = "3.11"

[pipenv]
allow_prereleases = false
"""
NO_SOURCE = """\
[packages]
Sphinx = "*"
"zope.interface" = {version = "*", extras = ["docs"], markers = "python_version < '3.13'"}
"""
VARIABLES_AND_CATEGORIES = """\
[[source]]
url = "https://${USER_NAME}:${TOKEN}@index.example.invalid/simple"
verify_ssl = false
name = "private"

[[source]]
url = "https://index.example.invalid/simple"
verify_ssl = true
name = "example"

[packages]
my_pkg = {ref = "v1", git = "https://github.com/octo/my_pkg.git", editable = true}
e1 = {path = ".", editable = true}
Unicode = "==1.0"  # größe

[dev-packages]
Black = {version = "*", index = "private", sys_platform = "== 'win32'"}

[docs]
MkDocs = "*"

[requires]
python_full_version = "3.11.2"

[scripts]
x = "python größe.py"

[pipenv]
allow_prereleases = true
"""
LATIN_NAME = """\
[[source]]
name = "größe"
url = "https://index.example.invalid/simple"
verify_ssl = true

[packages]
numpy = ">=1,<3"

[requires]
python_version = "3.11"
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            NAMES_AS_WRITTEN,
            Pipfile(
                hashes=frozenset(
                    {
                        "a88b9df9d6999ac272d6bd26d5acd6b5eddadfbf1c36c94accfa4922b4f1b18e",
                        "d2d509b8c946748fd25a66a1ee91be424d104153dc319d29ca9552e75f75e6bc",
                    }
                ),
                python_version="3.11",
            ),
        ),
        (
            NO_SOURCE,
            Pipfile(
                hashes=frozenset(
                    {
                        "b5d3116ef9b3c42dce9f8c486ec5a0e9d9ad7bed8f3df5e6a0a804adb4e4a6c5",
                        "c87465cd4388157bfe60f5c4c045ed8aea35f64ffc96a9d02e5991b7099fbf4e",
                    }
                ),
                python_version=None,
            ),
        ),
        (
            VARIABLES_AND_CATEGORIES,
            Pipfile(
                hashes=frozenset(
                    {
                        "b7568ea6819b26a4479b851731a94ea0ea8cb116bcb8dac9e39c66d5166d96ba",
                        "400cddbbbc4b1ec40e0c9bf9a67c4463359bf0fc155264dc379c0d11cf5b0304",
                    }
                ),
                python_version="3.11.2",
            ),
        ),
        (
            "",
            Pipfile(
                hashes=frozenset({"ebffa69a1fa192d1cef7cb42ad79231ca976565c5ce371a70160b3048d3cbc06"}),
                python_version=None,
            ),
        ),
        (
            LATIN_NAME,
            Pipfile(
                hashes=frozenset({"c13d2e21e2ddecd93e3b14f398330e699880294a280d5068b13f54c24abdc0f7"}),
                python_version="3.11",
            ),
        ),
    ],
)
def test_content_hash_equals_those_of_pipenv(text: str, expected: Pipfile) -> None:
    """Names as written and normalised, default source, variables, categories and non-ASCII text hash as pipenv's do."""

    assert parse_pipfile(text.encode(), path="Pipfile") == ParsedPipfile(pipfile=expected, findings=())


def test_settings_of_pipenv_and_scripts_do_not_change_the_hash() -> None:
    """[pipenv] and [scripts] are no part of what is locked."""
    more = NAMES_AS_WRITTEN.replace("allow_prereleases = false", "allow_prereleases = true") + '[scripts]\nx = "y"\n'

    assert parse_pipfile(more.encode(), path="Pipfile") == parse_pipfile(NAMES_AS_WRITTEN.encode(), path="Pipfile")


def test_full_python_version_comes_before_the_short_one() -> None:
    """[requires] with both versions gives the full one."""
    text = '[requires]\npython_version = "3.11"\npython_full_version = "3.11.7"\n'
    pipfile = parse_pipfile(text.encode(), path="Pipfile").pipfile

    assert pipfile is not None
    assert pipfile.python_version == "3.11.7"


def test_required_python_that_is_no_version_is_a_warning() -> None:
    """`*` says nothing about the Python to use, so none is known."""
    parsed = parse_pipfile(b'[requires]\npython_version = "*"\n', path="Pipfile")

    assert parsed.pipfile is not None
    assert parsed.pipfile.python_version is None
    assert parsed.findings == (
        Finding(
            severity=Severity.WARNING,
            code="RequiresUnread",
            message='[requires] names the Python "*", which is no version such as 3.11; it is not read',
            path="Pipfile",
            key="requires",
        ),
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b"#" * (PIPFILE_LIMIT_BYTES + 1),
            ("FileTooLarge", None, None, "the file has 262145 bytes; at most 262144 are read"),
        ),
        (b"# \xff", ("NotUTF8", None, None, "the file is not UTF-8 at byte 2")),
        (
            b"[packages]\nsix = \n",
            ("PipfileInvalid", 2, 7, "the file is not TOML: Invalid value (at line 2, column 7)"),
        ),
        (
            b"[packages]\nsix = '''x",
            ("PipfileInvalid", None, None, None),
        ),
        (
            b"x = " + b"[" * 100_000,
            ("PipfileInvalid", None, None, "the file holds a number, a date or a nesting that is not read"),
        ),
        (
            b"x = " + b"9" * 5000,
            ("PipfileInvalid", None, None, "the file holds a number, a date or a nesting that is not read"),
        ),
        (b"packages = 3\n", ("PipfileInvalid", None, None, "the file is no Pipfile: a section has the wrong shape")),
        (b"[docs]\nx = 2024-01-01\n", ("PipfileInvalid", None, None, None)),
        (
            b"[requires]\npython_version = 3.11\n",
            (
                "PipfileInvalid",
                None,
                None,
                "the file is no Pipfile: Invalid type for field python_version: <class 'float'>",
            ),
        ),
        (b"[packages]\nsix = {commit = 'x'}\n", ("PipfileInvalid", None, None, None)),
        (b"source = 'x'\n", ("PipfileInvalid", None, None, "the file is no Pipfile: Missing required field: name")),
    ],
)
def test_file_that_is_no_pipfile_gives_one_fault(
    body: bytes, expected: tuple[str, int | None, int | None, str | None]
) -> None:
    """Size, encoding, TOML and the shape of sections are refused; TOML's place is kept."""
    parsed = parse_pipfile(body, path="Pipfile")
    (found,) = parsed.findings
    code, line, column, message = expected

    assert parsed.pipfile is None
    assert (found.code, found.line, found.column) == (code, line, column)
    assert message in (None, found.message)


SECTIONS = st.sampled_from([
    "source", "packages", "dev-packages", "requires", "scripts", "pipfile", "pipenv", "docs", "default", "develop",
])  # fmt: skip
VALUES = st.sampled_from([
    "3", "'x'", "true", "[]", "[1]", "{}", "{a = 1}", "{python_version = 3}", "{python_version = '3.11'}", "1.5",
    "[{name = 'a', url = 'b', verify_ssl = true}]", "{x = {git = 'y'}}", "{x = '*'}", "2024-01-01", "{x = 12:00:00}",
])  # fmt: skip


@given(st.dictionaries(SECTIONS, VALUES, max_size=4))
def test_sections_of_any_shape_give_a_pipfile_or_a_fault(sections: dict[str, str]) -> None:
    """Whatever a section holds, nothing is raised."""
    body = "".join(f"{name} = {value}\n" for name, value in sections.items()).encode()
    parsed = parse_pipfile(body, path="Pipfile")

    assert (parsed.pipfile is None) == any(found.severity is Severity.ERROR for found in parsed.findings)
