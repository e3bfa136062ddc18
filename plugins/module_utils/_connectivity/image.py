# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests by the wget of a container's image, where the container's network cannot be entered.

It tells whether something responds and roughly why not. The wget of current images, busybox's, knows no proxy.
"""

from __future__ import annotations

import re
import shlex
from typing import Dict, List, Mapping

from .._deployment.runner import Commands
from . import failures
from .endpoints import API, PUSH, Endpoint
from .failures import Outcome, skipped
from .proxy import proxy_for

# What an engine may take to start a program and to end it, beside the program's own time limit.
_SPARE = 10.0
_NO_PROGRAM = (126, 127)
_SCRIPT = """\
command -v wget > /dev/null 2>&1 && command -v timeout > /dev/null 2>&1 || exit 127
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
# It is no fault to say so, and the name in it could be any.
_CONNECTING = re.compile(rf"\bConnecting to \S+(?: ?\(\S+\))?|{_BLIND}")
_WORDS = (
    ("bad address", failures.NAME_UNKNOWN),
    ("certificate|ssl|tls", failures.NOT_TRUSTED),
    ("connect|timed out|unreachable|refused|no route", failures.NOT_CONNECTED),
)
# By the program "timeout", or a signal.
_ENDED = (124, 137, 143)


def ask_image(
    commands: Commands, command: List[str], environment: Mapping[str, str], endpoints: List[Endpoint], timeout: float,
    more: str,
) -> Dict[str, Outcome]:  # fmt: skip
    """Request ``endpoints`` at once; without a program in the image none is returned.

    ``command`` is ``docker exec`` up to the container, ``environment`` the service's, ``more`` how to learn more.
    """
    untried = skipped("not tried: wget of the image knows no proxy", more)
    outcomes = {one.name: untried for one in endpoints if proxy_for(one.url, environment)}
    asked = {one.name: one for one in endpoints if one.name not in outcomes}
    script = _SCRIPT % (max(1, round(timeout)) + 1)
    script += "".join(f"ask {name} {shlex.quote(one.url)} &\n" for name, one in asked.items()) + "wait\n"
    result = commands.run([*command, "sh", "-s"], timeout + _SPARE, stdin=script)
    found = [match.groups() for match in map(_LINE.match, result.stdout.splitlines()) if match]
    for name, status, said in found:
        if name in asked:
            outcomes[name] = judge(asked.pop(name), int(status), said or "", more)
    if result.timed_out:
        outcomes.update(dict.fromkeys(asked, failures.LATE.outcome()))
    elif not found and result.rc not in (0, *_NO_PROGRAM):
        refused = skipped(f"not tried: docker exec says: {result.last_line[:200]}", more)
        outcomes.update(dict.fromkeys(asked, refused))
    return outcomes


def judge(endpoint: Endpoint, exit_status: int, said: str, more: str) -> Outcome:
    """Return what it means how wget ended and what it said."""
    found = _STATUS.search(said)
    if exit_status == 0 or found:
        status = int(found.group(1)) if found else 200
        if endpoint.name != PUSH and status not in (200, 404 if endpoint.name == API else 200, 429):
            return failures.IN_IMAGE_STATUS.outcome(status=status, setting=endpoint.setting)
        blind = " without looking at the certificate" if _BLIND in said else ""
        return Outcome(True, "", f"wget of the image got status {status}{blind} (programs of the image tell no more)")
    lowered = _CONNECTING.sub("", said).lower()
    failure = next((failure for words, failure in _WORDS if re.search(words, lowered)), failures.LATE)
    if exit_status in _ENDED:
        # It says so once it has found the address.
        failure = failures.NOT_CONNECTED if _CONNECTING.search(said) else failures.NAME_UNKNOWN
    said = said.replace(_BLIND, "").strip()[:200] or f"nothing (status {exit_status})"
    return failures.IN_IMAGE.outcome(said=said, advice=f"{failure.advice} {more}")._replace(layer=failure.layer)
