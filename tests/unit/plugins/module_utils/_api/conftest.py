# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .recorded_server import CLIENT_ID, CLIENT_SECRET, NAME, RecordedServer


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[RecordedServer]:
    running = RecordedServer()
    yield running
    running.close()


@pytest.fixture
def params(server: RecordedServer) -> dict[str, Any]:
    """Return the shared options, as Ansible hands them over."""
    return {
        "url": server.url,
        "api_url": None,
        "identity_url": None,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "organization": NAME,
        "validate_certs": True,
        "ca_path": None,
        "client_cert": None,
        "client_key": None,
        "timeout": "5s",
        "run_on": "controller",
        "assume_ready": False,
    }
