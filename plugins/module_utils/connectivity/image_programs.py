# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.

"""Asking from inside a container with the programs of its image, where its network cannot be entered.

What an image has differs: curl, wget, or nothing. They tell whether something answers and roughly why not.
"""

from __future__ import annotations

import re
import shlex
from typing import Dict, List, Mapping, Optional

from ..command import Commands
from . import layers
from .endpoints import API, PUSH, Endpoint, shown
from .layers import Blocked, Outcome

# Each question's line: name, program, its exit status, what it said. Bitwarden's entry script adds the authorities in
# its folder to the image's own; whether it did so where curl looks is the image's business, so curl is given both.
_SCRIPT = """\
own=/etc/ssl/certs/ca-certificates.crt
given=/etc/bitwarden/ca-certificates
both=
if [ -z "$SSL_CERT_FILE" ] && [ -e $own ] && ls $given/*.crt > /dev/null 2>&1 && both=$(mktemp); then
    trap 'rm -f "$both"' EXIT
    cat $own $given/*.crt > "$both"
fi
ask() {
    if command -v curl > /dev/null 2>&1; then
        said=$(curl -sS -o /dev/null -m %(timeout)d -w ' %%{http_code}' ${both:+--cacert "$both"} "$2" 2>&1 < /dev/null)
        echo "$1 curl $?" $said
    elif command -v wget > /dev/null 2>&1; then
        said=$(wget -T %(timeout)d -O /dev/null "$2" 2>&1 < /dev/null)
        echo "$1 wget $?" $said
    else
        echo "$1 nothing 0"
    fi
}
"""
_LINE = re.compile(r"(\w+) (curl|wget|nothing) (\d+)(?: (.*))?\Z")
_NOISE = re.compile(r" ?(?:More details here:.*|000\Z)")
_CURL_STATUS = re.compile(r"\b([1-5]\d\d)\Z")
_WGET_STATUS = re.compile(r"(?:HTTP/[\d.]+|ERROR) ([1-5]\d\d)")
_PROXY_STATUS = re.compile(r"(?:response|HTTP code) ([1-5]\d\d)|HTTP/[\d.]+ (407)")

_CURL_LAYERS = {5: layers.PROXY, 6: layers.DNS, 7: layers.TCP, 28: layers.TCP, 35: layers.TLS, 60: layers.TLS}
_WGET_WORDS = (
    ("bad address|unable to resolve|resolution", layers.DNS),
    ("certificate|ssl|tls", layers.TLS),
    ("connect|timed out|unreachable|refused|no route", layers.TCP),
)
_PROXY_NAMES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}


def ask_within(
    commands: Commands,
    docker: str,
    container: str,
    endpoints: List[Endpoint],
    environment: Mapping[str, str],
    timeout: float,
) -> Dict[str, Outcome]:
    """Ask ``endpoints`` from inside ``container``, all at once. Those that nothing in the image could ask are left out.

    ``environment`` is the service's on the wanted settings; its proxies are handed over.
    """
    asked = {one.name: one for one in endpoints if not one.unusable and "@" not in one.base}
    # By standard input and environment: addresses and proxies are nobody else's business.
    script = _SCRIPT % {"timeout": max(1, round(timeout))}
    script += "".join(f"ask {name} {shlex.quote(one.question)} &\n" for name, one in asked.items()) + "wait\n"
    proxies = {name: value for name, value in environment.items() if name.lower() in _PROXY_NAMES}
    named = [part for name in proxies for part in ("--env", name)]
    result = commands.run(
        [docker, "exec", "--interactive", *named, container, "sh", "-s"], timeout + 10.0, stdin=script,
        environment=proxies,
    )  # fmt: skip
    outcomes = {}
    for line in result.stdout.splitlines():
        found = _LINE.match(line)
        if found and found.group(1) in asked:
            name, program, status, said = found.groups()
            outcome = judge_program(asked[name], program, int(status), said or "")
            if outcome is not None:
                outcomes[name] = outcome
    return outcomes


def judge_program(endpoint: Endpoint, program: str, exit_status: int, said: str) -> Optional[Outcome]:
    """What came of one question, ``None`` where there was no program to ask it."""
    if program == "nothing":
        return None
    number = (_CURL_STATUS if program == "curl" else _WGET_STATUS).search(said)
    status = int(number.group(1)) if number else 0
    if exit_status == 0 or (program == "wget" and status and "proxy" not in said.lower()):
        return _answered(endpoint, program, status or 200)
    layer = _curl_layer(exit_status, said) if program == "curl" else _wget_layer(said)
    return Outcome.of(_blocked(endpoint, program, layer, _NOISE.sub("", said).strip()))


def _answered(endpoint: Endpoint, program: str, status: int) -> Outcome:
    fine = (200, 404, 429) if endpoint.name == API else (200, 429)
    detail = f"{program} of the image got status {status} (no more detail without root)"
    if endpoint.name == PUSH or status in fine:
        return Outcome(True, "", detail, "", status)
    advice = f"Check {endpoint.setting}, and what stands in between (firewall, proxy, login page of a network)."
    return Outcome(False, layers.HTTP, detail, advice, status)


def _curl_layer(exit_status: int, said: str) -> str:
    if exit_status == 56 and _PROXY_STATUS.search(said):
        return layers.PROXY
    if exit_status == 28 and "resolv" in said.lower():
        return layers.DNS
    return _CURL_LAYERS.get(exit_status, layers.HTTP)


def _wget_layer(said: str) -> str:
    lowered = said.lower()
    if "proxy" in lowered or _PROXY_STATUS.search(said):
        return layers.PROXY
    return next((layer for words, layer in _WGET_WORDS if re.search(words, lowered)), layers.HTTP)


def _blocked(endpoint: Endpoint, program: str, layer: str, said: str) -> Blocked:
    name = shown(endpoint.base).partition("://")[2]
    detail = f"{program} of the image says: {said[:200]}"
    if layer == layers.DNS:
        return Blocked(layer, detail, layers.unknown_name(name, "", False).advice)
    if layer == layers.TCP:
        return Blocked(layer, detail, layers.not_connected(name, None, False).advice)
    if layer == layers.PROXY:
        return Blocked(layer, detail, "Look at the proxy's address (HTTPS_PROXY), and at the proxy's log.")
    if layer == layers.TLS:
        return Blocked(layer, detail, layers.TRUST)
    return Blocked(layer, detail, "Run the task as root (become) to see more.")
