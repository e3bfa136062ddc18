# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is secret, and how it is masked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import (
    MASK,
    holds_credentials,
    is_document,
    looks_secret,
    mask_text,
    mask_url_credentials,
    mask_values,
    no_log_values,
    secret_texts,
    secret_values,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import with_secrets_apart

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"
KEY = "globalSettings__mail__smtp__host"
ADDRESS = "https://user:hunter22@proxy.example.com:3128/"


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        (ADDRESS, True),
        ("redis://:hunter22@cache:6379", True),
        ("https://proxy.example.com:3128/a@b", False),
        ("https://user@proxy.example.com", False),
        ("user:password@host", False),
        ("", False),
    ],
)
def test_what_holds_credentials(value, secret):
    assert holds_credentials(value) is secret


@pytest.mark.parametrize(("before", "after"), [("", ADDRESS), (ADDRESS, "mail.example.com"), (ADDRESS, None)])
def test_the_diff_shows_neither_the_old_nor_the_new_one(before, after):
    text = f"{KEY}={before}\n" if before else ""
    _content, difference = EnvFile.parse(text.encode(), "file").change({KEY: after}, lambda key: False)
    assert difference.summary()[0]["key"] == KEY
    assert "hunter22" not in json.dumps(difference.diff("file"))


def test_it_goes_to_the_host_as_a_secret_and_is_masked_in_what_the_server_says():
    arguments = with_secrets_apart({"settings": {KEY: ADDRESS, "globalSettings__x": "plain"}})
    assert arguments["secret_settings"] == {KEY: ADDRESS}
    assert arguments["settings"] == {"globalSettings__x": "plain"}
    assert secret_values([{KEY: ADDRESS, "globalSettings__x": "plain"}]) == {ADDRESS}


@pytest.mark.parametrize(
    "name",
    [
        "installation__key",
        "SA_PASSWORD",
        "x:apiKey",
        "Token ",
        "HTTPS_PROXY",
        "connectionStrings",
        "smtp__paswd",
        "pasword",
        "smtp__pass",
        "x__pwd",
        "passwort",
    ],
)
def test_names_that_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["installation__id", "mail__smtp__host", "keyboard", "bypass", "HTTPS_PROXY_PORT", "NO_PROXY"]
)
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)


def test_masking_takes_longer_secrets_first_and_leaves_short_ones() -> None:
    assert mask_text("a secret1 secret12 1", ["secret1", "secret12", "a", "1"]) == f"a {MASK} {MASK} 1"


@pytest.mark.parametrize("value", ["hunter2 x", "yes", "1", "it's"])
def test_the_last_log_lines_of_a_service_lose_the_value(value: str) -> None:
    starts = json.loads((RECORDINGS / "startup.json").read_text(encoding="utf-8"))["starts"]
    logged = next("\n".join(one["log"]) for one in starts if list(one["environment"].values()) == ["yes"])
    said = mask_text(logged.replace("'yes'", f"'{value}'").replace(": yes is", f": {value} is"), [])
    assert "GlobalSettings:EnableCloudCommunication" in said
    assert f"'{value}'" not in said
    assert f" {value} is" not in said


def test_secrets_are_masked_at_any_depth() -> None:
    secret = {"no_log": True}
    options = {"token": secret, "name": {}, "unset": secret, "map": {"type": "dict", **secret}}
    secrets = no_log_values(options, {"token": "Canary1", "name": "Bob", "unset": None, "map": {"X": "Canary2"}})
    assert secrets == ["Canary1", "Canary2"]
    result = {"msg": "is Canary1", "list": [{"deep": "xCanary1x"}], "tuple": ("Canary1",), "n": 1, "name": "Bob"}
    masked = mask_values(result, secrets)
    assert "Canary1" not in repr(masked)
    assert (masked["n"], masked["name"]) == (1, "Bob")


def test_users_and_passwords_in_urls_are_masked() -> None:
    text = "see https://user:hunter22@proxy.example.com:3128/ and http://a@b.example.com, not a@b"
    assert (
        mask_url_credentials(text)
        == f"see https://{MASK}@proxy.example.com:3128/ and http://{MASK}@b.example.com, not a@b"
    )


OPTIONS = {
    "name": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "file": {"type": "path"},
    "license": {"type": "dict", "options": {"content": {"no_log": True}, "src": {"type": "path"}}},
}
LICENSE = '{\n  "LicenseKey": "LicenseKey00000000001"\n}\n'


@pytest.mark.parametrize(
    ("arguments", "text", "shown"),
    [
        ({"token": "short secret"}, "It is short secret.", f"It is {MASK}."),
        ({"tokn": ["short secret"], "name": "Example Ltd"}, "short secret of Example Ltd", f"{MASK} of Example Ltd"),
        ({"name": "CanarySecretToken0001"}, "No CanarySecretToken0001.", f"No {MASK}."),
        ({"name": "ExampleEnterpriseOrganization"}, "No ExampleEnterpriseOrganization.", None),
        (
            {"name": "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003", "file": "/srv/licenses_2026/bw1.example.json"},
            "/srv/licenses_2026/bw1.example.json of 7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003",
            None,
        ),
        ({"file": LICENSE}, f"No file {LICENSE!r}", f"No file '{MASK}'"),
        ({"name": {"a": ["short secret"]}}, "{'a': ['short secret']}", f"{{'a': ['{MASK}']}}"),
        ({"license": {"src": LICENSE}}, f"/files/{LICENSE}", f"/files/{MASK}"),
        ({"license": {"content": {"LicenseKey": "short key"}}}, "short key", MASK),
        ({"name": "https://user:word@proxy"}, "at https://user:word@proxy", f"at {MASK}"),
    ],
)
def test_what_no_message_may_show(arguments: dict[str, object], text: str, shown: str | None) -> None:
    assert mask_text(text, secret_texts(arguments, OPTIONS)) == (text if shown is None else shown)


@pytest.mark.parametrize("text", [LICENSE, "[1]", '{"a": 1}', "-----BEGIN X-----", "a\nb", "x" * 256])
def test_the_text_of_a_file_is_no_path(text: str) -> None:
    assert is_document(text)


@pytest.mark.parametrize("text", ["", "license.json", " /srv/a b/license.json\n", "C:\\x", "x" * 255])
def test_a_path_is_one(text: str) -> None:
    assert not is_document(text)
