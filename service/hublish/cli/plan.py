"""`hublish plan`: what `build` would do, and why, without making a layer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import typer

from hublish.cli.folder import (
    BaseOption,
    CacheOption,
    FolderArgument,
    ImageOption,
    IndexMapOption,
    PlainHTTPOption,
    PlannedImage,
    make_choice,
    open_folder,
    plan_images,
)
from hublish.cli.house import House
from hublish.cli.screen import JSONOption, Screen, open_screen
from hublish.core.container import BasePin
from hublish.core.plan import Plan, make_build_key, render_plan

HELP = """Show what a build would do: strategy and its reason, base, packages, build key.

The base image is resolved to its digest now, and it is checked that every package has a wheel for it and that their
requirements are met. Two plans with one build key lead to the same
image, byte for byte.

\b
Examples:
  hublish plan
  hublish plan --base registry.example.org/base/python:3.11 path/to/repository
  hublish plan --json | jq -r '.result[].build_key'
"""


def plan(
    context: typer.Context,
    folder: FolderArgument = Path(),
    *,
    image: ImageOption = None,
    base: BaseOption = None,
    plain_http: PlainHTTPOption = None,
    index_map: IndexMapOption = None,
    cache: CacheOption = None,
    as_json: JSONOption = False,
) -> None:
    """Plan the images of a folder; see HELP."""
    house: House = context.obj
    choice = replace(
        make_choice(cache=cache, plain_http=plain_http, index_map=index_map, workers=None), check_packages=True
    )
    with open_screen("plan", as_json=as_json) as screen:
        opened = open_folder(screen, house, folder, choice=choice, image=image)
        planned = plan_images(screen, opened, base=base, read_source=opened.read_text)
        screen.result = [make_plan_document(item) for item in planned]
        for item in planned:
            show_plan(screen, item)


def show_plan(screen: Screen, item: PlannedImage) -> None:
    """Print a plan for people; nothing for one that could not be made, whose findings were shown."""
    made = item.planned.plan
    if made is None:
        return
    screen.say(f"{item.image.reference}", style="bold")
    for label, text in _describe(made):
        screen.say(f"  {label:<10}{text}")


def _describe(made: Plan) -> tuple[tuple[str, str], ...]:
    source = "files that no commit holds" if made.commit is None else f"commit {made.commit}"
    rows = [
        ("strategy", f"{made.strategy.value}: {made.reason}"),
        ("ignored", ", ".join(made.ignored)),
        ("base", "" if made.base is None else str(made.base)),
        *(("image", f"{pin.name} is {pin.image}") for pin in _list_pins(made)),
        ("python", made.python_full_version or ""),
        ("packages", f"{len(made.packages)} into {made.environment.value}" if made.packages else ""),
        ("source", f"{source}, at {made.source_path}"),
        ("build key", make_build_key(made)),
    ]
    return tuple((label, text) for label, text in rows if text)


def _list_pins(made: Plan) -> tuple[BasePin, ...]:
    """What a Dockerfile names; a builder image is the base already."""
    return () if made.container is None or made.base is not None else made.container.bases


def make_plan_document(item: PlannedImage) -> Mapping[str, object]:
    """Make the JSON object of a planned image: `image`, `build_key` and `plan` (null when it could not be made)."""
    made = item.planned.plan
    return {
        "image": str(item.image.reference),
        "build_key": None if made is None else make_build_key(made),
        "plan": None if made is None else json.loads(render_plan(made))["plan"],
    }
