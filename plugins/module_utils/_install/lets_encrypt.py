# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate of Let's Encrypt for a new installation, by certbot as bitwarden.sh calls it, but as the owner.

What certbot makes as root, the owner could neither look at nor remove.
"""

from __future__ import annotations

import os
import re
from functools import partial

from .._commands.runner import Result
from .._common.begun import Begun
from .._common.errors import BitwardenError
from .host import InstallHost
from .request import InstallRequest
from .stage import Stage

IMAGE = "certbot/certbot"
_CHAIN = "letsencrypt/live/{domain}/fullchain.pem"
# What Let's Encrypt says of a name, where certbot's last line only says that there was something.
_DETAIL = re.compile(r"^\s*Detail:\s*(.*\S)", re.MULTILINE)


class CertificateError(BitwardenError):
    """Let's Encrypt did not issue a certificate; the message says what certbot printed."""


def obtain_certificate(host: InstallHost, request: InstallRequest, stage: Stage) -> None:
    """Have a certificate for the domain in the stage, one that an earlier run obtained or a new one.

    Raises ``CertificateError``.
    """
    stage.take_certificate()
    chain = stage.below(_CHAIN.format(domain=request.domain))
    if os.path.exists(chain):
        return
    stage.make_folder("letsencrypt")
    docker = [host.engine.docker, "run", "--interactive", "--rm", "--name", f"{stage.container}-certbot", "-p", "80:80"]
    docker += [] if host.is_rootless() else ["--user", f"{host.account.uid}:{host.account.gid}"]
    docker += ["-v", f"{stage.below('letsencrypt')}:/etc/letsencrypt/", IMAGE]
    certbot = ["certonly", "--standalone", "--noninteractive", "--agree-tos", "--register-unsafely-without-email"]
    certbot += ["--preferred-challenges", "http", "-d", request.domain, "--logs-dir", "/etc/letsencrypt/logs"]
    certbot += ["--work-dir", "/etc/letsencrypt/work"]
    with Begun() as begun:
        begun.add(partial(host.remove_container, f"{stage.container}-certbot"))
        result = host.commands.run([*docker, *certbot], request.timeout)
    if result.rc != 0 or not os.path.exists(chain):
        raise CertificateError(
            f"Let's Encrypt issued no certificate for {request.domain}: certbot {result.ending}; {_words(result)} "
            f"The name must lead to this host, and port 80 be open to the Internet."
        )


def _words(result: Result) -> str:
    details = _DETAIL.findall(result.stdout)
    return " ".join(f"{one.rstrip('.')}." for one in details) or result.last_words
