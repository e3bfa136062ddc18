# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bitwarden's clouds, one per region: their URLs, and the settings of a server that uses one of them."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional
from urllib.parse import urlsplit

from .._common.setting_names import API_URL, CLOUD_REGION, CLOUD_URLS, IDENTITY_URL, PUSH_URL
from .._env_files.document import EnvFile
from .types import url_error


class Cloud(NamedTuple):
    """The base URLs of one region's services."""

    api: str
    identity: str
    push: str


CLOUDS: Dict[str, Cloud] = {
    region: Cloud(f"https://api.{domain}", f"https://identity.{domain}", f"https://push.{domain}")
    for region, domain in (("US", "bitwarden.com"), ("EU", "bitwarden.eu"))
}

# Region -> setting -> URL.
REGION_URLS: Dict[str, Dict[str, str]] = {
    region: {IDENTITY_URL: cloud.identity, API_URL: cloud.api, PUSH_URL: cloud.push} for region, cloud in CLOUDS.items()
}

# Texts that the server takes for "not set" in the push relay's URL.
_PUSH_OFF = ("replace", "secret")


def push_is_off(value: str) -> bool:
    """Tell whether a push relay's URL turns push off on purpose."""
    return value.strip().lower() in _PUSH_OFF


def region_of_url(name: str, value: str) -> Optional[str]:
    """Return the region to whose cloud a URL of setting ``name`` points, ``None`` for any other, such as a proxy."""
    text = value.strip().strip("\"'")
    try:
        host = urlsplit(text if "://" in text else f"//{text}").hostname
    except ValueError:
        return None
    for region, urls in REGION_URLS.items():
        if host == urlsplit(urls[name]).hostname:
            return region
    return None


def region_settings(region: str, current: EnvFile) -> Dict[str, Optional[str]]:
    """Return the settings (``None``: absent) with which the server uses the cloud of ``region`` (``US`` or ``EU``).

    The URL of a proxy stays, and so does a push relay that was turned off on purpose. The EU's URLs must be written
    out; the US's are the server's defaults.
    """
    desired: Dict[str, Optional[str]] = {CLOUD_REGION: region}
    for name in CLOUD_URLS:
        value = current.get(name)
        official = None if value is None else region_of_url(name, value)
        if name == PUSH_URL and value is not None and push_is_off(value):
            continue
        if region == "EU":
            if value is None or official is not None or url_error(value) is not None:
                desired[name] = REGION_URLS["EU"][name]
        elif official == "EU":
            desired[name] = None
    return desired


def region_facts(setting: Callable[[str], Optional[str]]) -> Dict[str, Any]:
    """Tell whether region and the cloud's URLs belong together. ``setting`` gives a setting's effective value.

    Without a URL the server talks to the US. A URL of neither cloud, a proxy's, fits both.
    """
    configured = setting(CLOUD_REGION)
    region = (configured or "US").strip().upper()
    mismatches: List[str] = []
    for name in CLOUD_URLS:
        value = setting(name) or ""
        actual = region_of_url(name, value) if value.strip() else "US"
        if actual is not None and actual != region:
            mismatches.append(name)
    return {"configured": configured, "settings_fit": not mismatches, "mismatches": mismatches}
