# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every module of an API at the other kind of server: it says so, and shows no key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    billing_sync,
    billing_sync_token,
    cloud_license,
    license_sync,
    organization,
    organization_info,
    sponsorships_info,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license as license_upload
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import NotOnHost
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.organization_steps import Tools

from .standin_pair import INSTALLATION, TOKEN, Pair, StandIn

Perform = Callable[[dict[str, Any], bool], Any]


def defaults(options: dict[str, Any]) -> dict[str, Any]:
    return {name: spec.get("default") for name, spec in options.items()}


def upload(params: dict[str, Any], check_mode: bool) -> Any:
    return license_upload.perform(params, check_mode, params["of_test"], lambda _id: NotOnHost("not here"))


def bring(params: dict[str, Any], check_mode: bool) -> Any:
    return organization.perform(
        params, check_mode, Tools(lambda _module, _options: {"failed": True}, lambda _path: b"")
    )


API: dict[str, tuple[dict[str, Any], Perform]] = {
    "billing_sync": (billing_sync.OPTIONS, billing_sync.perform),
    "license": (license_upload.OPTIONS, upload),
    "license_sync": (license_sync.OPTIONS, license_sync.perform),
    "organization": (organization.OPTIONS, bring),
    "organization_info": (organization_info.OPTIONS, organization_info.perform),
    "sponsorships_info": (sponsorships_info.OPTIONS, sponsorships_info.perform),
}
CLOUD: dict[str, tuple[dict[str, Any], Perform]] = {
    "billing_sync_token": (billing_sync_token.OPTIONS, billing_sync_token.perform),
    "cloud_license": (cloud_license.OPTIONS, cloud_license.perform),
}


def asked(process: StandIn) -> list[str]:
    """Return what was asked beside reads, a login among it."""
    return [one["path"] for one in process.control("GET", "requests") if one["method"] != "GET"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("module", API)
def test_the_cloud_in_place_of_a_server(pair: Pair, params: dict[str, Any], module: str, check_mode: bool) -> None:
    options, perform = API[module]
    own = {**defaults(options), **params, "url": pair.cloud.url, "billing_sync_token": TOKEN}
    own["of_test"] = pair.server.license_file.read_bytes()
    with pytest.raises(ApiError, match=r"is Bitwarden's cloud, not a self-hosted server\. Set url") as caught:
        perform(own, check_mode)
    assert caught.value.layer == REQUEST
    assert asked(pair.cloud) == []


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("module", CLOUD)
def test_a_server_in_place_of_the_cloud(
    pair: Pair, cloud_params: dict[str, Any], module: str, check_mode: bool
) -> None:
    options, perform = CLOUD[module]
    cloud = pair.server.addresses
    own = {**defaults(options), **cloud_params, "cloud": cloud, "installation_id": INSTALLATION, "state": "present"}
    with pytest.raises(ApiError, match="is a self-hosted server, not Bitwarden's cloud") as caught:
        perform(own, check_mode)
    assert caught.value.layer == REQUEST
    assert asked(pair.server) == []
