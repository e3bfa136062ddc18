# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.
"""The two clouds of Bitwarden, and what a server's settings must be to talk to one of them."""

from __future__ import annotations

from typing import Dict, Optional
from urllib.parse import urlsplit

from .._env_files.document import EnvFile
from .._env_files.setup_tool import PUSH_URL
from .types import url_refusal

CLOUD_REGION = "globalSettings__baseServiceUri__cloudRegion"
IDENTITY_URL = "globalSettings__installation__identityUri"
API_URL = "globalSettings__installation__apiUri"
CLOUD_URLS = (IDENTITY_URL, API_URL, PUSH_URL)

REGION_URLS: Dict[str, Dict[str, str]] = {
    region: {
        IDENTITY_URL: f"https://identity.{domain}",
        API_URL: f"https://api.{domain}",
        PUSH_URL: f"https://push.{domain}",
    }
    for region, domain in (("US", "bitwarden.com"), ("EU", "bitwarden.eu"))
}

# Texts that the server takes for "not set" in the push relay's URL.
_PUSH_OFF = ("replace", "secret")


def push_is_off(value: str) -> bool:
    """Whether the push relay is switched off on purpose."""
    return value.strip().lower() in _PUSH_OFF


def region_of_url(name: str, value: str) -> Optional[str]:
    """The region whose own cloud this URL is (however it is written), ``None`` for any other, such as a proxy."""
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
    """What must be set (``None``: absent) so that the server talks to the cloud of ``region`` (``US`` or ``EU``).

    The URL of a proxy stays, and so does a push relay that was switched off on purpose. The EU's URLs must be written
    out; the US's are the server's defaults.
    """
    wanted: Dict[str, Optional[str]] = {CLOUD_REGION: region}
    for name in CLOUD_URLS:
        value = current.get(name)
        official = None if value is None else region_of_url(name, value)
        if name == PUSH_URL and value is not None and push_is_off(value):
            continue
        if region == "EU":
            if value is None or official is not None or url_refusal(value) is not None:
                wanted[name] = REGION_URLS["EU"][name]
        elif official == "EU":
            wanted[name] = None
    return wanted
