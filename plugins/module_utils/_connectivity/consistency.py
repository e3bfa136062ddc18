# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether region, addresses and installation belong together, as far as the settings alone tell."""

from __future__ import annotations

from typing import List
from urllib.parse import urlsplit

from .._deployment.facts import region_facts
from .._settings.regions import CLOUD_URLS, REGION_URLS, push_is_off
from .._settings.resolve import INSTALLATION_KEY
from .._settings.types import url_refusal
from . import layers
from .endpoints import INSTALLATION_ID, Setting, Wanted
from .places import HOST
from .report import Check

NAME = "settings"


def check_settings(wanted: Wanted, setting: Setting) -> List[Check]:
    """One check for each setting that does not fit, or one that says that all do."""
    checks = [*_region(wanted, setting), *_addresses(setting), *_credentials(wanted)]
    fine = Check(NAME, HOST, wanted.region, True, "", "region, addresses and installation fit together", "")
    return checks or [fine]


def _region(wanted: Wanted, setting: Setting) -> List[Check]:
    if wanted.region not in REGION_URLS:
        known = " and ".join(sorted(REGION_URLS))
        return [_wrong(f"the region {wanted.region!r} is none", f"Set region. There are {known}.", wanted.region)]
    advice = (
        f"Set region to the one that the installation id came from: with region={wanted.region} all addresses follow; "
        "what settings say of an address wins over that."
    )
    return [
        _wrong(f"{name} leads to another region's cloud than {wanted.region}", advice, name)
        for name in region_facts(setting)["mismatches"]
        if not push_is_off(setting(name) or "")
    ]


def _addresses(setting: Setting) -> List[Check]:
    found = []
    for name in CLOUD_URLS:
        value = (setting(name) or "").strip()
        if not value or push_is_off(value):
            continue
        refusal = url_refusal(setting(name) or "")
        if refusal is not None:
            found.append(_wrong(f"{name} {refusal}", "Correct it with settings, or set region.", name))
        elif urlsplit(value).scheme.lower() == "http":
            advice = "Give it an address that starts with https://."
            found.append(_wrong(f"{name} is no https address: keys and licenses would travel in clear", advice, name))
    return found


def _credentials(wanted: Wanted) -> List[Check]:
    advice = "Get id and key from https://bitwarden.com/host for the wanted region."
    found = []
    if not wanted.installation_id:
        found.append(_wrong(f"{INSTALLATION_ID} is not set, or no id", advice, INSTALLATION_ID))
    if not wanted.key:
        found.append(_wrong(f"{INSTALLATION_KEY} is not set", advice, INSTALLATION_KEY))
    return found


def _wrong(detail: str, advice: str, target: str) -> Check:
    return Check(NAME, HOST, target, False, layers.SETTINGS, detail, advice)
