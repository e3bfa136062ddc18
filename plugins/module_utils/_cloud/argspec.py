# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that all cloud plugins share, and their checked values."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from .._api.argspec import API_OPTIONS, ApiOptions, read_options
from .._api.errors import REQUEST, ApiError, ServerProfile
from .._settings.regions import CLOUDS

_SHARED = ("client_id", "client_secret", "organization", "validate_certs", "ca_path", "client_cert", "client_key")

CLOUD_OPTIONS: Dict[str, Any] = {
    "cloud": {"type": "raw", "default": "US"},
    **{name: API_OPTIONS[name] for name in _SHARED},
    "master_password": {"type": "str", "no_log": True},
    "timeout": API_OPTIONS["timeout"],
    "retry_timeout": {"type": "str", "default": "300s"},
}

CLOUD_ENVIRONMENT = {
    "client_id": "BW_CLOUD_CLIENTID",
    "client_secret": "BW_CLOUD_CLIENTSECRET",
    "master_password": "BW_CLOUD_PASSWORD",
}

_URLS = ("api_url", "identity_url")
_LATER = (
    "The cloud, or a proxy on the way, has an outage: try again later. https://status.bitwarden.com shows the "
    "cloud's outages."
)

CLOUD_PROFILE = ServerProfile(
    name="cloud",
    options="option cloud",
    down=_LATER,
    failed=_LATER,
    login_failed=_LATER,
    no_address="Check option cloud. Where it is right, a newer version of this collection may know the address.",
    refused="Check option cloud, and the firewalls on the way.",
    untrusted="A proxy may inspect TLS: set ca_path to the certificate of its authority. Otherwise check option cloud.",
    wrong_key="Check client_id and client_secret: they must be the personal API key of an account in this cloud, not "
    "that of the self-hosted server or of the other region (option cloud), and not rotated since.",
    wrong_token="Identity issued this token a moment ago, so another run does not help. Check that both addresses of "
    "option cloud are of one cloud.",
    fronted="Find it (a proxy or firewall on the way) and let requests from here to the cloud pass.",
)


def cloud_urls(cloud: Any) -> Tuple[str, str]:
    """Return the URLs of Api and Identity for option ``cloud``. Raises ``ApiError``."""
    region = cloud.strip().upper() if isinstance(cloud, str) else ""
    if region in CLOUDS:
        return CLOUDS[region].api, CLOUDS[region].identity
    if isinstance(cloud, Mapping):
        unknown = sorted(str(name) for name in cloud if name not in _URLS)
        missing = [name for name in _URLS if not cloud.get(name)]
        if unknown or missing:
            raise ApiError(
                REQUEST,
                "cloud is a mapping, but "
                + (f"has {', '.join(unknown)} in it." if unknown else f"{' and '.join(missing)} is missing."),
                advice="A mapping needs api_url and identity_url, and nothing else.",
            )
        return str(cloud["api_url"]), str(cloud["identity_url"])
    raise ApiError(
        REQUEST, "cloud is neither US nor EU nor a mapping.", advice="A mapping needs api_url and identity_url."
    )


def read_cloud_options(params: Mapping[str, Any]) -> ApiOptions:
    """Check the shared options. Raises ``ApiError``."""
    api_url, identity_url = cloud_urls(params["cloud"])
    return read_options({**params, "api_url": api_url, "identity_url": identity_url}, CLOUD_ENVIRONMENT, CLOUD_PROFILE)
