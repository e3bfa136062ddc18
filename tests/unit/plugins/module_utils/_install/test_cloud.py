# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cloud says about id and key before an installation."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import cloud as cloud_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import failures
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.http import Response
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.cloud import cloud_problems
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.request import InstallRequest

ID = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
KEY = "CanaryInstallationKey"
KNOWN = (200, '{"object":"installation","enabled":true}')
UNKNOWN = (404, '{"object":"error"}')
CONFIGURATION = (200, '{"token_endpoint":"x"}')
ACCEPTED = (200, '{"access_token":"x"}')
OUT_OF_REACH = None


@pytest.mark.parametrize(
    ("region", "answers", "seen"),
    [
        ("US", {}, []),
        ("EU", {}, []),
        (
            "US",
            {"api.bitwarden.com": UNKNOWN, "api.bitwarden.eu": UNKNOWN},
            ["this installation id is not known in US"],
        ),
        ("US", {"api.bitwarden.com": UNKNOWN}, ["is not known in US, but it is in EU. Set region to EU"]),
        (
            "US",
            {"api.bitwarden.com": (200, '{"object":"installation","enabled":false}')},
            ["known in US, but disabled"],
        ),
        ("US", {"token": (400, '{"error":"invalid_client"}')}, ["the key of the installation is not accepted"]),
        (
            "US",
            {"api.bitwarden.com": OUT_OF_REACH, "identity.bitwarden.com": OUT_OF_REACH},
            [
                "api from the host (https://api.bitwarden.com): no connection to a firewall: refused.",
                "identity from the host (https://identity.bitwarden.com): no connection",
            ],
        ),
        ("US", {"token": (429, "")}, []),
    ],
)
def test_what_the_cloud_says(monkeypatch, region, answers, seen):
    asked = []

    def send(_network, url, _timeout, form=None):
        asked.append(url)
        host = url.split("/")[2]
        usual = ACCEPTED if form else CONFIGURATION if host.startswith("identity") else KNOWN
        answer = answers.get("token" if form else host, usual)
        if answer is OUT_OF_REACH:
            raise failures.NOT_CONNECTED.error(peer="a firewall", reason="refused")
        return Response(*answer, host)

    monkeypatch.setattr(cloud_module, "send", send)
    request = InstallRequest("/opt/bw/bwdata", "/opt/bw/bitwarden.sh", "vault.example.com", ID, KEY, region)
    problems = list(map(str, cloud_problems(request, {})))
    assert len(problems) == len(seen)
    for problem, text in zip(problems, seen):
        assert text in problem
        assert KEY not in problem
        assert ("set verify_installation to false" in problem) == ("from the host" in text)
    own = {"US": "bitwarden.com", "EU": "bitwarden.eu"}[region]
    assert {f"https://api.{own}/installations/{ID}", f"https://identity.{own}/.well-known/openid-configuration"} <= set(
        asked
    )
