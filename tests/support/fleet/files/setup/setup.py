# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The setup tool of the fleet: what ``bitwarden.sh`` runs in the setup image, on the tree mounted at /bitwarden."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from generated_files import (  # type: ignore[import-not-found,unused-ignore]
    GLOBAL_ENV,
    MSSQL_ENV,
    compose_file,
    nginx_site,
)
from standin.setup_rewrite import rewrite  # type: ignore[import-not-found,unused-ignore]

ROOT = Path("/bitwarden")


def read_config(text: str) -> dict[str, object]:
    """The members of ``config.yml`` that the tool needs: ``url`` and ``push_notifications``."""
    values = dict(re.findall(r"^(\w+):[ \t]*(\S*)", text, re.MULTILINE))
    return {
        "url": values.get("url", "").strip("'\""),
        "push_notifications": values.get("push_notifications", "true").lower() != "false",
    }


def rewrite_mssql(before: bytes) -> bytes:
    """``mssql.override.env``: lines with a key, each key once, the last value wins."""
    values: dict[str, str] = {}
    for line in before.decode("utf-8", errors="replace").splitlines():
        key, separator, value = line.partition("=")
        if separator:
            values[key] = value
    return "".join(f"{key}={value}\n" for key, value in values.items()).encode()


def update(version: str) -> None:
    """Generate everything anew, as ``update``, ``rebuild`` and ``updateconf`` do."""
    config = read_config((ROOT / "config.yml").read_text())
    override = ROOT / "env/global.override.env"
    mssql = ROOT / "env/mssql.override.env"
    for path, content in (
        (ROOT / "docker/global.env", GLOBAL_ENV.encode()),
        (ROOT / "docker/mssql.env", MSSQL_ENV.encode()),
        (override, rewrite(override.read_bytes() if override.exists() else b"", config)),
        (mssql, rewrite_mssql(mssql.read_bytes() if mssql.exists() else b"")),
    ):
        path.write_bytes(content)
        path.chmod(0o600)
    (ROOT / "docker/docker-compose.yml").write_text(compose_file(version))
    (ROOT / "nginx/default.conf").write_text(nginx_site(str(config["url"])))


def become_owner() -> None:
    """As the real tool does: the whole tree is given to the user that it then works as."""
    uid, gid = int(os.environ.get("LOCAL_UID", "65534")), int(os.environ.get("LOCAL_GID", "65534"))
    for folder, _rest, files in os.walk(ROOT):
        for name in [folder, *(f"{folder}/{name}" for name in files)]:
            os.lchown(name, uid, gid)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main(arguments: list[str]) -> int:
    """Take the program's name, and options in pairs, ``-name value``."""
    become_owner()
    options = dict(zip(arguments[1::2], arguments[2::2]))
    if "-update" in options and "-db" in options:
        print("The database is current.")
    elif "-update" in options:
        update(options["-corev"])
    elif "-printenv" in options:
        print(f"\nThe server is up: {read_config((ROOT / 'config.yml').read_text())['url']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
