# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud as it is said to answer where nothing was recorded."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from standin.app import build
from standin.console import Console
from standin.context import Server
from standin.passwords import master_password_hash
from standin.seed import plant_once
from standin.settings_binding import bind
from standin.state import State

OWNER = "3d0c1b2a-4f5e-4d6c-8b7a-b2e500f1c001"
INSTALLATION = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
ORGANIZATION = "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003"
MEMBER = "00000000-0000-0000-0000-00000000000b"
USUAL = (0, 600000, None, None)
FAKES = {USUAL, (0, 100000, None, None), (0, 5000, None, None), (1, 3, 64, 4), (1, 6, 32, 4)}
DEVICE = {"deviceType": "8", "deviceIdentifier": "test", "deviceName": "test"}


class Cloud:
    """Api and Identity of a cloud in this process, with one user, one installation and one organization."""

    def __init__(self, folder, environment, **members):
        user = {"id": OWNER, "email": "Owner@example.com", "api_key": "key", "password": "secret",
                "kdf": {"iterations": 5000}}  # fmt: skip
        organization = {"id": ORGANIZATION, "name": "Example", "plan": "enterprise", "members": [{"user": OWNER}]}
        organization.update({"api_keys": {"billing_sync": "token"}, **members.get("organization", {})})
        seed = {
            "users": [{**user, **members.get("user", {})}],
            "installations": [{"id": INSTALLATION, "key": "key"}],
            "organizations": [organization],
        }
        self._clients, self.console = {}, Console()
        state = State(folder / "standin.sqlite3")
        for service in ("api", "identity"):
            settings = bind(environment, service, self_hosted=False)
            instance = Server(False, service, settings, state, self.console, folder, delay_scale=0)
            plant_once(instance, seed)
            self._clients[service] = build(instance, True, False, 1).test_client()

    def login(self, client=f"user.{OWNER}", version="2026.8.0"):
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": "key", **DEVICE}
        headers = {"Bitwarden-Client-Version": version} if version else {}
        return self._clients["identity"].post("/connect/token", data=form, headers=headers).json

    def prelogin(self, email):
        answer = self._clients["identity"].post("/accounts/prelogin", json={"email": email})
        return answer.status_code, answer.json

    def sync(self, *offers, token="token"):
        """Return status and response of a sync of offers, which differ from a new one by these fields."""
        defaults = {"sponsoringOrganizationUserId": MEMBER, "friendlyName": "Home", "offeredToEmail": "f@example.org",
                    "planSponsorshipType": 0, "lastSyncDate": None, "validUntil": None, "toDelete": False}  # fmt: skip
        body = {"billingSyncKey": token, "sponsoringOrganizationCloudId": ORGANIZATION,
                "sponsorshipsBatch": [{**defaults, **offer} for offer in offers]}  # fmt: skip
        login = self.login(f"installation.{INSTALLATION}")
        headers = {"Authorization": f"Bearer {login['access_token']}"}
        path = "/organization/sponsorship/sync"
        answer = self._clients["api"].post(path, json=body, headers=headers)
        return answer.status_code, answer.json

    def organization_key(self, call, kind):
        """Return the status of the owner's request for one of the organization's keys."""
        headers = {"Authorization": f"Bearer {self.login()['access_token']}"}
        body = {"type": kind, "masterPasswordHash": master_password_hash("secret", "owner@example.com", 5000)}
        return (
            self._clients["api"].post(f"/organizations/{ORGANIZATION}/{call}", json=body, headers=headers).status_code
        )

    def control(self, path, **body):
        answer = self._clients["api"].post(f"/_standin/{path}", json=body)
        assert answer.status_code == 200

    def sponsorships(self):
        return self._clients["api"].get("/_standin/state").json["sponsorship"]


@pytest.fixture
def cloud(tmp_path):
    return lambda environment=None, **members: Cloud(tmp_path, environment or {}, **members)


def days_ago(days):
    return (datetime.now(timezone.utc) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(("user", "has_one"), [({}, True), ({"password": None}, False)])
def test_a_login_tells_whether_there_is_a_master_password(cloud, user, has_one):
    options = cloud(user=user).login()["UserDecryptionOptions"]
    assert options["HasMasterPassword"] is has_one
    assert ("MasterPasswordUnlock" in options) is has_one
    if has_one:
        assert options["MasterPasswordUnlock"]["Salt"] == "owner@example.com"


@pytest.mark.parametrize(("version", "error"), [
    ("2025.10.9", "invalid_client_version"),
    ("2025.11", "invalid_client_version"),
    ("2025.11.0", None),
    ("2026.8.0", None),
    (None, "version_header_missing"),
])  # fmt: skip
def test_v2_encryption_needs_a_newer_client(cloud, version, error):
    body = cloud(user={"v2_encryption": True}).login(version=version)
    assert body.get("error") == error
    if error == "invalid_client_version":
        text = "Please update your app to continue using Bitwarden"
        assert (body["error_description"], body["ErrorModel"]["Message"]) == (text, text)


def test_an_old_client_is_good_for_other_accounts(cloud):
    assert "access_token" in cloud().login(version="2025.10.9")


@pytest.mark.parametrize(("plan", "status"), [
    ("enterprise", 200), ("teams", 200), ("teams_starter", 404), ("families", 404),
])  # fmt: skip
def test_which_plans_have_billing_sync(cloud, plan, status):
    found = cloud(organization={"plan": plan, "api_keys": {}})
    assert [found.organization_key("api-key", kind) for kind in (0, 1, 2)] == [200, status, status]
    assert found.organization_key("rotate-api-key", 1) == 200, "which does not look at the plan"


def _parameters(body):
    assert list(body["kdfSettings"].values()) == [body[name] for name in list(body)[:4]]
    return body["kdf"], body["kdfIterations"], body["kdfMemory"], body["kdfParallelism"]


def test_an_unknown_address_gets_parameters_of_its_own(cloud):
    found = cloud({"globalSettings__kdfDefaultHashKey": "any"})
    addresses = [f"someone-{number}@example.com" for number in range(60)]
    answers = [found.prelogin(address)[1] for address in addresses]
    assert {_parameters(answer) for answer in answers} == FAKES
    assert {answer["salt"] == address for answer, address in zip(answers, addresses)} == {True, False}
    assert {answer["salt"] for answer in answers} <= {None, *addresses}
    assert [found.prelogin(f" {address.upper()}")[1] for address in addresses] == answers, "always the same"
    assert _parameters(found.prelogin("owner@example.com")[1]) == (0, 5000, None, None)


def test_without_a_key_an_unknown_address_gets_the_usual(cloud):
    found = cloud()
    for address in (f"someone-{number}@example.com" for number in range(20)):
        answer = found.prelogin(address)[1]
        assert (_parameters(answer), answer["salt"]) == (USUAL, address)


@pytest.mark.parametrize(("length", "status"), [(256, 200), (257, 400)])
def test_an_address_has_256_characters_at_most(cloud, length, status):
    answered, body = cloud().prelogin("@example.com".rjust(length, "x"))
    assert answered == status
    assert status == 200 or list(body["validationErrors"]) == ["Email"]


@pytest.mark.parametrize(("organization", "offer", "taken"), [
    ({}, {}, True),
    ({"plan": "teams"}, {}, False),
    ({"plan": "families"}, {}, False),
    ({"enabled": False, "expires": days_ago(92)}, {}, True),
    ({"enabled": False, "expires": days_ago(94)}, {}, False),
    ({"enabled": False, "expires": None}, {}, False),
    ({"enabled": True, "expires": days_ago(94)}, {}, True),
    ({}, {"toDelete": True}, False),
])  # fmt: skip
def test_offers_that_the_cloud_leaves_out(cloud, organization, offer, taken):
    found = cloud(organization=organization)
    status, body = found.sync(offer)
    assert (status, len(body["sponsorshipsBatch"]), len(found.sponsorships())) == (200, taken, taken)


@pytest.mark.parametrize(("stored", "given", "status"), [
    ({"billing_sync": "token"}, "token", 200),
    ({"billing_sync": "token"}, "other", 400),
    ({"billing_sync": "token"}, None, 400),
    ({}, "token", 500),
    ({}, " ", 400),
])  # fmt: skip
def test_the_token_of_a_sync(cloud, stored, given, status):
    answered, body = cloud(organization={"api_keys": stored}).sync({}, token=given)
    assert answered == status
    assert status != 400 or body["message"] == "Invalid Billing Sync Key"


def test_a_deletion_that_the_cloud_has_forgotten_is_done(cloud):
    (answer,) = cloud().sync({"toDelete": True, "lastSyncDate": days_ago(1)})[1]["sponsorshipsBatch"]
    assert answer["cloudSponsorshipRemoved"]


def test_how_long_a_sponsorship_holds_the_cloud_says(cloud):
    found, end, wrong = cloud(), days_ago(-300), days_ago(-9)
    found.sync({})
    found.control("redemption", email="f@example.org", valid_until=end)
    (answer,) = found.sync({"validUntil": wrong, "friendlyName": "Other"})[1]["sponsorshipsBatch"]
    assert (answer["validUntil"], answer["toDelete"]) == (end, False)
    assert found.sponsorships()[0]["friendlyName"] == "Home"
    # Used by a family, it runs out when it is revoked.
    (answer,) = found.sync({"toDelete": True})[1]["sponsorshipsBatch"]
    assert (answer["validUntil"], answer["toDelete"], answer["cloudSponsorshipRemoved"]) == (end, True, False)
    assert found.sponsorships()[0]["toDelete"] is True


def test_two_of_one_member_end_every_later_sync(cloud):
    found = cloud()
    assert found.sync({"friendlyName": "One"}, {"friendlyName": "Two"})[0] == 200
    status, body = found.sync({"friendlyName": "One"})
    assert (status, body["message"]) == (500, "An unhandled server error has occurred.")
    lines = [line["line"] for line in found.console.lines()[1]]
    text = f"System.ArgumentException: An item with the same key has already been added. Key: {MEMBER}"
    assert lines[lines.index("Unhandled exception") + 1] == text
    assert found.sync()[0] == 200, "an empty batch looks at none"
