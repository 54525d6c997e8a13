"""What runs first in a layered image, and the small layers of hublish's own: environment, home, entry point.

The script runs in the user's container, on the base's Python and nothing else; it must never keep a server from
starting. It copies the source into HOME once: HOME is often a volume that hides what the image holds there.
"""

from __future__ import annotations

from posixpath import dirname

from hublish.builders.baseimage.facts import BaseFacts
from hublish.builders.layered.environment import HOME_FOLDER, VENV_FOLDER, TargetEnvironment
from hublish.builders.layered.layertree import LayerTree
from hublish.core.plan import Environment
from hublish.oci.layers import ROOT, Owner

SCRIPT_PATH = f"{HOME_FOLDER}/entrypoint.py"
COMMAND = ("jupyterhub-singleuser",)
DEFAULT_USER = "1000:0"
DEFAULT_HOME = "/home/jovyan"
_DEFAULT_OWNER = Owner(user_id=1000, group_id=0)
_USER_NAME = "jovyan"
_ROOT_NAMES = frozenset({"", "0", "root"})

# Kept to what every Python 3 understands: it runs on the base's.
SCRIPT = '''"""First process of the image: brings the source into HOME, then becomes the command."""

import os
import pwd
import shutil
import sys
import tempfile


def tell(text):
    """Say something in the container's log."""
    sys.stderr.write("hublish: " + text + "\\n")
    sys.stderr.flush()


def copy_source(source, name):
    """Copy the source to HOME/name unless something of that name is there; complete or not at all."""
    home = os.environ.get("HOME") or os.path.expanduser("~")
    target = os.path.join(home, name)
    if os.path.lexists(target) or not os.path.isdir(source):
        return
    stage = tempfile.mkdtemp(prefix="." + name + "-", dir=home)
    try:
        staged = os.path.join(stage, name)
        shutil.copytree(source, staged, symlinks=True)
        os.rename(staged, target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def name_user():
    """Give a user without a passwd entry a name: many programs refuse to start without one."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        os.environ.setdefault("USER", "jovyan")
        os.environ.setdefault("LOGNAME", "jovyan")


def main(arguments):
    """Copy, then exec; arguments are the source's path, its name in HOME, and the command."""
    source, name, command = arguments[0], arguments[1], arguments[2:]
    name_user()
    try:
        copy_source(source, name)
    except (OSError, shutil.Error) as error:
        tell("the source stays in " + source + " only, HOME cannot take it: " + str(error)[:200])
    if not command:
        tell("no command was given")
        return 127
    try:
        os.execvp(command[0], command)
    except OSError as error:
        tell("cannot start " + command[0] + ": " + str(error))
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
'''


def write_environment_layer(tree: LayerTree, environment: TargetEnvironment, facts: BaseFacts) -> None:
    """Write the virtual environment itself: links to the base's Python and `pyvenv.cfg`.

    Source: the `venv` documentation of Python, "How venvs work" (PEP 405).
    """
    binaries = f"{VENV_FOLDER}/bin"
    rule = environment.folder_rule
    for folder in (binaries, f"{VENV_FOLDER}/include", f"{VENV_FOLDER}/lib", environment.site_packages):
        tree.add_folder(folder, mode=rule.mode, owner=rule.owner)
    tree.add_symlink(f"{VENV_FOLDER}/lib64", "lib")
    tree.add_symlink(f"{binaries}/python", facts.executable)
    for name in ("python3", "python{}.{}".format(*facts.python_version)):
        tree.add_symlink(f"{binaries}/{name}", "python")
    settings = {
        "home": dirname(facts.executable),
        "include-system-site-packages": "false",
        "version": facts.python_full_version,
        "executable": facts.executable,
    }
    text = "".join(f"{key} = {value}\n" for key, value in settings.items())
    tree.add_text(f"{VENV_FOLDER}/pyvenv.cfg", text, mode=environment.file_mode)


def write_home_layer(tree: LayerTree, facts: BaseFacts) -> None:
    """Write the entry point and, for a base without a user of its own, the home and the passwd entry of 1000:0."""
    tree.add_text(SCRIPT_PATH, SCRIPT, mode=0o755)
    if has_user(facts):
        return
    tree.add_folder(DEFAULT_HOME, mode=0o775, owner=_DEFAULT_OWNER)
    passwd = facts.passwd
    if passwd is not None and all(line.split(":")[2:3] != ["1000"] for line in passwd.splitlines()):
        entry = f"{_USER_NAME}:x:1000:0::{DEFAULT_HOME}:{facts.shell}\n"
        separator = "" if not passwd or passwd.endswith("\n") else "\n"
        tree.add_text("/etc/passwd", passwd + separator + entry, mode=0o644, owner=ROOT)


def has_user(facts: BaseFacts) -> bool:
    """Tell whether the base names a user other than root, which is then kept."""
    return facts.user.partition(":")[0] not in _ROOT_NAMES


def find_user(facts: BaseFacts) -> str:
    """The image's user: the base's own, as a number where its passwd knows it, else 1000:0.

    Kubernetes cannot tell whether a name is root, so `runAsNonRoot` refuses names.
    """
    if not has_user(facts):
        return DEFAULT_USER
    name, _, group = facts.user.partition(":")
    for line in (facts.passwd or "").splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) > 3:  # noqa: PLR2004 -- passwd(5): name, password, user, group
            return f"{fields[2]}:{group or fields[3]}"
    return facts.user


def find_home(facts: BaseFacts) -> str:
    """The image's HOME: the base's own for its own user, else the one made here."""
    return facts.home or DEFAULT_HOME if has_user(facts) else DEFAULT_HOME


def make_entrypoint(facts: BaseFacts, *, environment: Environment, source_path: str, source_name: str) -> list[str]:
    """Make the arguments that start the script; the runtime adds the command."""
    interpreter = f"{VENV_FOLDER}/bin/python" if environment is Environment.VENV else facts.environment_executable
    # -I: nothing the user keeps in HOME or in PYTHON* variables can get in front of the script's own imports.
    return [interpreter, "-I", SCRIPT_PATH, source_path, source_name]
