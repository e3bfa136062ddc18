# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers as no Bitwarden server gives them, and advice that depends on who was asked."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import read_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.auth import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.client import Client
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import (
    ApiError,
    parse_response,
    server_text,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.argspec import CLOUD_PROFILE

from .recorded_server import BAD_GATEWAY, RecordedServer, Reply, recorded_at

DAY = 86_400


@pytest.mark.parametrize(("header", "seconds"), [
    (None, None),
    ("", None),
    ("47", 47),
    (" 0 ", 0),
    ("999999999", DAY),
    ("9" * 5000, None),
    ("\u00b2", None),
    ("\u0663", None),
    ("-1", None),
    ("1.5", None),
    ("soon", None),
    ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
    ("Wed, 21 Oct 2015 07:28:00 -0000", 0),
    ("Wed, 21 Oct 9998 07:28:00 GMT", DAY),
    ("Wed, 99 Oct 2026 07:28:00 GMT", None),
    ("Wed, 21 Oct 2026 07:28:00 +99999999999999", None),
])  # fmt: skip
def test_how_long_a_server_asks_to_wait(header: Optional[str], seconds: Optional[int]) -> None:
    assert parse_response(429, b"", "", "", header).retry_after == seconds


def test_a_date_to_wait_for() -> None:
    moment = datetime.now(timezone.utc) + timedelta(seconds=90)
    seconds = parse_response(429, b"", "", "", format_datetime(moment, usegmt=True)).retry_after
    assert seconds is not None and 85 <= seconds <= 91


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"a":' * 200_000, b"9" * 5000 + b"x", b"\xff\xfe{", b""])
def test_what_is_no_json(body: bytes) -> None:
    assert not parse_response(200, body, "application/json").is_json


@pytest.mark.parametrize(("body", "words"), [
    ({"message": ["x"]}, ""),
    ({"message": 5, "errors": {"A": [None, "wrong", 5], "": ["odd"]}}, "A: wrong; odd"),
    ({"ErrorModel": {"Message": {"a": 1}}, "error": "e"}, "e"),
])  # fmt: skip
def test_only_words_are_words(body: dict[str, Any], words: str) -> None:
    assert server_text(parse_response(400, json.dumps(body).encode(), "")) == words


PAGE = Reply(404, "<title>Forbidden</title>")
OF_A_SERVER = re.compile(r"\burl\b|\bapi_url\b|\bidentity_url\b|\bcontainer\b|\bservers?\b|\bSMTP\b")


@pytest.mark.parametrize("login", [True, False], ids=["login", "read"])
@pytest.mark.parametrize("reply", [
    *(recorded_at("reading.json", index) for index in (41, 49, 53, 54, 31)),
    *(recorded_at("identity.json", index) for index in (3, 7, 21, 23)),
    *(Reply(status) for status in (200, 401, 403, 404, 405, 500, 502, 503, 504)),
    BAD_GATEWAY, PAGE, Reply(200, PAGE.body), Reply(close=True), Reply(302, "", {"Location": "https://login.example/"}),
])  # fmt: skip
def test_advice_is_about_who_was_asked(
    server: RecordedServer, params: dict[str, Any], reply: Reply, login: bool
) -> None:
    server.on(*(("POST", "/identity/connect/token") if login else ("GET", "/api/x")), reply)
    here = Client(read_options(params))
    cloud = Client(read_options(params, profile=CLOUD_PROFILE))
    errors = []
    for client in (here, cloud):
        with pytest.raises(ApiError) as caught:
            Account(client).get("/x", "read x")
        errors.append(caught.value)
    assert not OF_A_SERVER.search(errors[1].advice)
    assert "cloud" not in errors[0].advice
    assert [error.layer for error in errors] == [errors[0].layer] * 2
