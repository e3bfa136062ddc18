# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which version is installed, which one the script installs, and which one Bitwarden has published."""

from __future__ import annotations

import json

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._server_status import versions

from .._connectivity.stand_ins import page

PUBLISHED = {"coreVersion": "2026.8.0", "webVersion": "2026.8.1", "keyConnectorVersion": "2026.6.0"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '#!/bin/bash\nset -e\n\nCOREVERSION="2026.8.0"\nWEBVERSION="2026.8.1"\nKEYCONNECTORVERSION="2026.6.0"\n',
            {"core": "2026.8.0", "web": "2026.8.1", "key_connector": "2026.6.0"},
        ),
        ("COREVERSION=2026.8.0\n", {"core": "2026.8.0", "web": None, "key_connector": None}),
        # run.sh takes them from its arguments.
        ('COREVERSION="${3:-latest}"\necho "$WEBVERSION=1.0.0"\n', {"core": None, "web": None, "key_connector": None}),
    ],
)
def test_versions_of_the_script(text, expected):
    assert versions.script_versions(text) == expected


@pytest.mark.parametrize(
    "published", [{"versions": PUBLISHED}, {"versions": {**PUBLISHED, "extra": None}, "format": 2}]
)
def test_published_versions(serve, authority, network, monkeypatch, published):
    server = serve(page("200 OK", json.dumps(published)), authority.context("selfhost.test"))
    monkeypatch.setattr(versions, "PUBLISHED", server.url("selfhost.test") + "version.json")
    found = versions.available_versions(network, 5)
    assert found == {"core": "2026.8.0", "web": "2026.8.1", "key_connector": "2026.6.0"}
    assert server.heads[0].startswith("GET /version.json ")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (page("404 Not Found", "gone"), "status 404"),
        (page("200 OK", "<html>Log in to the network</html>"), "not with versions"),
        (page("200 OK", json.dumps([PUBLISHED])), "not with versions"),
        (page("200 OK", json.dumps({"versions": {"coreVersion": 7}})), "not with versions"),
        (page("200 OK", json.dumps({"versions": {"coreVersion": "latest"}})), "not with versions"),
        (None, "selfhost.test"),
    ],
)
def test_other_answers_are_no_versions(serve, authority, network, monkeypatch, answer, said):
    server = serve(answer, authority.context("selfhost.test"))
    monkeypatch.setattr(versions, "PUBLISHED", server.url("selfhost.test") + "version.json")
    with pytest.raises(BitwardenError, match=said):
        versions.available_versions(network, 0.5)
