# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The checks of the settings, and of the connections from host and container: what one says about the other."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional

from .._common.setting_names import INSTALLATION_ID, INSTALLATION_KEY
from .._settings.regions import is_placeholder, region_facts
from . import failures
from .endpoints import PUSH_OFF, DesiredCloud, Endpoint, Setting
from .failures import DNS, PROXY, TCP, TLS, Outcome, skipped
from .proxy import Proxy, proxy_for
from .report import CONTAINER, HOST, Check

_ONLY_CONTAINER: Dict[str, str] = {
    DNS: "This host itself can look it up, so it is the containers' name servers that fail.",
    TCP: "This host itself gets through, so the containers' traffic is blocked: check the rules for forwarded traffic "
    "(chains DOCKER-USER and FORWARD; firewalld, ufw or nftables reloaded after Docker started).",
    TLS: "This host itself gets through, so only the containers are inspected or lack that authority.",
}


def check_settings(cloud: DesiredCloud, setting: Setting) -> List[Check]:
    """Return one check for each setting that does not fit, or one that says that all do."""
    found = [
        (name, failures.OTHER_REGION.outcome(name=name, region=cloud.region))
        for name in region_facts(setting)["mismatches"]
        if not is_placeholder(setting(name) or "")
    ]
    for one in cloud.endpoints:
        if one.unusable not in ("", PUSH_OFF):
            found.append((one.setting, failures.WRONG_URL.outcome(name=one.setting, reason=one.unusable)))
    for name, value in ((INSTALLATION_ID, cloud.installation_id), (INSTALLATION_KEY, cloud.key)):
        if not value:
            found.append((name, failures.MISSING.outcome(name=name)))
    fine = Outcome(True, "", "region, addresses and installation fit together")
    return [Check("settings", HOST, *one) for one in found or [(cloud.region, fine)]]


def compare(
    endpoints: List[Endpoint], host: Mapping[str, Outcome], container: Mapping[str, Outcome],
    environments: Mapping[str, Mapping[str, str]],
) -> List[Check]:  # fmt: skip
    """Return the checks of all endpoints, each from ``HOST`` and ``CONTAINER``, whose proxies ``environments`` name."""
    checks = []
    for one in endpoints:
        if one.unusable:
            untried = skipped(one.unusable if one.unusable == PUSH_OFF else f"not tried: {one.setting} {one.unusable}")
            checks += [Check(one.name, where, one.target, untried) for where in (HOST, CONTAINER)]
            continue
        own, other = host[one.name], container[one.name]
        ours, theirs = (proxy_for(one.url, environments[where]) for where in (HOST, CONTAINER))
        checks.append(_host_check(Check(one.name, HOST, one.target, own), other, ours, theirs))
        if own.ok and not other.ok and not other.skipped:
            other = other._replace(advice=_advice(other, ours, theirs))
        checks.append(Check(one.name, CONTAINER, one.target, other))
    return checks


def _host_check(check: Check, other: Outcome, ours: Optional[Proxy], theirs: Optional[Proxy]) -> Check:
    """Return the host's check: a failure does not count where the server gets through, or takes another route."""
    if check.ok or not (other.ok or (other.skipped and ours != theirs)):
        return check
    route = f"goes through its proxy {theirs}" if theirs else "goes there without a proxy"
    hint = f"This says nothing about the server: it {route}, which is tried once the stack is up (as root). Host:"
    if other.ok:
        hint = "Nothing to do for the server: its containers get through."
    outcome = check.outcome._replace(advice=f"{hint} {check.outcome.advice}")
    return check._replace(outcome=outcome, counts=False)


def _advice(outcome: Outcome, ours: Optional[Proxy], theirs: Optional[Proxy]) -> str:
    """Return better advice for a container that fails where this host gets through."""
    if ours is not None and theirs is None and outcome.layer in _ONLY_CONTAINER:
        return f"This host gets through by its proxy {ours}: set HTTPS_PROXY for the server (settings)."
    if outcome.layer == PROXY and ours != theirs:
        route = f"by its proxy {ours}" if ours else "without a proxy"
        return f"This host itself gets through {route}. {outcome.advice}"
    return f"{_ONLY_CONTAINER.get(outcome.layer, '')} {outcome.advice}".strip()
