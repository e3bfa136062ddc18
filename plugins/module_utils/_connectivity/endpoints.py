# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of the cloud that a server is meant to talk to, and what does not fit in its settings."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional
from urllib.parse import urlsplit

from .._common.setting_names import API_URL, CLOUD_REGION, IDENTITY_URL, INSTALLATION_ID, INSTALLATION_KEY, PUSH_URL
from .._settings.regions import REGION_URLS, is_placeholder, region_of_url
from .._settings.types import guid_text, url_error, validation_error

API, IDENTITY, PUSH = "api", "identity", "push"
PUSH_OFF = "push is off"
_ANY_ID = "00000000-0000-0000-0000-000000000000"  # It shows whether an Api responds.
Setting = Callable[[str], Optional[str]]


class Endpoint(NamedTuple):
    """One address that the server talks to; ``unusable`` says why nothing can be requested, empty otherwise."""

    name: str
    setting: str
    base: str
    url: str  # Requested without a login. Not "alive", to which the cloud responds only five times a minute.
    unusable: str = ""

    @property
    def target(self) -> str:
        """The address, or the setting where it is not usable."""
        return self.base.rstrip("/") or self.setting


class DesiredCloud(NamedTuple):
    """The cloud as the settings name it. ``region`` is upper case, ``key`` is a secret; ``""`` stands for not set."""

    region: str
    endpoints: List[Endpoint]
    installation_id: str
    key: str

    @classmethod
    def of(cls, setting: Setting) -> DesiredCloud:
        """Read the settings in effect; ``setting`` returns the value of one, as the api service gets it."""
        identifier = guid_text(setting(INSTALLATION_ID)) or ""
        if validation_error("guid", identifier) is not None:
            identifier = ""
        key = (setting(INSTALLATION_KEY) or "").strip()
        push = setting(PUSH_URL) or ""
        off = not push.strip() or is_placeholder(push)
        endpoints = [
            _endpoint(API, API_URL, setting(API_URL), f"installations/{identifier or _ANY_ID}"),
            _endpoint(IDENTITY, IDENTITY_URL, setting(IDENTITY_URL), ".well-known/openid-configuration"),
            Endpoint(PUSH, PUSH_URL, "", "", PUSH_OFF) if off else _endpoint(PUSH, PUSH_URL, push),
        ]
        region = (setting(CLOUD_REGION) or "").strip().upper() or "US"
        return cls(region, endpoints, identifier, "" if is_placeholder(key) else key)

    def endpoint(self, name: str) -> Endpoint:
        """Return the endpoint of this name."""
        return next(one for one in self.endpoints if one.name == name)

    @property
    def asked_region(self) -> str:
        """The region whose Api is asked; behind a proxy's URL it is the one that the server is set to."""
        return region_of_url(self.endpoint(API).base) or self.region

    def api_of(self, region: str) -> Endpoint:
        """Return the Api of a region's own cloud."""
        return _endpoint(API, API_URL, REGION_URLS[region][API_URL], f"installations/{self.installation_id}")


def _endpoint(name: str, setting: str, value: Optional[str], question: str = "") -> Endpoint:
    # Blank counts as not set; the server's default is the US.
    url = value if value and value.strip() else REGION_URLS["US"][setting]
    problem = url_error(url)
    if problem is None and urlsplit(url).scheme.lower() != "https":
        problem = "is not an https address: keys and licenses would travel in clear"
    if problem is not None:
        return Endpoint(name, setting, "", "", problem)
    # The server does not send user and password of an address, either.
    scheme, netloc, path, _query, _fragment = urlsplit(url)
    base = f"{scheme}://{netloc.rpartition('@')[2]}{path.rstrip('/')}/"
    return Endpoint(name, setting, base, base + question)
