# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is tried on the way to the cloud, from the settings that the server is meant to have."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional
from urllib.parse import urlsplit

from .._env_files.setup_tool import PUSH_URL
from .._settings.regions import API_URL, CLOUD_REGION, IDENTITY_URL, REGION_URLS, push_is_off, region_of_url
from .._settings.resolve import INSTALLATION_KEY
from .._settings.types import guid_text, refusal, url_refusal

INSTALLATION_ID = "globalSettings__installation__id"

API = "api"
IDENTITY = "identity"
PUSH = "push"

# Any id will do to see whether an Api answers.
_NOBODY = "00000000-0000-0000-0000-000000000000"

Setting = Callable[[str], Optional[str]]


class Endpoint(NamedTuple):
    """One address that the server talks to.

    ``base`` ends in a slash; ``question`` is what is asked without logging in (not ``alive``, of which the cloud
    answers five a minute). ``unusable`` says why nothing can be asked, empty otherwise.
    """

    name: str
    setting: str
    base: str
    question: str
    unusable: str = ""


class Wanted(NamedTuple):
    """The server's way to the cloud. ``region`` is upper case, ``key`` is a secret. ``""`` stands for not set."""

    region: str
    endpoints: List[Endpoint]
    installation_id: str
    key: str

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of this name."""
        return next(one for one in self.endpoints if one.name == name)


def wanted_endpoints(setting: Setting) -> Wanted:
    """Read them from the settings in effect; ``setting`` gives the value of one, as the api service gets it."""
    identifier = guid_text(setting(INSTALLATION_ID)) or ""
    if refusal("guid", identifier) is not None:
        identifier = ""
    key = (setting(INSTALLATION_KEY) or "").strip()
    if key.lower() in ("secret", "replace"):
        key = ""
    return Wanted(
        (setting(CLOUD_REGION) or "").strip().upper() or "US",
        [
            _endpoint(API, API_URL, setting(API_URL), f"installations/{identifier or _NOBODY}"),
            _endpoint(IDENTITY, IDENTITY_URL, setting(IDENTITY_URL), ".well-known/openid-configuration"),
            _push(setting(PUSH_URL)),
        ],
        identifier,
        key,
    )


def api_of_region(region: str, identifier: str) -> Endpoint:
    """The Api of a region's own cloud."""
    return _endpoint(API, API_URL, REGION_URLS[region][API_URL], f"installations/{identifier}")


def region_of(wanted: Wanted) -> str:
    """The region whose Api is asked; behind a proxy's URL that is the one that the server is set to."""
    return region_of_url(API_URL, wanted.endpoint(API).base) or wanted.region


def shown(url: str) -> str:
    """``url`` as it may be shown: without user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


def target_of(endpoint: Endpoint) -> str:
    """What a check of this endpoint is about: its address, or the setting that has none."""
    return shown(endpoint.base) if endpoint.base else endpoint.setting


def _endpoint(name: str, setting: str, value: Optional[str], question: str) -> Endpoint:
    # Blank counts as not set; the server's default is the US.
    url = (value or "").strip() or REGION_URLS["US"][setting]
    try:
        parts = urlsplit(url)
        usable = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return Endpoint(name, setting, "", "", f"{setting} {url_refusal(url) or 'takes an absolute URL'}")
    base = url.rstrip("/") + "/"
    return Endpoint(name, setting, base, base + question)


def _push(value: Optional[str]) -> Endpoint:
    if not (value or "").strip() or push_is_off(value or ""):
        return Endpoint(PUSH, PUSH_URL, "", "", "off")
    return _endpoint(PUSH, PUSH_URL, value, "")
