# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's ``bitwarden.sh`` and ``run.sh`` against every measured run of the real ones.

Docker, curl, sleep and tar are programs that log and answer as told. Compared are the commands in order, the exit
status and what is left.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

import pytest

from tests.support.fleet.names import FILES

SEQUENCES = json.loads((Path(__file__).parent / "script-sequences.json").read_text())
PROGRAM = Path(__file__).parent / "programs" / "fake.sh"
PREAMBLE = ["have-compose", "docker-version", "compose-version"]
USER = 65000
DATABASE = 'globalSettings__sqlServer__connectionString="Data Source=tcp:mssql,1433;Initial Catalog=vault"\n'


def pattern(token: str) -> str:
    """Return the command of a token as a regular expression."""
    text = SEQUENCES["commands"][token].split("   (")[0].replace("'", "")
    if text.startswith("as "):
        base, rest = re.match(r"as ([\w-]+),? (.*)", text).groups()
        found, network = pattern(base), re.escape("--network container:")
        if "appended" in rest:
            return f"{found} {re.escape(rest.split()[1])}"
        # Without the option, or without an id in it.
        return found.replace(rf"{network}\S+\ ", "" if rest.startswith("without") else rf"{network}\ ")
    text = text.replace("SERVICE", "{service}").replace("…", "{rest}")
    return re.sub(r"\\{(?:service|rest|[a-z_]+(?:\\ of\\ mssql)?)\\}", r"\\S+", re.escape(text))


PATTERNS = {token: re.compile(pattern(token)) for token in SEQUENCES["commands"]}


class Case:
    """One measured run, set up below a folder of its own."""

    def __init__(self, recorded: Dict[str, Any], base: Path) -> None:
        self.recorded, self.given, self.base = recorded, recorded["given"], base
        self.home, self.fake, self.cwd, self.tmp = (base / name for name in ("bw", "fake", "cwd", "tmp"))
        self.bwdata = self.home / "bwdata"
        for folder in (self.home, self.fake, self.cwd, self.tmp, base / "bin"):
            folder.mkdir()
        self._install()
        self._prepare_programs()
        for folder, _folders, files in os.walk(base):
            for path in (folder, *(f"{folder}/{name}" for name in files)):
                os.chown(path, USER, USER)
        base.chmod(0o755)

    def _install(self) -> None:
        shutil.copy(FILES / "bitwarden" / "bitwarden.sh", self.home)
        given = self.given
        for name in given.get("present_beforehand", []):
            (self.bwdata / name).mkdir(parents=True)
        if not given.get("bwdata_present", True):
            return
        for name in ("docker", "env", "scripts", "mssql/data", "mssql/backups", "core", "logs"):
            (self.bwdata / name).mkdir(parents=True)
        shutil.copy(FILES / "bitwarden" / "run.sh", self.bwdata / "scripts")
        for name, text in {
            "config.yml": given.get("config_yml", "url: https://localhost\n"),
            "docker/docker-compose.yml": "services:\n  api:\n    image: ghcr.io/bitwarden/api:2026.7.0\n",
            "env/uid.env": f"LOCAL_UID={USER}\nLOCAL_GID={USER}\n",
            "env/global.override.env": given.get("global_override_env", DATABASE),
        }.items():
            (self.bwdata / name).write_text(text)
        if given.get("override"):
            (self.bwdata / "docker" / "docker-compose.override.yml").write_text("services: {}\n")
        if given.get("letsencrypt"):
            (self.bwdata / "letsencrypt" / "live").mkdir(parents=True)
        for name in given.get("removed_beforehand", []):
            path = self.bwdata / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _prepare_programs(self) -> None:
        for name in ("docker", "curl", "sleep", "tar"):
            shutil.copy(PROGRAM, self.base / "bin" / name)
        for name in ("run.sh", "bitwarden.sh"):
            shutil.copy(FILES / "bitwarden" / name, self.fake)
        failing = self.given.get("made_to_fail", {})
        body, http, status = re.match(
            r"(\w+).*, http (\d+), curl exit (\d+)", self.given.get("download", "good, http 200, curl exit 0")
        ).groups()
        for name, text in {
            "running": f"{self.given.get('containers_running', 11)}\n",
            "tags": " ".join(self.given.get("images_running", ["2026.7.0", "2026.7.0"])) + "\n",
            "fail": "".join(f"{label} {status}\n" for label, status in failing.items()),
            "download": f"{body} {http} {status}\n",
            "calls": "",
            "labels": "",
            "eaten": "",
        }.items():
            (self.fake / name).write_text(text)
        if self.recorded["name"] == "misc/no_compose_at_all":
            (self.fake / "no-compose").touch()

    def run(self) -> int:
        """Run the command; return its exit status."""
        command = self.recorded["command"].replace("{root}", str(self.base)).replace("{bw}", str(self.home))
        arguments = command.split()
        if arguments[0] == "bitwarden.sh":
            arguments[0] = str(self.home / "bitwarden.sh")
        environment = {
            "PATH": f"{self.base / 'bin'}:{os.environ['PATH']}",
            "FAKE": str(self.fake),
            "FAKE_TTY": "1" if self.given.get("tty") else "",
            "TMPDIR": str(self.tmp),
            "BWFLEET_REGISTRY": "ghcr.io/bitwarden",
            "BWFLEET_UPDATE_PAUSE": "60",
            **self.given.get("env", {}),
        }
        root = self.given.get("run_as_root")
        user: Dict[str, Any] = {} if root else {"user": USER, "group": USER, "extra_groups": []}
        return subprocess.run(
            arguments, input=self.recorded["stdin"], cwd=self.cwd, env=environment, capture_output=True, text=True,
            check=False, timeout=60, **user,
        ).returncode  # fmt: skip

    def tokens(self) -> List[str]:
        """Return the calls as tokens, in order."""
        found = []
        for line in (self.fake / "calls").read_text().splitlines():
            status, *words = line.split("\t")
            text = " ".join(words).strip()
            names = [token for token, expected in PATTERNS.items() if expected.fullmatch(text)]
            assert names, f"no measured command is like this: {text}"
            token = names[0]
            if "SERVICE" in token:
                service = words[-1].replace("ID-of-", "")
                token = token.replace("SERVICE", service)
            found.append(token + (f"!{status}" if status != "0" else ""))
        return found

    def files(self) -> Dict[str, bytes]:
        """Return files and folders (their names end in ``/``) of the installation."""
        found = {}
        for path in self.home.rglob("*"):
            name = str(path.relative_to(self.home))
            found.update({f"{name}/": b""} if path.is_dir() else {name: path.read_bytes()})
        return found


@pytest.fixture
def base() -> Iterator[Path]:
    # Not below pytest's own folder, which only root may enter.
    folder = Path(tempfile.mkdtemp())
    yield folder
    shutil.rmtree(folder)


def difference(before: Dict[str, bytes], after: Dict[str, bytes]) -> Dict[str, Set[str]]:
    found = {
        "created": set(after) - set(before),
        "removed": set(before) - set(after),
        "changed": {name for name in set(before) & set(after) if before[name] != after[name]},
    }
    if found["removed"] and "bwdata/" in found["removed"]:
        found["removed"] = {"all of bwdata/"}
    return {key: names for key, names in found.items() if names}


@pytest.mark.parametrize("recorded", [pytest.param(case, id=case["name"]) for case in SEQUENCES["cases"]])
def test_run(recorded, base):
    case = Case(recorded, base)
    before = case.files()
    status = case.run()
    preamble = PREAMBLE if recorded.get("preamble") else []
    assert case.tokens() == preamble + recorded["steps"]
    assert status == recorded["exit"]
    after = case.files()
    expected = {key: set(names) for key, names in recorded.get("files", {}).items()}
    assert difference(before, after) == expected
    if "containers_running_after" in recorded:
        assert int((case.fake / "running").read_text()) == recorded["containers_running_after"]
    compose = re.search(rb"api:(\d+\.\d+\.\d+)", after.get("bwdata/docker/docker-compose.yml", b""))
    assert (compose and compose.group(1).decode()) == recorded["image_version_in_compose_after"]
    left = recorded.get("left_behind", {})
    assert len(list(case.tmp.iterdir())) == len(left.get("tmp", []))
    assert sorted(path.name for path in case.cwd.iterdir()) == left.get("cwd", [])
    for name, content in recorded.get("file_content", {}).items():
        assert after[f"bwdata/{name}"].decode() == content
    eaten = sum(one["bytes"] for one in recorded.get("stdin_eaten_by", []))
    assert len((case.fake / "eaten").read_bytes()) == eaten
