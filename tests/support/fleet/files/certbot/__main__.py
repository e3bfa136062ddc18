# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""certbot, as far as it is called for Bitwarden: ``certonly --standalone`` for one name, and ``renew``.

The authority is the fleet's. As Let's Encrypt it asks the name at port 80 for a file, before it issues anything.
"""

from __future__ import annotations

import argparse
import datetime
import http.server
import os
import random
import secrets
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import List, Optional, Sequence

from . import lineage
from .authority import Authority

ROOT = Path(os.environ.get("BWFLEET_CERTBOT_ROOT", "/etc/letsencrypt"))
AUTHORITY = Path(os.environ.get("BWFLEET_AUTHORITY", "/opt/authority"))
PORT = int(os.environ.get("BWFLEET_CERTBOT_PORT", "80"))
_DUE = datetime.timedelta(days=30)
# certbot waits for up to 8 minutes where it has no terminal; the fleet's delays are a twentieth.
_LONGEST_SLEEP = 8 * 60 / 20
_PLACE = "/.well-known/acme-challenge/"


class ChallengeError(Exception):
    """The authority did not find the file; kind and detail are its words."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Do what is asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="certbot")
    parser.add_argument("command", choices=["certonly", "renew"])
    for flag in ("--standalone", "--noninteractive", "--agree-tos", "--register-unsafely-without-email"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--preferred-challenges", choices=["http"])
    parser.add_argument("-d", dest="domain")
    parser.add_argument("--email")
    parser.add_argument("--work-dir", type=Path)
    parser.add_argument("--logs-dir", type=Path, default=Path("/var/log/letsencrypt"))
    given = parser.parse_args(arguments)
    given.logs_dir.mkdir(parents=True, exist_ok=True)
    print(f"Saving debug log to {given.logs_dir}/letsencrypt.log", flush=True)
    (given.logs_dir / "letsencrypt.log").touch()
    return _renew() if given.command == "renew" else _certonly(given)


def _certonly(given: argparse.Namespace) -> int:
    if not (given.standalone and given.noninteractive and given.agree_tos and given.domain):
        print("Missing command line flag or config entry for this setting", file=sys.stderr)
        return 1
    held = lineage.expiry(ROOT, given.domain)
    if held is not None and held - lineage.now() > _DUE:
        print("Certificate not yet due for renewal\n\nCertificate not yet due for renewal; no action taken.")
        return 0
    print(f"Requesting a certificate for {given.domain}", flush=True)
    if not _issued(given.domain):
        return 1
    folder = f"/etc/letsencrypt/live/{given.domain}"
    print(f"\nSuccessfully received certificate.\nCertificate is saved at: {folder}/fullchain.pem")
    print(f"Key is saved at:         {folder}/privkey.pem")
    return 0


def _renew() -> int:
    names = lineage.names(ROOT)
    due = [one for one in names if (lineage.expiry(ROOT, one) or lineage.now()) - lineage.now() <= _DUE]
    if not due:
        print("The following certificates are not due for renewal yet:" if names else "No renewals were attempted.")
        return 0
    if not sys.stdin.isatty():
        time.sleep(random.uniform(0, _LONGEST_SLEEP))
    failed: List[str] = [one for one in due if not _issued(one)]
    if failed:
        print("All renewals failed. The following certificates could not be renewed:", *failed, file=sys.stderr)
        print(f"{len(failed)} renew failure(s), 0 parse failure(s)", file=sys.stderr)
        return 1
    print("Congratulations, all renewals succeeded:", *due)
    return 0


def _issued(domain: str) -> bool:
    """Pass the challenge and write a certificate; say what was wrong."""
    try:
        _answer_challenge(domain)
    except ChallengeError as error:
        print("\nCertbot failed to authenticate some domains (authenticator: standalone).", end=" ")
        print("The Certificate Authority reported these problems:")
        print(f"  Domain: {domain}\n  Type:   {error.kind}\n  Detail: {error.detail}\n", flush=True)
        print("Some challenges have failed.", file=sys.stderr)
        return False
    lineage.write(ROOT, domain, Authority(AUTHORITY).issue(domain))
    return True


def _answer_challenge(domain: str) -> None:
    """Offer a file at port 80, and look at it as the authority does. Raises ``ChallengeError``."""
    path, content = _PLACE + secrets.token_urlsafe(16), secrets.token_urlsafe(16).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == path else 404)
            self.end_headers()
            self.wfile.write(content if self.path == path else b"")

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("", PORT), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with urllib.request.urlopen(f"http://{domain}:{PORT}{path}", timeout=10) as response:
                seen = response.read(1000)
        except urllib.error.HTTPError as error:
            detail = f"Invalid response from http://{domain}{path}: {error.code}"
            raise ChallengeError("unauthorized", detail) from None
        except OSError as error:
            if isinstance(getattr(error, "reason", None), socket.gaierror):
                detail = f"DNS problem: NXDOMAIN looking up A for {domain}"
                raise ChallengeError("dns", f"{detail} - check that a DNS record exists for this domain") from None
            raise ChallengeError("connection", f"Fetching http://{domain}{path}: Connection refused") from None
        finally:
            server.shutdown()
    if seen != content:
        raise ChallengeError("unauthorized", f"The key authorization file from the server did not match for {domain}")


if __name__ == "__main__":
    sys.exit(main())
