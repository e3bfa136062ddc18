# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On a host: remember what the freshly set-up stack looks like, and bring files and containers back to that.

``remember``: note the environment and image of every container, and the images that the engine has.
``remember-database``: note what the database server knows of itself, after it has begun again.
``restore``: files and images as at set-up. What modules keep and tests add is gone: journals, backups, other data
folders, images of other releases. Containers that differ are recreated; prints ``kept`` or the services touched. A
database server that knows other databases, another password or another engine than at set-up begins again, empty.
``empty-database``: let it begin again in any case.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Iterable

ENGINE = "/var/run/docker.sock"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
HOME = Path("/usr/local/lib/bwfleet")
PRISTINE = HOME / "pristine.tar"
REMEMBERED = HOME / "containers.json"
IMAGES = HOME / "images.json"
MASTER = HOME / "master.mdf"
BITWARDEN = Path("/opt/bitwarden")
BWDATA = BITWARDEN / "bwdata"
# Folders that hold only what set-up laid there (bwdata/core has the server's data, which its own reset empties).
OWNED = ("env", "docker", "nginx", "ssl", "ca-certificates", "scripts", "identity", "letsencrypt", "web")

# What is never part of a fresh installation; the server fills the first one again when it is reset.
EMPTIED = ("core/aspnet-dataprotection", "core/attachments", "mssql/backups")
# Here nothing but what set-up laid there stays: modules keep files of theirs in them, and tests other data folders.
CLOSED = (BITWARDEN, BWDATA, BWDATA / "mssql")
# What modules keep elsewhere: backup sets.
KEPT_ELSEWHERE = (Path("/var/backups/bitwarden"),)
# The server's own file, which it keeps open: where it is gone, so is what its containers have mounted.
OPEN_FILE = BWDATA / "core/standin.sqlite3"


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def ask(path: str) -> Any:
    """Return the engine's answer; each start of its client takes as long as ten of these."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(ENGINE)
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        with connection.makefile("rb") as answer:
            status = answer.readline()
            assert b" 200 " in status, (path, status)
            while answer.readline().strip():
                pass
            return json.load(answer)


def container_names() -> set[str]:
    """Return the names of all containers, of any project."""
    return {one["Names"][0].lstrip("/") for one in ask("/containers/json?all=1")}


def compose(*arguments: str) -> None:
    command = ["docker", "compose", "--progress", "plain", *arguments]
    subprocess.run(
        ["setpriv", "--reuid=bitwarden", "--regid=bitwarden", "--init-groups", "--reset-env", *command],
        check=True, cwd=BWDATA / "docker", stdin=subprocess.DEVNULL, stdout=sys.stderr,
    )  # fmt: skip


def containers() -> dict[str, object]:
    """Return service -> what its container was made of; a container that is not running counts as absent."""
    listed = ask("/containers/json?all=1")
    ours = [one["Id"] for one in listed if one["Labels"].get(FOLDER_LABEL) == f"{BWDATA}/docker"]
    found: dict[str, object] = {}
    for container in (ask(f"/containers/{identifier}/json") for identifier in ours):
        state = container["State"]
        if state["Running"] and not state["Restarting"] and not state["Paused"]:
            config = container["Config"]
            binds = sorted(container["HostConfig"]["Binds"] or [])
            service = config["Labels"]["com.docker.compose.service"]
            found[service] = [sorted(config["Env"]), container["Image"], config["Image"], binds]
    return found


def remember_database() -> None:
    shutil.copyfile(BWDATA / "mssql/data/master.mdf", MASTER)


def database_is_as_remembered() -> bool:
    try:
        return (BWDATA / "mssql/data/master.mdf").read_bytes() == MASTER.read_bytes()
    except OSError:
        return False


def empty_database() -> None:
    left = docker("ps", "--all", "--quiet", "--filter", "name=^bitwarden-mssql$").split()
    if left:
        docker("rm", "--force", *left)
    empty(BWDATA / "mssql/data")


def images() -> dict[str, str]:
    """Return name with tag -> id, of each image that the engine has."""
    return {name: one["Id"] for one in ask("/images/json") for name in one["RepoTags"] or []}


def restore_images(now: dict[str, str]) -> None:
    """Pull what was pruned or is another one by now."""
    for name, identifier in json.loads(IMAGES.read_text()).items():
        if now.get(name) != identifier:
            docker("pull", "--quiet", name)


def remove_other_images(now: dict[str, str]) -> None:
    """Remove those that containers no longer need: what a test pulled is not there for the next one."""
    others = sorted(set(now).difference(json.loads(IMAGES.read_text())))
    # One without a name goes by itself, or has a container of another project.
    named = [name for name in others if "<none>" not in name]
    if named:
        docker("image", "rm", "--force", *named)


def restore_files() -> None:
    # An installation can have been removed.
    BWDATA.mkdir(parents=True, exist_ok=True)
    with tarfile.open(PRISTINE) as archive:
        known = {Path("/") / name for name in archive.getnames()}
        for path in (*(path for folder in CLOSED if folder.is_dir() for path in folder.iterdir()), *KEPT_ELSEWHERE):
            if path not in known or path.is_symlink():
                remove(path)
        for folder in (*OWNED, *EMPTIED):
            empty(BWDATA / folder)
        for path in (*BITWARDEN.iterdir(), *BWDATA.iterdir()):
            if path.is_file():
                path.unlink()
        archive.extractall("/", filter="fully_trusted")
    for home in (Path("/root"), *Path("/home").iterdir()):
        shutil.rmtree(home / ".ansible", ignore_errors=True)
    # Emptied, not removed: the log daemon keeps it open.
    os.truncate("/var/log/syslog", 0)


def empty(folder: Path) -> None:
    """Remove what is in a folder, not itself: running containers have it mounted, and would keep the removed one."""
    if not folder.is_dir() or folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    for path in folder.iterdir():
        remove(path)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_strangers(services: Iterable[str]) -> None:
    """Remove containers of tests (another data folder, say) that would hold names or ports."""
    known = {f"bitwarden-{service}" for service in services}
    strangers = container_names() - known
    if strangers:
        docker("rm", "--force", "--volumes", *strangers)


def restore(keep_database: bool = True) -> list[str]:
    if not keep_database or not database_is_as_remembered():
        empty_database()
    wanted = json.loads(REMEMBERED.read_text())
    # First, as they have mounted what is removed.
    remove_strangers(wanted)
    restore_files()
    before = images()
    restore_images(before)
    differing = restore_containers(wanted)
    remove_other_images(before)
    return differing


def restore_containers(wanted: dict[str, object]) -> list[str]:
    now = containers()
    if not OPEN_FILE.exists():
        for service in ("api", "identity"):
            now.pop(service, None)
    differing = sorted(service for service in wanted if now.get(service) != wanted[service])
    if not differing:
        return []
    # At once: Compose would wait for their end. Those with a fixed name may also belong to another project.
    in_the_way = container_names().intersection(f"bitwarden-{service}" for service in differing)
    if in_the_way:
        docker("rm", "--force", *in_the_way)
    # An update has pruned the images that it replaced.
    compose("up", "--detach", "--remove-orphans", "--pull", "missing")
    if "nginx" not in differing:
        # It knows the addresses of the others from when it was started.
        docker("restart", "--time", "2", "bitwarden-nginx")
    return differing


def main() -> int:
    if sys.argv[1:] == ["remember"]:
        REMEMBERED.write_text(json.dumps(containers()))
        IMAGES.write_text(json.dumps(images()))
        remember_database()
    elif sys.argv[1:] == ["remember-database"]:
        remember_database()
    elif sys.argv[1:] in (["restore"], ["empty-database"]):
        print(" ".join(restore(keep_database=sys.argv[1] == "restore")) or "kept")
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
