# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bitwarden's clouds, one per region: their URLs, and the settings of a server that uses one of them."""

from __future__ import annotations

from typing import Any, Callable, Container, Dict, List, NamedTuple, Optional
from urllib.parse import urlsplit

from .._common.setting_names import API_URL, CLOUD_REGION, CLOUD_URLS, IDENTITY_URL, PUSH_URL
from .._env_files.document import EnvFile
from .types import url_error


class Cloud(NamedTuple):
    """The base URLs of one region's services."""

    api: str
    identity: str
    push: str


_DOMAINS = {"US": "bitwarden.com", "EU": "bitwarden.eu"}

CLOUDS: Dict[str, Cloud] = {
    region: Cloud(f"https://api.{domain}", f"https://identity.{domain}", f"https://push.{domain}")
    for region, domain in _DOMAINS.items()
}

# Region -> setting -> URL.
REGION_URLS: Dict[str, Dict[str, str]] = {
    region: {IDENTITY_URL: cloud.identity, API_URL: cloud.api, PUSH_URL: cloud.push} for region, cloud in CLOUDS.items()
}

# Texts that the server takes for "not set"; the installer writes them where nothing was chosen.
_PLACEHOLDERS = ("replace", "secret")


class RegionSettings(NamedTuple):
    """The settings of a region (``None``: absent), and what to warn of in those that it leaves as they are."""

    values: Dict[str, Optional[str]]
    warnings: List[str]


def is_placeholder(value: str) -> bool:
    """Tell whether a value is a text that means "not set"; as a push relay's URL it turns push off on purpose."""
    return value.strip().lower() in _PLACEHOLDERS


def region_of_url(value: str) -> Optional[str]:
    """Return the region to whose cloud a URL points, ``None`` for any other, such as a proxy."""
    host = _host(value)
    return next((region for region, domain in _DOMAINS.items() if f".{host}".endswith(f".{domain}")), None)


def is_chosen(name: str, value: str) -> bool:
    """Tell whether a value of one of the cloud's URLs was chosen by someone, so that a region leaves it as it is."""
    if name == PUSH_URL and is_placeholder(value):
        return True
    unset = not value.strip() or is_placeholder(value)
    return name in CLOUD_URLS and not unset and region_of_url(value) is None


def region_settings(region: str, current: EnvFile, given: Container[str] = ()) -> RegionSettings:
    """Return the settings with which the server uses the cloud of ``region`` (``US`` or ``EU``), less those ``given``.

    A URL of neither cloud was chosen by someone and stays, and so does a push relay that was turned off on purpose.
    The EU's URLs must be written out; the US's are the server's defaults.
    """
    desired: Dict[str, Optional[str]] = {CLOUD_REGION: region}
    warnings: List[str] = []
    for name in CLOUD_URLS:
        value = current.get(name) or ""
        if name in given or (name == PUSH_URL and is_placeholder(value)):
            continue
        url = REGION_URLS[region][name]
        actual = region_of_url(value)
        is_default = actual not in (None, region) or (region == "EU" and (actual is None or _host(value) == _host(url)))
        if is_default and not is_chosen(name, value):
            desired[name] = url if region == "EU" else None
        elif value.strip() and url_error(value) is not None:
            warnings.append(
                f"{name} stays as it is with region, but its value looks wrong: the setting {url_error(value)}. "
                "Set it in settings, or remove it there with null."
            )
    return RegionSettings(desired, warnings)


def _host(url: str) -> str:
    """Return the host of a URL, also of one in quotes or without a scheme; empty where there is none."""
    text = url.strip().strip("\"'")
    try:
        return urlsplit(text if "://" in text else f"//{text}").hostname or ""
    except ValueError:
        return ""


def region_facts(setting: Callable[[str], Optional[str]]) -> Dict[str, Any]:
    """Tell whether region and the cloud's URLs belong together. ``setting`` gives a setting's effective value.

    Without a URL the server talks to the US. A URL of neither cloud, a proxy's, fits both.
    """
    configured = setting(CLOUD_REGION)
    region = (configured or "US").strip().upper()
    mismatches: List[str] = []
    for name in CLOUD_URLS:
        value = setting(name) or ""
        actual = region_of_url(value) if value.strip() else "US"
        if actual is not None and actual != region:
            mismatches.append(name)
    return {"configured": configured, "settings_fit": not mismatches, "mismatches": mismatches}
