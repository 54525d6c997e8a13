"""Write the files that show what hublish puts into a list of ImageStreams: with placeholders, and filled.

`python imagestreams/generate.py` writes both files; with `--check` it writes nothing and exits 1 if one is not current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hublish.catalogs.entry import Entry, Pin
from hublish.catalogs.template import render_imagestream
from hublish.core.reference import Reference, parse_reference

FOLDER = Path(__file__).resolve().parent

TEMPLATE = Entry(
    image_name="<last part of the image's path>",
    title="<title>",
    description="<description>.",
    source_url="https://github.com/<owner>/<repository>",
    reference=Reference(registry="<registry>", repository="<repository>", digest="sha256:<digest>"),
    release_tag="<release>",
    pin=Pin.DIGEST,
    commit="<commit>",
    resources="<what the config asks for>",
    software=(("Python", "<version>"),),
    dependencies=(("<package>", "<version>"),),
)
EXAMPLE = Entry(
    image_name="time-series",
    title="Time Series",
    description="Forecasts with pandas and scikit-learn.",
    source_url="https://github.com/example-org/time-series",
    reference=parse_reference("registry.example.org/team/time-series@sha256:" + "0123456789abcdef" * 4),
    release_tag="v0.3.0",
    pin=Pin.DIGEST,
    commit="8badf00d" * 5,
    resources="1 CPU, 8 GiB memory",
    software=(("Python", "3.11"),),
    dependencies=(("JupyterLab", "4.4.9"), ("pandas", "2.3.2")),
)


def render_files() -> dict[str, str]:
    """Render the files by name as they stand in the repository."""
    return {
        "imagestream.template.yaml": render_imagestream(TEMPLATE),
        "imagestream.example.yaml": render_imagestream(EXAMPLE),
    }


def main() -> int:
    """Write the files, or compare them; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not current")
    check = parser.parse_args().check
    stale = []
    for name, text in render_files().items():
        path = FOLDER / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        sys.stdout.write(f"imagestreams/{name} {'is not current' if check else 'written'}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
