# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import (
    device_identifier,
    duration_option,
    read_options,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, TLS, ApiError

from .recorded_server import CLIENT_ID


@pytest.mark.parametrize(
    ("changed", "layer", "says"),
    [
        ({"url": None}, REQUEST, "url is missing"),
        (
            {"url": None, "api_url": "https://a.example/api"},
            REQUEST,
            "identity_url is missing. api_url needs",
        ),
        ({"url": None, "identity_url": "https://a.example/identity"}, REQUEST, "api_url is missing."),
        (
            {"url": "https://v.example/api"},
            REQUEST,
            "single service of the server: https://v.example/api.",
        ),
        ({"url": "https://v.example/sub/identity/"}, REQUEST, "Set it to https://v.example/sub."),
        ({"url": "https://v.example/admin"}, REQUEST, "Set it to https://v.example."),
        ({"url": "https://v.example/#/login"}, REQUEST, "url is not an address"),
        ({"api_url": "https://v.example/identity"}, REQUEST, "api_url is the address of a single service"),
        ({"identity_url": "https://v.example/api"}, REQUEST, "identity_url is the address of a single service"),
        ({"client_secret": '"Canary1234"'}, REQUEST, "client_secret has quotes around it"),
        ({"client_secret": "Canary1234'"}, REQUEST, "client_secret has quotes around it"),
        ({"client_id": f"'{CLIENT_ID}'"}, REQUEST, "client_id has quotes around it"),
        ({"headers": {"Authorization": "Canary1234"}}, REQUEST, "which the requests need for themselves"),
        ({"headers": {"X Y": "Canary1234"}}, REQUEST, "cannot be the name of a header"),
        ({"headers": {"X-Y": "Canary1234\n"}}, REQUEST, "The value of X-Y in headers cannot be sent"),
        ({"headers": {"X-Y": "Canary1234\u20ac"}}, REQUEST, "The value of X-Y in headers cannot be sent"),
        ({"headers": {"X-Y": " Canary1234"}}, REQUEST, "The value of X-Y in headers cannot be sent"),
        ({"headers": {"X-Y": ""}}, REQUEST, "The value of X-Y in headers cannot be sent"),
        ({"headers": {"X-Y": 12345}}, REQUEST, "is not a text. Quote it."),
        ({"url": "vault.example.com"}, REQUEST, "url is not an address"),
        ({"url": "ftp://vault.example.com"}, REQUEST, "url is not an address"),
        ({"url": "https://vault.example.com/?a=b"}, REQUEST, "url is not an address"),
        ({"url": "https://vault.example.com:port"}, REQUEST, "url is not an address"),
        ({"url": "https://vault example.com"}, REQUEST, "url is not an address"),
        ({"api_url": "nonsense"}, REQUEST, "api_url is not an address"),
        ({"url": "https://me:Canary1234@vault.example.com"}, REQUEST, "must not hold a user name or password"),
        ({"client_id": None}, REQUEST, "client_id is missing. Set client_id, or BW_CLIENTID"),
        ({"client_secret": None}, REQUEST, "client_secret is missing. Set client_secret, or BW_CLIENTSECRET"),
        ({"client_secret": "Canary1234\n"}, REQUEST, "client_secret has blanks or line ends"),
        ({"client_secret": "Canary1234\udce4"}, REQUEST, "client_secret is not UTF-8 text"),
        ({"url": "https://vault.example\udce4"}, REQUEST, "url is not an address"),
        ({"url": "https://vault.example\x07"}, REQUEST, "url is not an address"),
        ({"timeout": "10001w"}, REQUEST, "timeout is longer than 10000w"),
        ({"client_secret": "Canary1234" * 11}, REQUEST, "client_secret is longer than the 100"),
        ({"client_id": "organization." + CLIENT_ID[5:]}, REQUEST, "belongs to an organization's key"),
        ({"client_id": "installation." + CLIENT_ID[5:]}, REQUEST, "belongs to an installation's key"),
        ({"client_id": CLIENT_ID[5:]}, REQUEST, "belongs to no API key"),
        ({"timeout": "soon"}, REQUEST, "timeout: 'soon' is not a duration"),
        ({"timeout": "0s"}, REQUEST, "timeout must be more"),
        ({"ca_path": "/nowhere/ca.pem"}, TLS, "ca_path does not exist on the controller: /nowhere/ca.pem"),
        ({"ca_path": "/nowhere/ca.pem", "run_on": "host"}, TLS, "does not exist on the host"),
        ({"client_cert": "/nowhere/cert.pem"}, TLS, "client_cert does not exist"),
        ({"client_key": __file__}, TLS, "client_key needs client_cert"),
    ],
)
def test_bad_options_have_each_its_own_message(
    params: dict[str, Any], changed: dict[str, Any], layer: str, says: str
) -> None:
    with pytest.raises(ApiError) as caught:
        read_options({**params, **changed})
    assert says in str(caught.value)
    assert caught.value.layer == layer
    assert "Canary1234" not in str(caught.value)


def test_all_that_is_wrong_is_named_at_once(params: dict[str, Any]) -> None:
    wrong = {"url": "nonsense", "client_id": None, "client_secret": None, "timeout": "soon", "ca_path": "/nowhere"}
    with pytest.raises(ApiError) as caught:
        read_options({**params, **wrong, "headers": {"Host": "x"}})
    for option in (*wrong, "headers"):
        assert option in caught.value.message


def test_a_key_with_a_password_is_refused_instead_of_asking_on_the_terminal(
    params: dict[str, Any], tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    key.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    with pytest.raises(ApiError, match="protected by a password"):
        read_options({**params, "client_cert": __file__, "client_key": str(key)})


@pytest.mark.parametrize(
    ("changed", "api", "identity"),
    [
        ({"url": "https://a.example/"}, "https://a.example/api", "https://a.example/identity"),
        ({"url": "https://a.example/sub"}, "https://a.example/sub/api", "https://a.example/sub/identity"),
        ({"api_url": "https://b.example/x/"}, "https://b.example/x", "http://u.example/identity"),
        ({"url": None, "api_url": "http://b", "identity_url": "http://c"}, "http://b", "http://c"),
    ],
)
def test_addresses(params: dict[str, Any], changed: dict[str, Any], api: str, identity: str) -> None:
    options = read_options({**params, "url": "http://u.example", **changed})
    assert (options.api_url, options.identity_url) == (api, identity)


def test_one_device_for_each_key_and_server() -> None:
    one = device_identifier(CLIENT_ID, "https://a.example/identity")
    assert one == device_identifier(CLIENT_ID.upper(), "https://A.example/identity")
    assert one != device_identifier(CLIENT_ID, "https://b.example/identity")
    assert one != device_identifier(CLIENT_ID[:-1] + "2", "https://a.example/identity")
    assert len(one) <= 50  # the server's column


def test_a_duration_names_its_option() -> None:
    assert duration_option({"max_age": "7d"}, "max_age") == 604800
    with pytest.raises(ApiError, match="max_age: '-1d'"):
        duration_option({"max_age": "-1d"}, "max_age")
