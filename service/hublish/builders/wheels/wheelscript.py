"""The script that builds a wheel in a base: pip, from a wheel that was handed to it, without an index and without a network."""

from __future__ import annotations

import shlex

# The first second that a wheel can state.
_EPOCH = 315532800
_SCRIPT = """\
umask 022
mkdir home tmp src
export HOME=/hublish/home TMPDIR=/hublish/tmp LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH={epoch} PYTHONHASHSEED=0
export PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS=/hublish/files PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
{python} -W ignore -c 'import shutil; shutil.unpack_archive("files/source{suffix}", "src")'
set -- src/*
{python} files/{pip}/pip wheel --no-deps --use-pep517 --no-input --progress-bar off --wheel-dir out "./$1"
"""


def render_script(*, python: str, pip: str, suffix: str) -> str:
    """Render the script.

    Args:
        python: path of the base's Python.
        pip: file name of pip's wheel among the files.
        suffix: of the source archive, `source<suffix>` among the files.
    """
    return _SCRIPT.format(python=shlex.quote(python), pip=shlex.quote(pip), suffix=suffix, epoch=_EPOCH)
