"""The layers of an image that are no packages: environment and home below them, the source on top.

Where packages of the base are replaced, a layer of whiteouts comes between. All are small, and written anew by each build.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hublish.builders.baseimage.facts import BaseFacts, InstalledDistribution
from hublish.builders.layered.assembly import BuiltLayer
from hublish.builders.layered.entrypoint import write_environment_layer, write_home_layer
from hublish.builders.layered.environment import TargetEnvironment
from hublish.builders.layered.layertree import LayerTree, open_layer_file
from hublish.builders.layered.sourcelayer import write_source_layer
from hublish.core.plan import Environment, Plan
from hublish.core.ports import Source
from hublish.errors import clip


def write_own_layers(
    plan: Plan,
    source: Source,
    *,
    environment: TargetEnvironment,
    facts: BaseFacts,
    blobs: Path,
    log: Callable[[str], None],
) -> tuple[list[BuiltLayer], BuiltLayer]:
    """Write what stands below the packages, and the source that stands above them.

    Args:
        plan: says which packages of the base are replaced, and where the source goes.
        source: the tree.
        environment: where packages go.
        facts: of the base.
        blobs: folder of finished layers.
        log: told what of the base is replaced.
    """

    def write(title: str, fill: Callable[[LayerTree], None]) -> BuiltLayer:
        with open_layer_file(blobs, environment) as layer:
            fill(layer.tree)
        blob = layer.finished
        return BuiltLayer(title=title, history=title, blob=blob, path=blobs / blob.digest.removeprefix("sha256:"))

    layers: list[BuiltLayer] = []
    if plan.environment is Environment.VENV:
        layers.append(write("virtual environment", lambda tree: write_environment_layer(tree, environment, facts)))
    layers.append(write("home", lambda tree: write_home_layer(tree, facts)))
    names = {package.name for package in plan.packages}
    replaced = [known for known in facts.installed if known.name in names]
    if plan.environment is Environment.BASE and replaced:
        _tell_replaced(replaced, log)
        hidden = sorted({path for known in replaced for path in known.paths})

        def hide(tree: LayerTree) -> None:
            for path in hidden:
                tree.add_whiteout(path)

        layers.append(write("replaced in the base", hide))
    return layers, write("source", lambda tree: write_source_layer(tree, source, path=plan.source_path))


def _tell_replaced(replaced: list[InstalledDistribution], log: Callable[[str], None]) -> None:
    for known in replaced:
        title = f"{clip(known.name)} {clip(known.version)}"
        log(f"replacing {title} of the base")
        if not known.is_whole:
            log(
                f"warning: the base does not say which files {title} brought; those that the locked version does not "
                "replace stay"
            )
