# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kind of server answers, asked before any key is sent to it: self-hosted, or Bitwarden's cloud."""

from __future__ import annotations

from .addresses import cloud_instead, is_cloud_address
from .client import Client
from .errors import REQUEST, ApiError, is_own, server_text

SELF_HOSTED_KIND, CLOUD_KIND = "self_hosted", "cloud"

# Any id: the cloud says whether it has this installation, a self-hosted server that it knows of none.
_ANY = "00000000-0000-0000-0000-000000000001"
_WHAT = "read what kind of server it is"


def read_kind(client: Client) -> str:
    """Return the kind of the server. It needs no login.

    Raises ``ApiError``, also where something in front of the server does not let this request pass.
    """
    url = f"{client.options.api_url}/installations/{_ANY}"
    response = client.send("GET", url, _WHAT)
    if response.status == 400 and "not self hosted" in server_text(response):
        return SELF_HOSTED_KIND
    if is_own(response) and response.status == 404:
        return CLOUD_KIND
    if response.status != 200:
        raise client.error(response, _WHAT, url)
    if isinstance(response.json, dict) and response.json.get("object") == "installation":
        return CLOUD_KIND
    raise client.not_bitwarden(response, url)


def require_self_hosted(client: Client) -> None:
    """Raise ``ApiError`` where the cloud answers in place of a self-hosted server."""
    try:
        kind = read_kind(client)
    except ApiError as error:
        if error.status is None or (error.transient and error.status != 404):
            raise
        # What is in front of a server may filter the question. That it is one shows its time, which may be known.
        client.server_time()
        return
    if kind == CLOUD_KIND:
        raise cloud_instead(client.options.api_url)


def require_cloud(client: Client) -> None:
    """Raise ``ApiError`` where anything but the cloud answers. Bitwarden's own addresses are known."""
    options = client.options
    if is_cloud_address(options.api_url) and is_cloud_address(options.identity_url):
        return
    if read_kind(client) == SELF_HOSTED_KIND:
        raise ApiError(
            REQUEST,
            f"{options.api_url} is a self-hosted server, not Bitwarden's cloud.",
            advice="Set option cloud to US, EU or the addresses that lead to the cloud.",
        )
