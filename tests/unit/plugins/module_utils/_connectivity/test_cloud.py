# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installation at the cloud: where it is known, whether it is enabled, and one login at most."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.cloud import (
    Vantage,
    check_installation,
    judge_login,
    log_in,
    probe,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import (
    API,
    IDENTITY,
    DesiredCloud,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.failures import (
    KEY_REFUSED,
    Outcome,
    skipped,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.http import Response

from .stand_ins import NAME, page

ID = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
KEY = "CanaryInstallationKey"
SETTINGS = {"globalSettings__installation__id": ID, "globalSettings__installation__key": KEY}
CLOUD = DesiredCloud.of(SETTINGS.get)

ENABLED = Outcome(True, "", "", "", 200, json.dumps({"object": "installation", "enabled": True}))
DISABLED = ENABLED._replace(body=json.dumps({"object": "installation", "enabled": False}))
UNKNOWN = Outcome(True, "", "", "", 404, json.dumps({"object": "error"}))
LIMITED = Outcome(True, "", "limited", "", 429)
REFUSED = Outcome(False, "tcp", "refused", "open it")
RESPONDS = Outcome(True, "", "", "", 200, "{}")
ACCEPTED = Outcome(True, "", "accepted", status=200)
LIMITED_LOGIN = skipped("too many logins", "later", 429)
REFUSED_LOGIN = KEY_REFUSED.outcome(peer="identity", status=400)


class Place:
    """A vantage point that responds as told; ``asked`` are the further requests."""

    def __init__(self, name="host", elsewhere=UNKNOWN, login=ACCEPTED):
        self.name, self.elsewhere, self.login_result, self.asked = name, elsewhere, login, []

    def call(self, function, *arguments):
        if function is log_in:
            self.asked.append("login")
            return self.login_result
        assert function is probe
        self.asked += [one.url for one in arguments[0]]
        return {API: self.elsewhere}

    def vantage(self, api=ENABLED, identity=RESPONDS):
        return Vantage(self.name, self.call, {API: api, IDENTITY: identity})


def gather(api=ENABLED, identity=RESPONDS, login=True, cloud=CLOUD, **place):
    where = Place(**place)
    checks, found = check_installation(cloud, [where.vantage(api, identity)], 5, login)
    assert [check.name for check in checks] == ["installation", "credentials"]
    assert all(check.outcome.advice for check in checks if not check.ok)
    return checks, found, where.asked


def test_all_well():
    (known, credentials), found, asked = gather()
    assert known.ok and credentials.ok and not known.outcome.skipped and not credentials.outcome.skipped
    assert found == (ID, "US", True, True)
    assert asked == ["login"]


def test_known_in_the_other_region():
    (known, credentials), found, asked = gather(api=UNKNOWN, elsewhere=ENABLED)
    assert (known.ok, known.outcome.layer) == (False, "installation")
    assert "not known in US, but it is in EU" in known.outcome.detail and "Set region to EU" in known.outcome.advice
    assert credentials.outcome.skipped
    assert found == (ID, "EU", True, None)
    assert asked == [f"https://api.bitwarden.eu/installations/{ID}"]


@pytest.mark.parametrize(
    ("elsewhere", "words", "advice"),
    [
        (UNKNOWN, "nor found in another region", "Correct globalSettings"),
        (REFUSED, "EU could not be asked (refused)", "set region if it is of another one"),
        (LIMITED, "EU could not be asked (limited)", "set region if it is of another one"),
    ],
)
def test_known_nowhere(elsewhere, words, advice):
    (known, credentials), found, asked = gather(api=UNKNOWN, elsewhere=elsewhere)
    assert not known.ok and words in known.outcome.detail and advice in known.outcome.advice
    assert ("another region" in known.outcome.detail) == (elsewhere is UNKNOWN)
    assert credentials.outcome.skipped and "login" not in asked
    assert found == (ID, None, None, None)


def test_disabled():
    (known, credentials), found, asked = gather(api=DISABLED)
    assert (known.ok, known.outcome.layer) == (False, "installation") and "disabled" in known.outcome.detail
    assert credentials.outcome.skipped and asked == []
    assert found == (ID, "US", False, None)


def test_wrong_key():
    place = Place(login=REFUSED_LOGIN)
    checks, found = check_installation(CLOUD, [place.vantage()], 5, True)
    assert checks[0].ok and (checks[1].ok, checks[1].outcome.layer) == (False, "login")
    assert "key of the installation is not accepted" in checks[1].outcome.detail
    assert found == (ID, "US", True, False)


def test_refused_login_of_an_installation_that_could_not_be_looked_up():
    place = Place(login=REFUSED_LOGIN)
    checks, found = check_installation(CLOUD, [place.vantage(REFUSED)], 5, True)
    assert checks[0].outcome.skipped and "or its id is unknown there" in checks[1].outcome.detail
    assert found == (ID, None, None, False)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, [False, False]),
        ({"api": UNKNOWN, "elsewhere": ENABLED}, [True, False]),
        ({"api": UNKNOWN, "elsewhere": UNKNOWN}, [True, False]),
        ({"api": UNKNOWN, "elsewhere": REFUSED}, [True, False]),
        ({"api": DISABLED}, [True, False]),
        ({"login": REFUSED_LOGIN}, [False, True]),
        ({"login": LIMITED_LOGIN}, [False, False]),
        ({"api": REFUSED}, [False, False]),
        ({"api": LIMITED, "identity": REFUSED}, [False, False]),
    ],
)
def test_what_is_certain(answers, expected):
    place = Place(**{key: answers[key] for key in ("elsewhere", "login") if key in answers})
    seen = place.vantage(answers.get("api", ENABLED), answers.get("identity", RESPONDS))
    checks, _found = check_installation(CLOUD, [seen], 5, True)
    assert [check.outcome.certain for check in checks] == expected


def test_no_login_wanted_or_possible():
    for arguments in ({"login": False}, {"identity": REFUSED}):
        (_known, credentials), found, asked = gather(**arguments)
        assert credentials.outcome.skipped and credentials.ok
        assert found == (ID, "US", True, None) and asked == []


@pytest.mark.parametrize("api", [REFUSED, LIMITED])
def test_api_not_reached(api):
    (known, _credentials), found, asked = gather(api=api)
    assert known.outcome.skipped
    assert found == (ID, None, None, True) and asked == ["login"]


def test_too_many_logins_are_no_fault():
    checks, found = check_installation(CLOUD, [Place(login=LIMITED_LOGIN).vantage()], 5, True)
    assert checks[1].ok and checks[1].outcome.skipped and found.credentials_ok is None


def test_the_vantage_point_that_gets_through_is_asked():
    host, container = Place("host"), Place("container")
    vantages = [host.vantage(REFUSED, REFUSED), container.vantage()]
    checks, found = check_installation(CLOUD, vantages, 5, True)
    assert {check.where for check in checks} == {"container"} and found.credentials_ok
    assert (host.asked, container.asked) == ([], ["login"])


@pytest.mark.parametrize(
    ("first", "asked", "accepted"),
    [
        # It did not get to Identity, so no login was made.
        (Outcome(False, "http", "the proxy responded 403", "look"), ["login"], True),
        (Outcome(False, "tcp", "refused", "open it"), ["login"], True),
        (LIMITED_LOGIN, [], None),
        (REFUSED_LOGIN, [], False),
        (ACCEPTED, [], True),
    ],
)
def test_one_login_at_the_first_vantage_point_that_gets_there(first, asked, accepted):
    places = [Place("host", login=first), Place("container")]
    checks, found = check_installation(CLOUD, [place.vantage() for place in places], 5, True)
    assert [place.asked for place in places] == [["login"], asked]
    assert found.credentials_ok == accepted
    assert checks[1].where == ("container" if asked else "host")


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_the_key_does_not_travel_in_clear(scheme):
    cloud = DesiredCloud.of({**SETTINGS, "globalSettings__installation__identityUri": f"{scheme}://identity.test"}.get)
    assert cloud.endpoint(IDENTITY).url == ""
    place = Place()
    vantage = Vantage("host", place.call, {API: ENABLED})
    checks, found = check_installation(cloud, [vantage], 5, True)
    assert checks[1].outcome.skipped and place.asked == [] and found.credentials_ok is None


def test_without_id_nothing_is_asked():
    checks, found, asked = gather(api=UNKNOWN, cloud=DesiredCloud.of({}.get))
    assert all(check.outcome.skipped for check in checks) and found == (None, None, None, None) and asked == []


@pytest.mark.parametrize(
    ("status", "body", "accepted", "layer"),
    [
        (200, {"access_token": "CanaryToken"}, True, ""),
        (200, {}, None, "http"),
        (400, {"error": "invalid_client"}, False, "login"),
        (400, {"error": "invalid_scope"}, None, "http"),
        (400, {"error": ["x"]}, None, "http"),
        (429, {"object": "error"}, None, ""),
        (403, [], None, "http"),
        (500, None, None, "http"),
    ],
)
def test_what_identity_says(status, body, accepted, layer):
    found = judge_login(Response(status, json.dumps(body), "identity.test"))
    assert (found.ok, found.layer) == (bool(accepted), layer)
    assert bool(found.advice) == (accepted is not True)
    assert found.skipped == (status == 429) and "CanaryToken" not in str(found)


def cloud_at(server):
    return DesiredCloud.of({**SETTINGS, "globalSettings__installation__identityUri": server.url()}.get)


def test_the_login_itself(serve, authority, network):
    server = serve(page("200 OK", json.dumps({"access_token": "CanaryAccessToken"})), authority.context(NAME))
    found = log_in(network, cloud_at(server), 5)
    assert found.ok and "CanaryAccessToken" not in str(found)
    head, _blank, form = server.heads[0].partition("\r\n\r\n")
    assert head.startswith("POST /connect/token HTTP/1.1") and "application/x-www-form-urlencoded" in head
    assert KEY not in head
    assert parse_qs(form)["client_secret"] == [KEY]


def test_a_limited_login_is_not_repeated(serve, authority, network):
    server = serve(page("429 Too Many Requests", "{}", "Retry-After: 1"), authority.context(NAME))
    found = log_in(network, cloud_at(server), 5)
    assert (found.skipped, found.status, len(server.heads)) == (True, 429, 1)
