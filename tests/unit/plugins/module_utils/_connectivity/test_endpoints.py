# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of the cloud, as the settings name them."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import DesiredCloud

ID = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
SHORT = {
    "id": "globalSettings__installation__id",
    "key": "globalSettings__installation__key",
    "api": "globalSettings__installation__apiUri",
    "identity": "globalSettings__installation__identityUri",
    "push": "globalSettings__pushRelayBaseUri",
    "region": "globalSettings__baseServiceUri__cloudRegion",
}
US = {"id": ID, "key": "k", "region": "US", "push": "https://push.bitwarden.com"}
EU = {**US, "region": "EU", **{name: f"https://{name}.bitwarden.eu" for name in ("api", "identity", "push")}}


def setting(values):
    return {SHORT[name]: value for name, value in values.items()}.get


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (US, [f"https://api.bitwarden.com/installations/{ID}",
              "https://identity.bitwarden.com/.well-known/openid-configuration", "https://push.bitwarden.com/"]),
        (EU, [f"https://api.bitwarden.eu/installations/{ID}",
              "https://identity.bitwarden.eu/.well-known/openid-configuration", "https://push.bitwarden.eu/"]),
        ({**US, "api": " ", "push": "REPLACE"}, [f"https://api.bitwarden.com/installations/{ID}",
         "https://identity.bitwarden.com/.well-known/openid-configuration", ""]),
        ({**US, "push": ""}, [f"https://api.bitwarden.com/installations/{ID}",
                              "https://identity.bitwarden.com/.well-known/openid-configuration", ""]),
        # A proxy's address is taken as it is, ids in capitals and braces are fine.
        ({**EU, "id": f"{{{ID.upper()}}}", "api": "https://relay.test/bw/api/", "identity": "https://relay.test/bw/id/"},
         [f"https://relay.test/bw/api/installations/{ID}", "https://relay.test/bw/id/.well-known/openid-configuration",
          "https://push.bitwarden.eu/"]),
        ({**US, "id": "", "api": "nonsense"}, ["", "https://identity.bitwarden.com/.well-known/openid-configuration",
                                               "https://push.bitwarden.com/"]),
        ({**US, "id": "0" * 32}, ["https://api.bitwarden.com/installations/00000000-0000-0000-0000-000000000000",
         "https://identity.bitwarden.com/.well-known/openid-configuration", "https://push.bitwarden.com/"]),
    ],
)  # fmt: skip
def test_what_is_asked(values, expected):
    cloud = DesiredCloud.of(setting(values))
    assert [one.url for one in cloud.endpoints] == expected
    assert [bool(one.unusable) for one in cloud.endpoints] == [not one for one in expected]


@pytest.mark.parametrize("value", ["REPLACE", " secret ", "", None])
def test_push_off_is_told_from_an_address_that_cannot_be_used(value):
    push = DesiredCloud.of(setting({**US, "push": value})).endpoints[-1]
    assert (push.unusable, push.url) == ("push is off", "")


def test_region_of_what_is_asked():
    assert DesiredCloud.of(setting({**US, "region": "EU"})).asked_region == "US"
    assert DesiredCloud.of(setting({**EU, "api": "https://relay.test/api/"})).asked_region == "EU"


def test_user_and_password_of_an_address_are_neither_sent_nor_shown():
    api = DesiredCloud.of(setting({**US, "api": "https://me:word@relay.test:8443/api/"})).endpoints[0]
    assert api.target == "https://relay.test:8443/api" and "word" not in str(api)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nonsense", "takes an absolute URL"),
        ("https://relay.test/api", "ends in a slash"),
        ('"https://api.bitwarden.eu"', "without quotes"),
        ("http://relay.test/api/", "not an https address"),
        ("HTTP://relay.test", "not an https address"),
    ],
)
def test_an_address_that_is_not_usable_is_not_asked(url, reason):
    api = DesiredCloud.of(setting({**US, "api": url})).endpoints[0]
    assert reason in api.unusable and (api.url, api.target) == ("", SHORT["api"])
