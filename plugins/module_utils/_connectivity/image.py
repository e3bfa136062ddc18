# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests by the wget of a container's image, busybox's, where the container's network cannot be entered."""

from __future__ import annotations

import re
import shlex
from typing import Dict, List, Mapping, NamedTuple

from .._commands.runner import Commands
from . import failures
from .endpoints import API, PUSH, Endpoint
from .failures import Outcome, skipped
from .proxy import proxy_for

_SPARE = 10.0  # Seconds for the engine, to start a program and to end it.
# Like the entry script of the service, it trusts the installation's own authorities.
_SCRIPT = """\
command -v wget > /dev/null 2>&1 && command -v timeout > /dev/null 2>&1 || exit 127
both=$(mktemp) && trap 'rm -f "$both"' EXIT
cat /etc/ssl/certs/ca-certificates.crt /etc/bitwarden/ca-certificates/*.crt > "$both" 2> /dev/null
[ -n "$SSL_CERT_FILE" ] || [ ! -s "$both" ] || export SSL_CERT_FILE="$both"
set -f
unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
ask() {
    said=$(timeout %d wget -O /dev/null "$2" 2>&1 < /dev/null)
    echo "$1 $?" $said
}
"""
_LINE = re.compile(r"(\w+) (\d+)(?: (.*))?\Z")
_STATUS = re.compile(r"HTTP/[\d.]+ ([1-5]\d\d)")
_BLIND = "wget: note: TLS certificate validation not implemented"
# It says so without a fault, and the name in it could be any.
_CONNECTING = re.compile(rf"\bConnecting to \S+(?: ?\(\S+\))?|{_BLIND}")
_WORDS = {
    "bad address": failures.NAME_UNKNOWN, "certificate|ssl|tls": failures.NOT_TRUSTED,
    "connect|timed out|unreachable|refused|no route": failures.NOT_CONNECTED,
}  # fmt: skip
_ENDED = (124, 137, 143)  # By the program "timeout", or a signal.
_AS_ROOT = "Run the task as root (become: true) to check from the container's network."
_AS_OTHER_ROOT = "Run the task as root on the machine of the engine; a rootless one keeps its networks to itself."


class Image(NamedTuple):
    """A running container. ``problem`` is why root could not enter its network, empty without root."""

    commands: Commands
    docker: str
    container: str
    environment: Mapping[str, str]
    problem: str

    def probe(self, endpoints: List[Endpoint], timeout: float) -> Dict[str, Outcome]:
        """Request ``endpoints`` at once, each within ``timeout`` seconds."""
        more = _AS_OTHER_ROOT if self.problem else _AS_ROOT
        by_proxy = skipped("not tried: wget of the image knows no proxy", more)
        outcomes = {one.name: by_proxy for one in endpoints if proxy_for(one.url, self.environment)}
        asked = {one.name: one for one in endpoints if one.name not in outcomes}
        script = _SCRIPT % (max(1, round(timeout)) + 1)
        script += "".join(f"ask {name} {shlex.quote(one.url)} &\n" for name, one in asked.items()) + "wait\n"
        command = [self.docker, "exec", "--interactive", self.container, "sh", "-s"]
        result = self.commands.run(command, timeout + _SPARE, stdin=script)
        found = [match.groups() for match in map(_LINE.match, result.stdout.splitlines()) if match]
        for name, status, said in found:
            if name in asked:
                outcomes[name] = judge(asked.pop(name), int(status), said or "", more)
        entered = f"the container's network could not be entered: {self.problem}; and " if self.problem else ""
        others = skipped(f"not tried: {entered}the image has no program to try it with", more)
        if result.timed_out:
            others = failures.LATE.outcome(limit=timeout)
        elif not found and result.rc not in (0, 126, 127):
            others = skipped(f"not tried: docker exec says: {result.last_line[:200]}", more)
        return {**outcomes, **dict.fromkeys(asked, others)}


def judge(endpoint: Endpoint, exit_status: int, said: str, more: str) -> Outcome:
    """Return what it means how wget ended and what it said; ``more`` is how to learn more."""
    found = _STATUS.search(said)
    if exit_status == 0 or found:
        status = int(found.group(1)) if found else 200
        if endpoint.name != PUSH and status not in (200, 404 if endpoint.name == API else 200, 429):
            return failures.IN_IMAGE_STATUS.outcome(status=status, setting=endpoint.setting)
        blind = " without looking at the certificate" if _BLIND in said else ""
        return Outcome(True, "", f"wget of the image got status {status}{blind} (programs of the image tell no more)")
    lowered = _CONNECTING.sub("", said).lower()
    failure = next((failure for words, failure in _WORDS.items() if re.search(words, lowered)), failures.LATE)
    if exit_status in _ENDED:  # It says so once it has found the address.
        failure = failures.NOT_CONNECTED if _CONNECTING.search(said) else failures.NAME_UNKNOWN
    said = said.replace(_BLIND, "").strip()[:200] or f"nothing (status {exit_status})"
    return failures.IN_IMAGE.outcome(said=said, advice=f"{failure.advice} {more}")._replace(layer=failure.layer)
