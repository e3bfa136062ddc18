# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ``ansible-test sanity`` without any ignore file, on the newest or the oldest ansible-core.

The newest looks at all that users get and at its unit tests; the oldest only at what users get: unit tests run on the
newest's Python only, and what its newer pylint, pep8 and compiler say of them holds whichever core is installed. All
tests of ansible-test are run on both, as what a core's own rules, documentation and imports allow differs by core. Each
core tries its own Python and one of the oldest that hosts have; tests/unit/test_python_versions.py imports all plugins
on all Pythons.

ansible-test needs a collection in a folder named after it, tests every Python that it finds on PATH, and fetches a pip
installer from a host that a closed network does not reach: this gives it a copy of the files that belong to the
project, a PATH with no other Pythons than those chosen here, and an installer of our own. Its caches stay in the work
folder.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import List

ROOT = Path(__file__).resolve().parents[3]
WORK = ROOT / ".work"
# Not the caller's PATH: a version manager's place-holders on it are found but do not run.
SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
ENVIRONMENTS = {"newest": "venv", "oldest": "venv-oldest"}
# Importing all plugins on one more Python takes half a minute where that can be a controller's.
PYTHONS = {"newest": ("3.9", "3.13"), "oldest": ("3.8", "3.12")}
# Of the tests: those of what users get, and what ansible-test reads.
KEPT = {"newest": ("tests/unit/plugins/", "tests/config.yml"), "oldest": ("tests/config.yml",)}


def project_files(core: str) -> List[str]:
    """List what a core inspects, out of all that git knows or would take in; ruff and mypy see to the rest."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}
    return sorted(name for name in names if not name.startswith("tests/") or name.startswith(KEPT[core]))


def copy_project(core: str, target: Path) -> None:
    """Make ``target`` hold exactly the files that a core looks at."""
    shutil.rmtree(target, ignore_errors=True)
    for name in project_files(core):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name, follow_symlinks=False)
    # Without a repository of its own ansible-test would take the outer one, in which the work folder is ignored.
    subprocess.run(["git", "init", "-q", str(target)], check=True)


def link_programs(core: str, target: Path) -> None:
    """Make ``target`` hold the system's programs but its Pythons, and the Pythons that are tried with a core."""
    programs = {
        path.name: path
        for folder in reversed(SYSTEM_PATH)
        for path in Path(folder).iterdir()
        if not path.name.startswith("python")
    }
    for version in PYTHONS[core]:
        programs[f"python{version}"] = (WORK / "bin" / f"python{version}").resolve(strict=True)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name, path in programs.items():
        (target / name).symlink_to(path)


def provide_pip(environment: Path, home: Path) -> None:
    """Put our installer where this ansible-test looks for the one it would download."""
    template = (Path(__file__).parent / "get_pip.py").read_text()
    source = next(environment.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py"))
    for version in sorted(set(re.findall(r"\bpip='([\d.]+)'", source.read_text()))):
        wheels = WORK / "wheels"
        wheel = wheels / f"pip-{version}-py3-none-any.whl"
        if not wheel.exists():
            subprocess.run(
                [
                    str(WORK / "tools" / "bin" / "python"),
                    "-m",
                    "pip",
                    "download",
                    "-qq",
                    "--no-deps",
                    "-d",
                    str(wheels),
                    f"pip=={version}",
                ],
                check=True,
            )
        script = home / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
        script.parent.mkdir(parents=True, exist_ok=True)
        shared = home / f"pip-{version}"
        script.write_text(template.replace("@WHEEL@", str(wheel)).replace("@SHARED@", str(shared)))


def run_sanity(core: str, options: List[str]) -> int:
    environment, home = WORK / ENVIRONMENTS[core], WORK / "home"
    collection = WORK / "sanity" / core / "ansible_collections" / "selfhosted" / "bitwarden"
    programs = WORK / "sanity" / f"{core}-programs"
    copy_project(core, collection)
    link_programs(core, programs)
    provide_pip(environment, home)
    variables = {
        **os.environ,
        "HOME": str(home),
        "PATH": os.pathsep.join([str(environment / "bin"), str(programs)]),
        "LC_ALL": "C.UTF-8",
    }
    variables.pop("PYTHONPATH", None)
    variables.pop("ANSIBLE_COLLECTIONS_PATH", None)
    command = [str(environment / "bin" / "ansible-test"), "sanity", "--color", "no", "--truncate", "0", *options]
    return subprocess.run(command, cwd=collection, env=variables, stdin=subprocess.DEVNULL, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("core", choices=ENVIRONMENTS)
    parser.add_argument("options", nargs="*", help="more for ansible-test (after --), such as --test validate-modules")
    arguments = parser.parse_args()
    return run_sanity(arguments.core, arguments.options)


if __name__ == "__main__":
    sys.exit(main())
