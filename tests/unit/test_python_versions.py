# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The code that runs on hosts compiles and imports on every Python from 3.8 to 3.14 with only the standard library.

ansible-test checks the same, but no release of it knows all of these versions.
"""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.tools.commands import ROOT, WORK
from tests.support.tools.pythons import WANTED

# Run by each Python without site-packages: whatever is not of the standard library cannot be imported.
PROGRAM = """
import importlib, json, pathlib, sys, types, warnings
warnings.simplefilter("error")
root = pathlib.Path(sys.argv[1])
for folder in ("modules", "module_utils"):
    for path in sorted((root / "plugins" / folder).rglob("*.py")):
        compile(path.read_bytes(), str(path), "exec")
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[2])
base = "ansible_collections.selfhosted.bitwarden.plugins.module_utils"
names = []
for path in sorted((root / "plugins" / "module_utils").rglob("*.py")):
    parts = path.relative_to(root / "plugins" / "module_utils").with_suffix("").parts
    name = ".".join((base,) + tuple(part for part in parts if part != "__init__"))
    importlib.import_module(name)
    names.append(name)
print(json.dumps(names))
"""


@pytest.mark.parametrize("version", WANTED)
def test_compiles_and_imports(version):
    known = json.loads((WORK / "pythons.json").read_text()) if (WORK / "pythons.json").exists() else {}
    if version not in known:
        pytest.skip(f"Python {version} cannot be had on this machine")
    done = subprocess.run(
        [known[version], "-I", "-S", "-c", PROGRAM, str(ROOT), str(WORK / "collections")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout), "no module was found"
