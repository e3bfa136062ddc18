# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An address with a password in it is secret, whatever its setting is called."""

from __future__ import annotations

import json

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import holds_credentials
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import secret_values
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import with_secrets_apart

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
