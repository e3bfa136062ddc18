# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the ways to the cloud, from the host and from the container, and what one tells of the other."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional

from . import layers
from .endpoints import Endpoint, Wanted, target_of
from .layers import Outcome
from .places import CONTAINER, HOST, InContainer
from .proxies import Proxy, proxy_for
from .report import Check

CLOCK = "clock"


class Inside(NamedTuple):
    """What the container's network said; ``place`` is there while more can be asked, ``reason`` if it said nothing."""

    outcomes: Dict[str, Outcome]
    place: Optional[InContainer]
    reason: str
    advice: str = ""


class Environments(NamedTuple):
    """Where proxies are read from: the service's on the wanted settings, and this host's."""

    server: Mapping[str, str]
    host: Mapping[str, str]


def check_ways(wanted: Wanted, here: Dict[str, Outcome], inside: Inside, environments: Environments) -> List[Check]:
    """The checks of all endpoints, each from the host and from the container, and of the clock if it is wrong."""
    checks = []
    for endpoint in wanted.endpoints:
        name, target = endpoint.name, target_of(endpoint)
        if endpoint.unusable:
            reason = "push is off" if endpoint.unusable == "off" else f"not tried: {endpoint.unusable}"
            checks += [Check.skip(name, where, target, reason) for where in (HOST, CONTAINER)]
            continue
        theirs = inside.outcomes.get(name) or Outcome(False, "", inside.reason, inside.advice, untried=True)
        proxy, our_proxy = (proxy_for(endpoint.question, one) for one in environments)
        own = _own(Check.of(name, HOST, target, here[name]), theirs, proxy, our_proxy)
        checks += [own, Check.of(name, CONTAINER, target, _compare(theirs, here[name], proxy, our_proxy))]
    return [*checks, *_clock(wanted.endpoints, [here, inside.outcomes])]


def _own(own: Check, theirs: Outcome, proxy: Optional[Proxy], our_proxy: Optional[Proxy]) -> Check:
    """The host's check: one that failed does not count where the server gets through, or goes another way."""
    if own.ok:
        return own
    if theirs.ok:
        advice = "Nothing to do for the server: its containers get through."
        return own._replace(advice=f"{advice} {own.advice}", counts=False)
    if theirs.untried and proxy != our_proxy:
        goes = f"goes through its proxy {proxy}" if proxy else "goes there without a proxy"
        advice = f"This says nothing of the server: it {goes}, which is tried once the stack is up (as root)."
        return own._replace(advice=f"{advice} For this host: {own.advice}", counts=False)
    return own


def _clock(endpoints: List[Endpoint], several: List[Dict[str, Outcome]]) -> List[Check]:
    """One check if this host's clock is wrong; host and containers have the same.

    The answer that agrees best decides: somebody in between may have a wrong clock, too.
    """
    found = [(outcomes[one.name], target_of(one)) for outcomes in several for one in endpoints if one.name in outcomes]
    dated = [(outcome.skew, target) for outcome, target in found if outcome.ok and outcome.skew]
    skew, target = min(dated, key=lambda one: abs(one[0]), default=(0.0, ""))
    if abs(skew) <= layers.SKEW:
        return []
    detail = f"this host's clock is {abs(skew):.0f} seconds {'behind' if skew > 0 else 'ahead'}, by the cloud's answer"
    return [Check(CLOCK, HOST, target, False, layers.TLS, detail, layers.SET_CLOCK)]


_CONTAINER_ALONE: Dict[str, str] = {
    "dns": "This host itself can look it up, so it is the containers' name servers that fail.",
    "tcp": "This host itself gets through, so the containers' way out is closed: look at the rules for forwarded "
    "traffic (chains DOCKER-USER and FORWARD; firewalld, ufw or nftables reloaded after Docker started).",
    "tls": "This host itself gets through, so only the containers are inspected or lack that authority.",
}


def _compare(outcome: Outcome, here: Outcome, proxy: Optional[Proxy], our_proxy: Optional[Proxy]) -> Outcome:
    """The container's outcome, with better advice where this host (``here``) gets through.

    ``proxy`` is the server's for this address, ``our_proxy`` this host's.
    """
    if outcome.ok or outcome.untried or not here.ok:
        return outcome
    if our_proxy is not None and proxy is None and outcome.layer in (layers.DNS, layers.TCP, layers.TLS):
        advice = f"This host gets through by its proxy {our_proxy}: set HTTPS_PROXY for the server (settings)."
        return outcome._replace(advice=advice)
    if outcome.layer == layers.PROXY and our_proxy != proxy:
        own = "without a proxy" if our_proxy is None else f"by its proxy {our_proxy}"
        return outcome._replace(advice=f"This host itself gets through {own}. {outcome.advice}")
    if outcome.layer not in _CONTAINER_ALONE:
        return outcome
    return outcome._replace(advice=f"{_CONTAINER_ALONE[outcome.layer]} {outcome.advice}")
