"""What an image holds is what `uv pip sync` makes of the same wheels, but for a short list of differences.

The demo's whole lock is compared where its image is built and started anyway: in `test_layered_image`.
"""

from __future__ import annotations

import hashlib
import os

from tests.e2e.command_line import build, write_repository
from tests.e2e.installed_tree import compare_with_uv
from tests.sandbox.base_image import make_tiny_base
from tests.sandbox.index import PackageIndexSandbox
from tests.sandbox.wheels import PLACEHOLDER_SOURCE, make_wheel, wheel_filename

SITE = "lib/python3.11/site-packages"


def test_awkward_wheels_are_installed_as_uv_does(tmp_path):
    """Data files, headers, scripts, namespaces, .pth files, entry points, odd names, deep paths, executables."""
    data = "awkward-1.0.data"
    deep = "awkward/" + "/".join(["a_folder_with_a_rather_long_name"] * 6) + "/module.py"
    files: dict[str, str | bytes] = {
        "awkward/__init__.py": "x = {'a', 'b'}\n" * 400,
        "awkward/grüße/наука.txt": "text\n",
        "awkward/with space.txt": "",
        "awkward/tool.sh": "#!/bin/sh\n",
        "awkward/random.bin": os.urandom(5000),
        "awkward/tests/test_it.py": "x = 1\n",
        "awkward/template.py": "{% if %}\n",
        "awkward/__pycache__/__init__.cpython-311.pyc": b"stale",
        deep: "x = 1\n",
        "awkward.pth": "import sys\n",
        "space/inner/one.py": "x = 1\n",
        f"{data}/data/share/jupyter/kernels/k/kernel.json": "{}",
        f"{data}/data/etc/jupyter/x.d/y.json": "{}",
        f"{data}/headers/awkward.h": "#define A\n",
        f"{data}/headers/sub/b.h": "#define B\n",
        f"{data}/scripts/run-it": "#!python\nprint(1)\n",
        f"{data}/scripts/shell-it": "#!/bin/sh\necho 1\n",
        f"{data}/scripts/marked": "#!/bin/sh\necho 2\n",
        f"{data}/purelib/pure_part.py": "x = 1\n",
        f"{data}/platlib/plat_part.py": "x = 1\n",
        "awkward-1.0.dist-info/licenses/LICENSE": "free\n",
        "awkward-1.0.dist-info/entry_points.txt": (
            "[console_scripts]\nawkward-cli = awkward:main\n\n[gui_scripts]\nawkward-gui = awkward.gui:Main.run\n\n"
            "[jupyter.plugins]\nnothing = awkward:x\n"
        ),
    }
    with PackageIndexSandbox.start(tmp_path / "index") as index:
        index.add_notebook_packages()
        executable = {"awkward/tool.sh", f"{data}/scripts/marked"}
        body = make_wheel("awkward", "1.0", files, executable=executable)
        index.add_file("awkward", "1.0", wheel_filename("awkward", "1.0"), body)
        index.add_wheel("space-two", "2.0", {"space/inner/two.py": "x = 2\n", "space/other.txt": "o"})
        packages = {"jupyterhub": "5.3.0", "jupyterlab": "4.4.0", "pip": "25.2", "awkward": "1.0", "space-two": "2.0"}
        folder = write_repository(tmp_path / "ts", *index.make_lock(packages))
        base = make_tiny_base(tmp_path / "base")
        build(
            folder,
            *("--base", f"oci:{base}", "--output", tmp_path / "image", "--cache", tmp_path / "cache"),
            *("--index-map", f"{PLACEHOLDER_SOURCE}={index.url}", "--plain-http", index.host),
        )

    ours, faults = compare_with_uv(tmp_path / "image", cache=tmp_path / "cache", folder=tmp_path / "uv")

    assert faults == []
    assert len(ours) > 30
    assert f"{SITE}/awkward/__pycache__/__init__.cpython-311.pyc" in ours
    stale = hashlib.sha256(b"stale").hexdigest()
    assert ours[f"{SITE}/awkward/__pycache__/__init__.cpython-311.pyc"].sha256 != stale
    assert {"bin/awkward-cli", "bin/awkward-gui", "include/site/python3.11/awkward/awkward.h"} <= ours.keys()
