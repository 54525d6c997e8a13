"""Reads a kubeconfig before a client does: the clients tell of a missing or broken one by tracebacks, or not at all.

Nothing of its content is told, as it holds keys. What stands in it the client judges.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from hublish.errors import SettingsInvalid

_HINT = "Name a kubeconfig under `engines.tekton.kubeconfig`, or run the service in the cluster."


def verify_kubeconfig(path: Path) -> None:
    """Verify that a file is there, may be read, and is a kubeconfig.

    Raises:
        SettingsInvalid: it is not; the message names the file, and for broken YAML the line.
    """
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as exc:
        hint = "Check the path and its mode; a relative path counts from the settings file."
        raise SettingsInvalid(f"engines.tekton.kubeconfig: {path}: {exc.strerror}", hint=hint) from exc
    except UnicodeDecodeError as exc:
        raise SettingsInvalid(f"engines.tekton.kubeconfig: {path} is no text", hint=_HINT) from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}"
        # The words of the parser hold what stands there, which may be a key.
        raise SettingsInvalid(f"engines.tekton.kubeconfig: {path} is no YAML{where}", hint=_HINT) from None
    kinds = {"clusters": list, "users": list, "contexts": list}
    if not isinstance(document, dict) or not all(isinstance(document.get(k), kind) for k, kind in kinds.items()):
        raise SettingsInvalid(
            f"engines.tekton.kubeconfig: {path} is no kubeconfig: the lists clusters, users and contexts were expected",
            hint=_HINT,
        )
