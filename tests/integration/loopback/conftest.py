# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .standin_pair import NAME, OWNER, OWNER_KEY, PASSWORD, Pair


@pytest.fixture(scope="session")
def running_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    pair = Pair(tmp_path_factory.mktemp("standin"))
    yield pair
    pair.stop()


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(autouse=True)
def own_temporary_folder(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers that are known stay so for these tests only: a later run may have a cloud at the same port."""
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))


@pytest.fixture
def pair(running_pair: Pair, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Return both servers as at first: cloud communication on, no token, never synced."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "BW_CLIENTID", "BW_CLIENTSECRET"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    running_pair.reset()
    return running_pair


@pytest.fixture
def params(pair: Pair) -> dict[str, Any]:
    """Return the shared options, as Ansible hands them over."""
    return {
        "url": pair.server.url,
        "api_url": None,
        "identity_url": None,
        "client_id": f"user.{OWNER}",
        "client_secret": OWNER_KEY,
        "organization": NAME,
        "validate_certs": True,
        "ca_path": None,
        "client_cert": None,
        "client_key": None,
        "timeout": "10s",
        "run_on": "controller",
        "assume_ready": False,
    }


@pytest.fixture
def cloud_params(pair: Pair) -> dict[str, Any]:
    """Return the shared options of the cloud's plugins, as Ansible hands them over."""
    return {
        "cloud": pair.cloud.addresses,
        "client_id": f"user.{OWNER}",
        "client_secret": OWNER_KEY,
        "master_password": PASSWORD,
        "organization": NAME,
        "validate_certs": True,
        "ca_path": None,
        "client_cert": None,
        "client_key": None,
        "timeout": "10s",
        "retry_timeout": "0s",
    }
