# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the settings come to: the addresses to try, and whether region, addresses and installation fit together."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.consistency import check_settings
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import (
    region_of,
    shown,
    wanted_endpoints,
)

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
        # A proxy's address is taken as it is, with and without its slash; ids in capitals and braces are fine.
        ({**EU, "id": f"{{{ID.upper()}}}", "api": "https://relay.test/bw/api", "identity": "https://relay.test/bw/id/"},
         [f"https://relay.test/bw/api/installations/{ID}", "https://relay.test/bw/id/.well-known/openid-configuration",
          "https://push.bitwarden.eu/"]),
        ({**US, "id": "", "api": "nonsense"}, ["", "https://identity.bitwarden.com/.well-known/openid-configuration",
                                               "https://push.bitwarden.com/"]),
        ({**US, "id": "0" * 32}, ["https://api.bitwarden.com/installations/00000000-0000-0000-0000-000000000000",
         "https://identity.bitwarden.com/.well-known/openid-configuration", "https://push.bitwarden.com/"]),
    ],
)  # fmt: skip
def test_what_is_asked(values, expected):
    wanted = wanted_endpoints(setting(values))
    assert [one.question for one in wanted.endpoints] == expected
    assert [bool(one.unusable) for one in wanted.endpoints] == [not one for one in expected]


@pytest.mark.parametrize("value", ["REPLACE", " secret ", "", None])
def test_push_off_is_told_from_an_address_that_cannot_be_used(value):
    push = wanted_endpoints(setting({**US, "push": value})).endpoints[-1]
    assert (push.unusable, push.question) == ("off", "")


def test_region_of_what_is_asked():
    assert region_of(wanted_endpoints(setting({**US, "region": "EU"}))) == "US"
    assert region_of(wanted_endpoints(setting({**EU, "api": "https://relay.test/api/"}))) == "EU"


def test_what_is_shown():
    assert shown("https://me:word@relay.test:8443/api/?x=1") == "https://relay.test:8443/api"


@pytest.mark.parametrize(
    ("values", "targets"),
    [
        (US, []),
        (EU, []),
        ({**EU, "push": "REPLACE"}, []),
        ({**EU, "api": "https://relay.test/api/"}, []),
        ({**US, "region": "EU"}, ["identity", "api", "push"]),
        ({**EU, "region": "us"}, ["identity", "api", "push"]),
        ({**EU, "api": ""}, ["api"]),
        ({**EU, "api": "https://relay.test/api"}, ["api"]),
        ({**EU, "api": '"https://api.bitwarden.eu"'}, ["api"]),
        ({**EU, "identity": "http://identity.bitwarden.eu"}, ["identity"]),
        ({**EU, "identity": "ftp://identity.bitwarden.eu/"}, ["identity"]),
        ({**US, "id": "", "key": "REPLACE"}, ["id", "key"]),
        ({**US, "region": "MARS"}, ["MARS"]),
    ],
)
def test_what_does_not_fit(values, targets):
    checks = check_settings(wanted_endpoints(setting(values)), setting(values))
    wrong = [check for check in checks if not check.ok]
    assert [check.target for check in wrong] == [SHORT.get(name, name) for name in targets]
    assert all((check.layer, bool(check.advice)) == ("settings", True) for check in wrong)
    if not targets:
        assert len(checks) == 1 and checks[0].ok
