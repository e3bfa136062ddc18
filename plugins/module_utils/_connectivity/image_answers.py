# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it means how a program of the image ended and what it said."""

from __future__ import annotations

import re

from . import layers
from .endpoints import API, PUSH, Endpoint, shown
from .layers import Blocked, Outcome
from .side_by_side import CHECK_BETWEEN, LATE

_BLIND = "TLS certificate validation not implemented"
_NOISE = re.compile(rf" ?(?:More details here:.*|000\Z)|wget: note: {_BLIND} ?")
_CURL_STATUS = re.compile(r"\b([1-5]\d\d)\Z")
_WGET_STATUS = re.compile(r"(?:HTTP/[\d.]+|ERROR) ([1-5]\d\d)")
_PROXY_STATUS = re.compile(r"(?:response|HTTP code) ([1-5]\d\d)|HTTP/[\d.]+ (407)")
# It is no fault to say so, and the name in it could be any.
_CONNECTING = re.compile(rf"\bConnecting to \S+(?: ?\(\S+\))?(?: ?\|\S+)?|wget: note: {_BLIND}")
# By the program "timeout", or a signal.
_ENDED = (124, 137, 143)

_CURL_LAYERS = {5: layers.PROXY, 6: layers.DNS, 7: layers.TCP, 28: layers.TCP, 35: layers.TLS, 60: layers.TLS}
_WGET_WORDS = (
    ("bad address|unable to resolve|resolution", layers.DNS),
    ("certificate|ssl|tls", layers.TLS),
    ("connect|timed out|unreachable|refused|no route", layers.TCP),
)


def judge_program(endpoint: Endpoint, program: str, exit_status: int, said: str, more: str) -> Outcome:
    """What came of one question. ``more`` is what to do to learn more."""
    number = (_CURL_STATUS if program == "curl" else _WGET_STATUS).search(said)
    status = int(number.group(1)) if number else 0
    if exit_status == 0 or (program == "wget" and status):
        blind = program == "wget" and _BLIND in said
        return _answered(endpoint, program, status or 200, " without looking at the certificate" if blind else "")
    layer = _curl_layer(exit_status, said) if program == "curl" else _wget_layer(exit_status, said)
    said = _NOISE.sub("", said).strip() or (LATE if exit_status in _ENDED else f"nothing, status {exit_status}")
    return Outcome.of(_blocked(endpoint, layer, f"{program} of the image says: {said[:200]}", more))


def _answered(endpoint: Endpoint, program: str, status: int, how: str) -> Outcome:
    fine = (200, 404, 429) if endpoint.name == API else (200, 429)
    detail = f"{program} of the image got status {status}{how} (the programs of the image tell no more)"
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


def _wget_layer(exit_status: int, said: str) -> str:
    if exit_status in _ENDED:
        # It says so once it has found the address.
        return layers.TCP if _CONNECTING.search(said) else layers.DNS
    lowered = _CONNECTING.sub("", said).lower()
    return next((layer for words, layer in _WGET_WORDS if re.search(words, lowered)), layers.HTTP)


def _blocked(endpoint: Endpoint, layer: str, detail: str, more: str) -> Blocked:
    name = shown(endpoint.base).partition("://")[2]
    if layer == layers.DNS:
        return Blocked(layer, detail, layers.unknown_name(name, "", False).advice)
    if layer == layers.TCP:
        return Blocked(layer, detail, layers.not_connected(name, None, False).advice)
    if layer == layers.PROXY:
        return Blocked(layer, detail, "Look at the proxy's address (HTTPS_PROXY), and at the proxy's log.")
    if layer == layers.TLS:
        return Blocked(layer, detail, layers.TRUST)
    return Blocked(layer, detail, f"{CHECK_BETWEEN} {more}")
