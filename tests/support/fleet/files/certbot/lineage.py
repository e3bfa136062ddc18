# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files that certbot keeps of a name: numbered ones, links to the newest of them, and what a renewal needs.

``live`` and ``archive`` can be entered only by root.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import List, Optional

from cryptography import x509

from .authority import Issued


def now() -> datetime.datetime:
    """Return the time, in UTC."""
    return datetime.datetime.now(datetime.timezone.utc)


def names(root: Path) -> List[str]:
    """Return the names that can be renewed."""
    return sorted(path.stem for path in (root / "renewal").glob("*.conf"))


def expiry(root: Path, name: str) -> Optional[datetime.datetime]:
    """Return until when the newest certificate of a name is valid."""
    try:
        content = (root / "live" / name / "cert.pem").read_bytes()
    except FileNotFoundError:
        return None
    return x509.load_pem_x509_certificate(content).not_valid_after_utc


def write(root: Path, name: str, issued: Issued) -> None:
    """Add a certificate to those of a name, and let the links lead to it."""
    live, archive = root / "live" / name, root / "archive" / name
    for folder in (live, archive):
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(exist_ok=True)
    number = 1 + len(list(archive.glob("cert*.pem")))
    contents = {
        "cert": issued.certificate,
        "chain": issued.chain,
        "fullchain": issued.certificate + issued.chain,
        "privkey": issued.key,
    }
    for kind, content in contents.items():
        path, link = archive / f"{kind}{number}.pem", live / f"{kind}.pem"
        path.touch(mode=0o600 if kind == "privkey" else 0o644)
        path.write_bytes(content)
        link.unlink(missing_ok=True)
        link.symlink_to(f"../../archive/{name}/{path.name}")
    (live / "README").write_text("This directory contains your keys and certificates.\n")
    (root / "renewal").mkdir(exist_ok=True)
    lines = [f"{kind} = /etc/letsencrypt/live/{name}/{kind}.pem" for kind in contents]
    lines += ["[renewalparams]", "authenticator = standalone"]
    (root / "renewal" / f"{name}.conf").write_text("\n".join(lines) + "\n")
