# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the image does before the server starts: tools by version, owners, the nightly backup; then the server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from . import __main__ as program
from . import next_backup
from .engine import has_old_tools

_NOBODY = 65534
_TOOLS = {True: Path("/opt/mssql-tools/bin"), False: Path("/opt/mssql-tools18/bin")}
_SQLCMD = Path("/usr/local/bin/sqlcmd.sh")
_OWNED = (Path("/etc/bitwarden"), Path("/var/opt/mssql"))
_BACKUPS = Path("/etc/bitwarden/mssql/backups")
_SCRIPT = "/backup-db.sh"
_NIGHTLY = (
    "BACKUP DATABASE [{name}] TO DISK = N'{folder}/{safe}_FULL_$(now).BAK' WITH INIT, NAME = N'{title} full backup', "
    "NOSKIP, NOFORMAT"
)


def main() -> int:
    """Prepare the container as root, and serve as LOCAL_UID."""
    tools = _TOOLS[has_old_tools(os.environ.get("STANDIN_VERSION", ""))]
    tools.mkdir(parents=True, exist_ok=True)
    if not (tools / "sqlcmd").exists():
        (tools / "sqlcmd").symlink_to(_SQLCMD)
    Path("/backup-db.sql").write_text(_nightly(os.environ.get("DATABASE") or "vault"))
    _BACKUPS.mkdir(parents=True, exist_ok=True)
    user = int(os.environ.get("LOCAL_UID") or 0) or _NOBODY
    group = int(os.environ.get("LOCAL_GID") or 0) or _NOBODY
    for folder in _OWNED:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, group, follow_symlinks=False)
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)
    os.umask(0o007)
    if os.environ.get("BACKUP_DB") != "0":
        null = [(os.POSIX_SPAWN_OPEN, number, "/dev/null", os.O_WRONLY, 0) for number in (1, 2)]
        os.posix_spawn("/bin/sh", ["sh", _SCRIPT, "loop", str(next_backup.wait())], os.environ, file_actions=null)
    return program.main([])


def _nightly(name: str) -> str:
    escaped, text, safe = name.replace("]", "]]"), name.replace("'", "''"), name.replace(" ", "-")
    return _NIGHTLY.format(name=escaped, title=text, safe=safe.replace("'", "''"), folder=_BACKUPS)


if __name__ == "__main__":
    sys.exit(main())
