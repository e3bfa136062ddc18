# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in self-hosted server and its cloud, two processes on loopback. No Docker, no host."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Union

import requests

TESTS = Path(__file__).parents[2] / "support"

OWNER = "3d0c1b2a-4f5e-4d6c-8b7a-b2e500f1c001"
ADMIN = "3d0c1b2a-4f5e-4d6c-8b7a-b2e500f1c101"
OWNER_KEY = "CanaryUserApiKeyOwner00000001"
ADMIN_KEY = "CanaryUserApiKeyAdmin00000001"
ORGANIZATION = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"
NAME = "Example Enterprise"
CLOUD_ORGANIZATION = "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003"
INSTALLATION = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
INSTALLATION_KEY = "CanaryInstallKey0123"
LICENSE_KEY = "CanaryEntLicenseKey1"
TOKEN = "CanaryBillingSyncToken00000002"
WRONG_TOKEN = "CanaryWrongSyncToken0000000003"
CLOUD_SECOND = "9b1f6a2e-4f5e-4d6c-8b7a-b2e500f1c201"
CLOUD_SECOND_KEY = "CanaryUserApiKeySecond0000001"
CLOUD_ADMIN = "9b1f6a2e-4f5e-4d6c-8b7a-b2e500f1c202"
CLOUD_ADMIN_KEY = "CanaryUserApiKeyCloudAdmin001"
PASSWORD = "Canary master pässword 1"
SECOND_PASSWORD = "Canary master password 2"
FAMILIES_ORGANIZATION = "ac5d6e7f-9081-4c23-9e4f-b2e500f1d004"
EXPIRES = "2031-12-28T00:00:00Z"

#: What a server says of its own failures, and of a file that it may not use.
FAILED = {"object": "error", "message": "An unhandled server error has occurred."}
REFUSED = {"object": "error", "message": "Unauthorized."}

CANARIES = (
    OWNER_KEY, ADMIN_KEY, INSTALLATION_KEY, LICENSE_KEY, TOKEN, WRONG_TOKEN, CLOUD_SECOND_KEY, CLOUD_ADMIN_KEY,
    PASSWORD, SECOND_PASSWORD,
)  # fmt: skip


def _environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "PYTHONPATH": str(TESTS), "STANDIN_CONTROL": "1", "STANDIN_DELAY_SCALE": "0", **more}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class StandIn:
    """One process. ``log`` is its console, as the engine would keep it."""

    def __init__(self, face: str, seed: dict[str, Any], folder: Path, environment: dict[str, str]) -> None:
        self.face, self.seed, self.folder, self.environment = face, seed, folder, environment
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True)
        (folder / "seed.json").write_text(json.dumps(seed))
        self.log = folder / "console.log"
        self._process: Union[subprocess.Popen[bytes], None] = None
        self.start()

    def start(self, **environment: str) -> None:
        """Start it, with these settings beside its own; wait until it answers."""
        arguments = ["--face", self.face, "--service", "both", "--port", str(self.port), "--host", "127.0.0.1"]
        arguments += ["--data", str(self.folder / "data"), "--seed", str(self.folder / "seed.json")]
        with self.log.open("ab") as console:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "standin", *arguments],
                env=_environment(**{**self.environment, **environment}),
                stdout=console,
                stderr=console,
                cwd=TESTS,
            )
        for _count in range(200):
            try:
                if requests.get(f"{self.url}/api/alive", timeout=2).status_code == 200:
                    return
            except requests.ConnectionError:
                if self._process.poll() is not None:
                    break
            time.sleep(0.05)
        raise RuntimeError(f"the stand-in did not start: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def restart(self, **environment: str) -> None:
        self.stop()
        self.start(**environment)

    def control(self, method: str, path: str, body: Any = None, service: str = "api") -> Any:
        """Call a control endpoint (``faults``); return its JSON."""
        answer = requests.request(method, f"{self.url}/{service}/_standin/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def plant(self, seed: dict[str, Any]) -> None:
        """Begin again from this seed, nothing asked yet."""
        self.control("POST", "reset", {"seed": seed})
        self.control("DELETE", "requests")

    @property
    def addresses(self) -> dict[str, str]:
        """The addresses of its Api and Identity, as options take them."""
        return {"api_url": f"{self.url}/api", "identity_url": f"{self.url}/identity"}

    @property
    def license_file(self) -> Path:
        return self.folder / "data" / "licenses" / "organization" / f"{ORGANIZATION}.json"


def answer(process: StandIn, path: str, status: int, body: Any = "", **more: Any) -> None:
    """Let a server answer calls of a path so; a body that is not text is JSON. ``more`` is of a fault, as ``times``."""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    process.control("POST", "faults", {"path": path, "status": status, "body": text, "headers": headers, **more})


def new_keys() -> dict[str, str]:
    """Return keys that sign licenses, as fields of a seed."""
    command = [sys.executable, "-m", "standin.keys"]
    made = subprocess.run(command, env=_environment(), capture_output=True, check=True, cwd=TESTS)
    return dict(json.loads(made.stdout))


class Pair:
    """``server`` is self-hosted, ``cloud`` its cloud."""

    def __init__(self, folder: Path) -> None:
        self.keys = new_keys()
        # As the real cloud: what it says of an unknown address is not what it says of all.
        settings = {"STANDIN_LIMITER": "0", "globalSettings__kdfDefaultHashKey": "any"}
        self.cloud = StandIn("cloud", self._cloud_seed(), folder / "cloud", settings)
        settings = {
            "globalSettings__selfHosted": "true",
            "globalSettings__enableCloudCommunication": "true",
            "globalSettings__installation__id": INSTALLATION,
            "globalSettings__installation__key": INSTALLATION_KEY,
            "globalSettings__installation__identityUri": f"{self.cloud.url}/identity/",
            "globalSettings__installation__apiUri": f"{self.cloud.url}/api/",
            "STANDIN_CLOUD_TIMEOUT": "3",
        }
        self.server = StandIn("self-hosted", self._server_seed(), folder / "server", settings)

    def _organization(self, **more: Any) -> dict[str, Any]:
        return {
            "name": NAME,
            "billing_email": "owner@example.com",
            "plan": "enterprise",
            "license_key": LICENSE_KEY,
            **more,
        }

    def _cloud_seed(self) -> dict[str, Any]:
        argon2 = {"type": 1, "iterations": 2, "memory": 16, "parallelism": 1}
        owner = {"id": OWNER, "email": "Owner@example.com", "api_key": OWNER_KEY, "password": PASSWORD, "kdf": argon2}
        second = {"id": CLOUD_SECOND, "email": "second@example.com", "api_key": CLOUD_SECOND_KEY,
                  "password": SECOND_PASSWORD, "kdf": {"iterations": 5000}}  # fmt: skip
        admin = {"id": CLOUD_ADMIN, "email": "admin@example.com", "api_key": CLOUD_ADMIN_KEY}
        families = {"id": FAMILIES_ORGANIZATION, "name": "Home", "plan": "families", "members": [{"user": OWNER}]}
        return {
            **self.keys,
            "users": [owner, second, admin],
            "installations": [{"id": INSTALLATION, "key": INSTALLATION_KEY}],
            "organizations": [
                self._organization(
                    id=CLOUD_ORGANIZATION,
                    api_keys={"billing_sync": TOKEN},
                    members=[{"user": OWNER}, {"user": CLOUD_SECOND}, {"user": CLOUD_ADMIN, "type": 1}],
                    expires=EXPIRES,
                    subscription="active",
                ),
                families,
            ],
        }

    def _server_seed(self) -> dict[str, Any]:
        owner = {"id": OWNER, "email": "owner@example.com", "name": "Owner", "api_key": OWNER_KEY}
        admin = {"id": ADMIN, "email": "admin@example.com", "name": "Admin", "api_key": ADMIN_KEY}
        return {
            **self.keys,
            "users": [owner, admin],
            "organizations": [
                self._organization(
                    id=ORGANIZATION,
                    cloud_id=CLOUD_ORGANIZATION,
                    members=[{"user": OWNER, "type": 0, "status": 2}, {"user": ADMIN, "type": 1, "status": 2}],
                    license={"expires": "2030-12-27T00:00:00Z"},
                )
            ],
        }

    def reset(self) -> None:
        """Go back to the seeds: no token, never synced, no faults."""
        for process in (self.cloud, self.server):
            process.plant(process.seed)
        self.cloud.control("POST", "limiter", {"on": False, "scale": 1}, service="identity")

    def stop(self) -> None:
        self.cloud.stop()
        self.server.stop()

    def writes(self) -> list[tuple[str, str]]:
        """List what asked the server to change something; logging in does not."""
        return [
            (item["method"], item["path"])
            for item in self.server.control("GET", "requests")
            if item["method"] not in ("GET", "HEAD") and not item["path"].endswith("/connect/token")
        ]
