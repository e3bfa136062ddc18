# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stands for docker: logs each call, and runs the fleet's setup tool in place of a container, as it is told.

Its folder has ``behaviour.json`` (``setup``: what the setup tool does, ``pull``, ``certbot``, ``compose``: exit
statuses; ``files``: where the setup tool is, ``cloud``: which installations there are) and ``calls``, a JSON
document a line.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEHAVIOUR = json.loads((HERE / "behaviour.json").read_text())


def volume(arguments):
    option = next(one for one in ("--volume", "-v") if one in arguments)
    return Path(arguments[arguments.index(option) + 1].rpartition(":")[0])


def run_setup(arguments, told):
    """Run the setup tool on the folder that is mounted; return its exit status."""
    root, tool = volume(arguments), arguments[arguments.index("/app/Setup") + 1 :]
    assert (root / "env" / "uid.env").read_text().startswith("LOCAL_UID="), "the env file is missing"
    while told == "hang" and root.exists():
        time.sleep(0.02)
    while told == "loop":
        print("(!) Enter your installation id: " * 1000, flush=True)
    sys.path[:0] = BEHAVIOUR["files"]
    os.environ.update(BWFLEET_SETUP_ROOT=str(root), BWFLEET_RSA_BITS="1024")
    from setup import __main__ as setup  # noqa: PLC0415
    from setup import entry_point, questions  # noqa: PLC0415

    installation = dict(arguments[i + 1].split("=", 1) for i, one in enumerate(arguments) if one == "--env")
    os.environ.update(installation)
    if not installation:
        questions._known = lambda identifier, _region: known(identifier)
    entry_point.prepare(root, os.geteuid(), os.getegid())
    if told == "crash":
        print("Unhandled exception. System.Exception: no", file=sys.stderr)
        return 134
    status = setup.main(["/app/Setup", *tool])
    if told == "without_pfx" and "-install" in tool:
        (root / "identity/identity.pfx").unlink()
    return status


def known(identifier):
    if identifier in BEHAVIOUR["cloud"]:
        return True
    print("Invalid installation id for US region.")
    return False


def run_certbot(arguments):
    """Obtain a certificate for the domain."""
    if BEHAVIOUR["certbot"] == 0:
        live = volume(arguments) / "live" / arguments[arguments.index("-d") + 1]
        live.mkdir(parents=True)
        (live / "fullchain.pem").write_text("CERTIFICATE")
    else:
        print("Saving debug log to /etc/letsencrypt/logs/letsencrypt.log")
        print(f"  Domain: x\n  Type:   dns\n  Detail: {BEHAVIOUR['detail']}\n" if BEHAVIOUR["detail"] else "")
        print("Some challenges have failed.", file=sys.stderr)
    return BEHAVIOUR["certbot"]


def main(arguments):
    parents = Path(f"/proc/{os.getppid()}/cmdline").read_text().split("\0")
    with (HERE / "calls").open("a") as stream:
        call = {"arguments": arguments, "environment": dict(os.environ), "parent": parents, "pid": os.getpid()}
        stream.write(json.dumps(call) + "\n")
    if arguments[:2] == ["compose", "version"]:
        print("2.26.1")
        return BEHAVIOUR["compose"]
    if arguments[0] == "pull":
        if BEHAVIOUR["pull"] == 0:
            (HERE / "images").open("a").write(arguments[-1] + "\n")
        else:
            print("Error response from daemon: no route to host", file=sys.stderr)
        return BEHAVIOUR["pull"]
    if "certbot/certbot" in arguments:
        return run_certbot(arguments)
    assert arguments[0] == "run", arguments
    return run_setup(arguments, BEHAVIOUR["setup"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
