# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each cause on the cloud's side has its own message, told by the server's own console."""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Union

import pytest
import requests
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.connections import read_connection
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import CLOUD, LICENSE
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.organizations import find_organization
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import connected
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import billing_sync, license_sync
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.license_diagnosis import (
    Diagnosis,
    read_log_result,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.license_failure import SyncFailure
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.parser import find_failures

from .standin_pair import CANARIES, CLOUD_ORGANIZATION, NAME, ORGANIZATION, TOKEN, WRONG_TOKEN, Pair

Cause = Callable[[Pair], Any]
IDENTITY = "globalSettings__installation__identityUri"
API = "globalSettings__installation__apiUri"


def settings(**environment: str) -> Cause:
    return lambda pair: pair.server.restart(**environment)


def setting(name: str, value: str) -> Cause:
    return settings(**{f"globalSettings__installation__{name}": value})


def cloud_organization(**changed: Any) -> Cause:
    body = {"organization": CLOUD_ORGANIZATION, **changed}
    return lambda pair: pair.cloud.control("POST", "organization", body)


def cloud_fault(path: str, **more: Any) -> Cause:
    body = {"service": "any", "method": "ANY", "path": path, "times": -1, **more}
    return lambda pair: pair.cloud.control("POST", "faults", body)


LICENSE_PATH = f"/licenses/organization/{CLOUD_ORGANIZATION}"
ORGANIZATION_GONE = json.dumps({"object": "error", "message": "Resource not found."})

CAUSES: dict[str, tuple[Cause, str, str, bool]] = {
    "token rotated": (
        cloud_organization(api_keys={"billing_sync": WRONG_TOKEN}),
        "billing_sync_token",
        "Invalid Billing Sync Key",
        False,
    ),
    "key wrong": (setting("key", "CanaryInstallKeyWrong"), "installation_credentials", "BadRequest", False),
    "id wrong": (
        setting("id", "00000000-0000-0000-0000-000000000003"),
        "installation_credentials",
        "installation.00000000-0000-0000-0000-000000000003",
        False,
    ),
    "installation disabled": (
        lambda pair: pair.cloud.control(
            "POST", "installation", {"installation": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b", "enabled": False}
        ),
        "installation_credentials",
        "BadRequest",
        False,
    ),
    "identity down": (setting("identityUri", "http://127.0.0.1:9/"), "identity_unreachable", "refused", True),
    "api down": (setting("apiUri", "http://127.0.0.1:9/"), "api_unreachable", "refused", True),
    "no slash": (
        lambda pair: pair.server.restart(**{IDENTITY: f"{pair.cloud.url}/identity"}),
        "identity_url",
        "slash",
        False,
    ),
    "no URI": (setting("identityUri", "not a uri"), "uri_malformed", "UriFormatException", False),
    "license key": (
        cloud_organization(license_key="CanaryOtherLicenseKey"),
        "license_key",
        "Invalid license key",
        False,
    ),
    "no subscription": (
        cloud_organization(subscription="none"),
        "no_subscription",
        "No active subscription found",
        False,
    ),
    "payment": (cloud_organization(subscription="payment"), "payment", "payment issue", False),
    "cloud disabled": (cloud_organization(enabled=False), "license_rejected", "currently disabled", False),
    "unknown organization": (
        cloud_fault(LICENSE_PATH, status=404, body=ORGANIZATION_GONE),
        "organization_unknown",
        "NotFound",
        False,
    ),
    "cloud error": (cloud_fault(LICENSE_PATH, status=503, body=""), "cloud_error", "ServiceUnavailable", True),
    "rate limit": (cloud_fault("/connect/token", status=429), "rate_limit", "TooManyRequests", True),
}
RESTARTED = ("key wrong", "id wrong", "identity down", "api down", "no slash", "no URI")


class Console:
    """Reads what the server's console got since the last look, as sync_log_info reads the container's."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.seen = len(pair.server.log.read_text())

    def __call__(self, organization: str, seconds: float) -> Union[Diagnosis, None]:
        text = self.pair.server.log.read_text()
        new, self.seen = text[self.seen :], len(text)
        failures = [one._asdict() for one in find_failures(new) if one.organization in (organization, None)]
        found = read_log_result({"failures": failures})
        assert found is None or isinstance(found, Diagnosis)
        return found


@pytest.fixture
def options(params: dict[str, Any]) -> dict[str, Any]:
    own = {"max_age": "7d", "force": False, "retry_timeout": "0s", "diagnose": True, "bwdata": "/nowhere"}
    return {**params, **own}


@pytest.fixture
def synced_long_ago(pair: Pair, params: dict[str, Any]) -> Callable[[], Any]:
    """Apply the token, say that the last sync was eight days ago; return a way to read its date."""
    own = {"state": "present", "enabled": True, "keep_last_sync": True}
    given = {**params, **own, "billing_sync_token": TOKEN}
    billing_sync.perform(given, False)
    pair.server.control("POST", "last-sync", {"organization": ORGANIZATION, "days_ago": 8})

    def read() -> Any:
        with connected(params) as account:
            connection = read_connection(account, find_organization(account, NAME))
            return connection and connection.last_license_sync

    return read


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_is_told_and_the_date_has_not_moved(
    pair: Pair, options: dict[str, Any], synced_long_ago: Callable[[], Any], name: str
) -> None:
    make, cause, says, transient = CAUSES[name]
    before = synced_long_ago()
    make(pair)
    try:
        with pytest.raises(SyncFailure) as caught:
            license_sync.perform(options, False, Console(pair))
        error = caught.value
        assert error.cause == cause
        assert error.transient is transient
        assert error.layer == (LICENSE if cause == "license_rejected" else CLOUD)
        assert says in str(error)
        assert not [canary for canary in CANARIES if canary in repr(error.result())]
        assert synced_long_ago() == before
    finally:
        if name in RESTARTED:
            pair.server.restart()


def test_the_clouds_limit_is_waited_out(
    pair: Pair, options: dict[str, Any], synced_long_ago: Callable[[], Any]
) -> None:
    """Ten logins within the (shortened) minute have been made from this address; the eleventh is the sync's."""
    before = synced_long_ago()
    pair.cloud.control("POST", "limiter", {"on": True, "scale": 0.1}, service="identity")
    login = f"{pair.cloud.url}/identity/connect/token"
    for _count in range(60):
        if "in 1m" in requests.post(login, data={"grant_type": "x"}, timeout=5).text:
            break
        time.sleep(0.03)  # more than five within a second are stopped by another limit, which is soon over
    console = Console(pair)
    result = license_sync.perform({**options, "retry_timeout": "60s"}, False, console)
    assert result["attempts"] > 1
    assert synced_long_ago() != before
