"""The notebook repositories that are built: which lock, which versions, and what each subject's tool wants to read.

Locks come from bench/layers/locks and name a placeholder as their index. hublish maps it by its own option; for the
peers the copy of Pipfile and lock names the real index, with the content hash that pipenv then expects.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import plette  # type: ignore[import-untyped]  # plette ships no types

PLACEHOLDER = "https://index.example.invalid/simple"
LOCKS = Path(__file__).parent / "locks"
PREVIOUS = LOCKS / "previous.json"
NOTEBOOK = "notebook"
BIG, SMALL, SIBLINGS = "pandas", "requests", "sqlalchemy"
BUMPED = (BIG, SMALL, SIBLINGS)
# Top packages that nothing else of the lock needs: without them the sibling's lock still fits together.
SIBLING_LACKS = ("seaborn", "statsmodels", "nbgitpuller", "boto3", "s3fs")
SOURCE_FILES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """One state of one notebook repository.

    Attributes:
        lock: folder of bench/layers/locks.
        previous: packages that are still at the version before the locked one.
        without: packages that are left out.
        edit: number in one line of the source.
        name: name of the image's repository.
    """

    lock: str = NOTEBOOK
    previous: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    edit: int = 0
    name: str = "bench/notebook"

    def packages(self) -> dict[str, dict[str, Any]]:
        """The lock's entries: name -> version, hashes, markers."""
        earlier = json.loads(PREVIOUS.read_bytes()) if self.previous else {}
        locked = json.loads((LOCKS / self.lock / "Pipfile.lock").read_bytes())["default"]
        return {
            name: {**entry, **(earlier[name] if name in self.previous else {})}
            for name, entry in locked.items()
            if name not in self.without
        }

    def edited(self) -> Notebook:
        """The same repository with one source line changed."""
        return replace(self, edit=self.edit + 1)

    def write_lock(self, folder: Path, *, index_url: str = PLACEHOLDER) -> None:
        """Write Pipfile and Pipfile.lock."""
        text = (LOCKS / self.lock / "Pipfile").read_text()
        kept = [line for line in text.splitlines() if line.partition(" =")[0] not in self.without]
        pipfile = "\n".join(kept).replace(PLACEHOLDER, index_url) + "\n"
        lock = json.loads((LOCKS / self.lock / "Pipfile.lock").read_bytes())
        lock["default"] = self.packages()
        lock["_meta"]["sources"][0]["url"] = index_url
        lock["_meta"]["hash"]["sha256"] = plette.Pipfile.load(io.StringIO(pipfile)).get_hash().value
        (folder / "Pipfile").write_text(pipfile)
        (folder / "Pipfile.lock").write_text(json.dumps(lock, indent=4, sort_keys=True) + "\n")

    def write_requirements(self, folder: Path, *, index_url: str) -> None:
        """Write requirements.txt: the lock exported with markers and hashes."""
        lines = [f"--index-url {index_url}"]
        for name, entry in sorted(self.packages().items()):
            marker = f" ; {entry['markers']}" if entry.get("markers") else ""
            hashes = "".join(f" \\\n    --hash={digest}" for digest in entry["hashes"])
            lines.append(f"{name}{entry['version']}{marker}{hashes}")
        (folder / "requirements.txt").write_text("\n".join(lines) + "\n")

    def write_source(self, folder: Path) -> None:
        """Write the team's own files: some modules and notebooks, one line of which is `edit`."""
        (folder / "forecast").mkdir(parents=True)
        for number in range(SOURCE_FILES):
            body = "".join(f"def step_{number}_{line}(value):\n    return value + {line}\n\n\n" for line in range(60))
            (folder / "forecast" / f"part_{number:02}.py").write_text(body)
        (folder / "forecast" / "__init__.py").write_text(f"REVISION = {self.edit}\n")
        cells: list[dict[str, object]] = [
            {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["1 + 1\n"]}
        ]
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (folder / "forecast.ipynb").write_text(json.dumps(notebook, indent=1) + "\n")
