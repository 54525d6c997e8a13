"""Random lists of ImageStreams: an edit changes its entry and nothing else, and a second edit changes nothing."""

import dataclasses
import difflib
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hublish.catalogs.entry import Pin
from hublish.catalogs.imagestream import edit_imagestream
from hublish.core.answers.pull_request import EntryAction
from tests.unit.catalogs.catalog_samples import ENTRY, FOLDER, IMAGE, NEW, OLD, apply


@dataclass(frozen=True)
class Manner:
    """How a person writes YAML."""

    newline: str
    step: int
    dash: int
    gap: int
    quote: str
    comments: tuple[str, ...]
    final_newline: bool
    marker: bool


MANNERS = st.builds(
    Manner,
    newline=st.sampled_from(["\n", "\r\n"]),
    step=st.sampled_from([2, 3, 4]),
    dash=st.sampled_from([0, 2, 4]),
    gap=st.sampled_from([1, 3]),
    quote=st.sampled_from(["", "'", '"']),
    comments=st.lists(st.sampled_from(["", "  # note", "  # tab:\t[", " #"]), min_size=8, max_size=8).map(tuple),
    final_newline=st.booleans(),
    marker=st.booleans(),
)
TARGETS = st.sampled_from([f"{IMAGE}:v1", f"{IMAGE}@{OLD}", IMAGE, f"{IMAGE}:latest"])
TAGS = st.lists(
    st.tuples(st.sampled_from(["v0", "v1", "v2", "latest", "1.0"]), TARGETS, st.booleans()),
    max_size=4,
    unique_by=lambda tag: tag[0],
)


def write(manner: Manner, name: str, tags: list[tuple[str, str, bool]]) -> str:
    quote, step = manner.quote, " " * manner.step
    lines = ["---"] if manner.marker else []
    lines += ["kind: ImageStream", "metadata:", f"{step}name: {quote}{name}{quote}", f"{step}annotations:"]
    lines += [f"{step * 2}opendatahub.io/notebook-image-url: https://github.com/org/{name}", "spec:"]
    lines += [f"{step}lookupPolicy: {{local: true}}", f"{step}tags:"]
    dash = step + " " * manner.dash
    inner = dash + " " * (manner.gap + 1)
    for tag, target, scheduled in tags:
        lines += [f"{dash}-{' ' * manner.gap}from:", f"{inner}{step}kind: DockerImage"]
        lines += [f"{inner}{step}name: {quote}{target}{quote}", f"{inner}name: '{tag}'"]
        lines += [f"{inner}importPolicy:", f"{inner}{step}scheduled: true"] if scheduled else []
    commented = [line + manner.comments[index % 8] for index, line in enumerate(lines)]
    return manner.newline.join(commented) + (manner.newline if manner.final_newline else "")


def read(text: str) -> Any:
    return list(yaml.load_all(text, Loader=yaml.SafeLoader))


@settings(max_examples=60, deadline=None)
@given(MANNERS, MANNERS, TAGS, st.sampled_from(Pin), st.sampled_from([(), ("latest",)]))
def test_edit_changes_its_entry_only(
    manner: Manner, other_manner: Manner, tags: list[tuple[str, str, bool]], pin: Pin, floating: tuple[str, ...]
) -> None:
    """In every manner of writing, only lines of the entry change, it says what was asked for, and once is enough."""
    entry = dataclasses.replace(ENTRY, pin=pin, floating_tags=floating)
    path, other_path = f"{FOLDER}/a.yaml", f"{FOLDER}/b.yaml"
    files = {path: write(manner, "ts", tags), other_path: write(other_manner, "other", tags)}
    edit = edit_imagestream(files, folder=FOLDER, entry=entry)
    new = apply(files, edit)
    changed = [
        line for line in difflib.ndiff(files[path].splitlines(True), new[path].splitlines(True)) if line[0] == "-"
    ]
    wanted = f"{IMAGE}@{NEW}" if pin is Pin.DIGEST else f"{IMAGE}:v2"
    listed = {tag["name"]: tag["from"]["name"] for tag in read(new[path])[0]["spec"]["tags"]}
    moved = {"v2": wanted} | ({"latest": wanted} if floating and _is_fixed(tags) else {})

    assert new[other_path] == files[other_path]
    assert listed == {name: target for name, target, _ in tags} | moved
    assert all("name:" in line or "scheduled" in line or manner.newline not in line for line in changed)
    assert new[path].endswith(("\n", "\r\n")) == files[path].endswith(("\n", "\r\n"))
    assert new[path].count("\r\n") == (new[path].count("\n") if manner.newline == "\r\n" else 0)
    again = edit_imagestream(new, folder=FOLDER, entry=entry)
    assert (dict(again.changes), again.action) == ({}, EntryAction.UNCHANGED)


def _is_fixed(tags: list[tuple[str, str, bool]]) -> bool:
    return any(name == "latest" and target not in (IMAGE, f"{IMAGE}:latest") for name, target, _ in tags)
