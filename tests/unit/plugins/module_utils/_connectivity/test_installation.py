# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installation at the cloud: where it is known, whether it is enabled, and one login at most."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import places
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import (
    API,
    IDENTITY,
    wanted_endpoints,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.installation import (
    Asked,
    check_installation,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.layers import Outcome
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.login import (
    Login,
    judge_login,
    try_login,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.way import Answer

from .on_the_way import NAME, page

ID = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
KEY = "CanaryInstallationKey"
SCOPES = "api.installation api.licensing api.push"
SETTINGS = {"globalSettings__installation__id": ID, "globalSettings__installation__key": KEY}
WANTED = wanted_endpoints(SETTINGS.get)

ENABLED = Outcome(True, "", "", "", 200, json.dumps({"object": "installation", "enabled": True}))
DISABLED = ENABLED._replace(body=json.dumps({"object": "installation", "enabled": False}))
UNKNOWN = Outcome(True, "", "", "", 404, json.dumps({"object": "error"}))
LIMITED = Outcome(True, "", "limited", "", 429)
BLOCKED = Outcome(False, "tcp", "refused", "open it")
IDENTITY_ANSWERS = Outcome(True, "", "", "", 200, "{}")
ACCEPTED = Login(True, "", "accepted", "")


class Place:
    """Answers as told; ``asked`` are the further questions."""

    def __init__(self, name="host", elsewhere=UNKNOWN, login=ACCEPTED):
        self.name, self.elsewhere, self.login_result, self.asked = name, elsewhere, login, []

    def probe(self, endpoint):
        self.asked.append(endpoint.question)
        return self.elsewhere

    def login(self):
        self.asked.append("login")
        return self.login_result


def look(api=ENABLED, identity=IDENTITY_ANSWERS, login=True, **place):
    where = Place(**place)
    checks, found = check_installation(WANTED, [Asked(where, {API: api, IDENTITY: identity})], login)
    assert [check.name for check in checks] == ["installation", "credentials"]
    assert all(check.advice for check in checks if not check.ok)
    return checks, found, where.asked


def test_all_well():
    (known, credentials), found, asked = look()
    assert known.ok and credentials.ok and not known.skipped and not credentials.skipped
    assert found == (ID, "US", True, True)
    assert asked == ["login"]


def test_known_in_the_other_region():
    (known, credentials), found, asked = look(api=UNKNOWN, elsewhere=ENABLED)
    assert (known.ok, known.layer) == (False, "installation")
    assert "not known in US, but it is in EU" in known.detail and "Set region to EU" in known.advice
    assert credentials.skipped
    assert found == (ID, "EU", True, None)
    assert asked == [f"https://api.bitwarden.eu/installations/{ID}"]


@pytest.mark.parametrize(
    ("elsewhere", "words", "advice"),
    [
        (UNKNOWN, "nor found in another region", "Correct globalSettings"),
        (BLOCKED, "EU could not be asked (refused)", "Set region, if"),
        (LIMITED, "EU could not be asked (limited)", "Set region, if"),
    ],
)
def test_known_nowhere(elsewhere, words, advice):
    (known, credentials), found, asked = look(api=UNKNOWN, elsewhere=elsewhere)
    assert not known.ok and words in known.detail and advice in known.advice
    assert ("another region" in known.detail) == (elsewhere is UNKNOWN)
    assert credentials.skipped and "login" not in asked
    assert found == (ID, None, None, None)


def test_disabled():
    (known, credentials), found, asked = look(api=DISABLED)
    assert (known.ok, known.layer) == (False, "installation") and "disabled" in known.detail
    assert credentials.skipped and asked == []
    assert found == (ID, "US", False, None)


def test_wrong_key():
    place = Place(login=Login(False, "login", "the key of the installation is not accepted", "set it"))
    checks, found = check_installation(WANTED, [Asked(place, {API: ENABLED, IDENTITY: IDENTITY_ANSWERS})], True)
    assert checks[0].ok and (checks[1].ok, checks[1].layer) == (False, "login")
    assert found == (ID, "US", True, False)


def test_refused_login_of_an_installation_that_could_not_be_looked_up():
    refused = Login(False, "login", "not accepted", "set it")
    place = Place(login=refused)
    checks, found = check_installation(WANTED, [Asked(place, {API: BLOCKED, IDENTITY: IDENTITY_ANSWERS})], True)
    assert checks[0].skipped and "or its id is unknown there" in checks[1].detail
    assert found == (ID, None, None, False)


def test_no_login_wanted_or_possible():
    for arguments in ({"login": False}, {"identity": BLOCKED}):
        (_known, credentials), found, asked = look(**arguments)
        assert credentials.skipped and credentials.ok
        assert found == (ID, "US", True, None) and asked == []


@pytest.mark.parametrize("api", [BLOCKED, LIMITED])
def test_api_not_reached(api):
    (known, _credentials), found, asked = look(api=api)
    assert known.skipped
    assert found == (ID, None, None, True) and asked == ["login"]


def test_too_many_logins_are_no_fault():
    place = Place(login=Login(None, "login", "too many logins", "later"))
    checks, found = check_installation(WANTED, [Asked(place, {API: ENABLED, IDENTITY: IDENTITY_ANSWERS})], True)
    assert checks[1].ok and checks[1].skipped and found.credentials_ok is None


def test_the_place_that_gets_through_is_asked():
    host, container = Place("host"), Place("container")
    answers = {API: ENABLED, IDENTITY: IDENTITY_ANSWERS}
    blocked = {API: BLOCKED, IDENTITY: BLOCKED}
    checks, found = check_installation(WANTED, [Asked(host, blocked), Asked(container, answers)], True)
    assert {check.where for check in checks} == {"container"} and found.credentials_ok
    assert (host.asked, container.asked) == ([], ["login"])


@pytest.mark.parametrize(
    ("first", "asked", "accepted"),
    [
        # It did not get to Identity, so no login was made.
        (Login(None, "http", "the proxy answered 403", "look"), ["login"], True),
        (Login(None, "tcp", "refused", "open it"), ["login"], True),
        (Login(None, "login", "too many", "later"), [], None),
        (Login(False, "login", "refused", "set it"), [], False),
        (ACCEPTED, [], True),
    ],
)
def test_one_login_at_the_first_place_that_gets_there(first, asked, accepted):
    places = [Place("host", login=first), Place("container")]
    answers = {API: ENABLED, IDENTITY: IDENTITY_ANSWERS}
    checks, found = check_installation(WANTED, [Asked(place, answers) for place in places], True)
    assert [place.asked for place in places] == [["login"], asked]
    assert found.credentials_ok == accepted
    assert checks[1].where == ("container" if asked else "host")


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_the_key_does_not_travel_in_clear(scheme):
    place = Place()
    settings = {**SETTINGS, "globalSettings__installation__identityUri": f"{scheme}://identity.test"}
    answers = {API: ENABLED, IDENTITY: IDENTITY_ANSWERS}
    checks, found = check_installation(wanted_endpoints(settings.get), [Asked(place, answers)], True)
    assert checks[1].skipped and "the key would travel in clear" in checks[1].detail
    assert place.asked == [] and found.credentials_ok is None


def test_without_id_nothing_is_asked():
    place = Place()
    wanted = wanted_endpoints({}.get)
    checks, found = check_installation(wanted, [Asked(place, {API: UNKNOWN, IDENTITY: IDENTITY_ANSWERS})], True)
    assert all(check.skipped for check in checks) and found == (None, None, None, None) and place.asked == []


@pytest.mark.parametrize(
    ("status", "body", "accepted", "layer"),
    [
        (200, {"access_token": "t", "scope": SCOPES}, True, ""),
        (200, {"access_token": "t", "scope": "api.push"}, False, "login"),
        (200, {}, None, "http"),
        (400, {"error": "invalid_client"}, False, "login"),
        (400, {"error": "invalid_scope"}, None, "http"),
        (400, {"error": ["x"]}, None, "http"),
        (429, {"object": "error"}, None, "login"),
        (403, [], None, "http"),
        (500, None, None, "http"),
    ],
)
def test_what_identity_says(status, body, accepted, layer):
    found = judge_login(Answer(status, {}, json.dumps(body), "identity.test"))
    assert (found.accepted, found.layer) == (accepted, layer)
    assert bool(found.advice) == (accepted is not True)
    assert "access_token" not in found.detail


def wanted_at(server):
    return wanted_endpoints({**SETTINGS, "globalSettings__installation__identityUri": server.url()}.get)


def test_the_login_itself(serve, authority, view):
    body = json.dumps({"access_token": "CanaryAccessToken", "scope": SCOPES})
    server = serve(page("200 OK", body), authority.context(NAME))
    found = try_login(wanted_at(server), view, 5)
    assert found.accepted is True and "CanaryAccessToken" not in str(found)
    head, _blank, form = server.heads[0].partition("\r\n\r\n")
    assert head.startswith("POST /connect/token HTTP/1.1") and "application/x-www-form-urlencoded" in head
    assert KEY not in head
    assert parse_qs(form)["client_secret"] == [KEY]


@pytest.mark.parametrize(
    ("wait", "waited"), [("1", [1]), ("5", [5]), ("6", []), ("47", []), ("soon", []), ("\u00b2", []), ("9" * 90, [])]
)
def test_only_the_short_limit_is_waited_for(serve, authority, view, monkeypatch, wait, waited):
    seconds = []
    monkeypatch.setattr(places.time, "sleep", seconds.append)
    server = serve(page("429 Too Many Requests", "{}", f"Retry-After: {wait}"), authority.context(NAME))
    found = places.Here("host", wanted_at(server), view, 5).login()
    assert (found.accepted, found.layer) == (None, "login")
    assert (len(server.heads), seconds) == (1 + len(waited), waited)
