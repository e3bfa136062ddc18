# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Twenty-five servers behind one address, and a cloud that takes ten logins a minute (six seconds here) from it."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license_sync
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.license_sync import Times
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.license_diagnosis import read_log_result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.parser import find_failures
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._pacer import Pacer

from tests.integration.ansible_run import playbook

from .standin_pair import EXPIRES, OWNER, OWNER_KEY, StandIn, new_keys

COUNT = 25
SCALE = 0.1  # of the limiter's minute
STARTED_AT_ONCE = 5


def number(kind: str, index: int) -> str:
    """Return a GUID of that kind for a server."""
    return f"{kind}-0000-4000-8000-{index:012}"


class Office:
    """The servers of one office and the cloud that they share an address towards."""

    def __init__(self, folder: Path) -> None:
        keys = new_keys()
        owner = {"id": OWNER, "email": "owner@example.com", "api_key": OWNER_KEY}
        shared = {"plan": "enterprise", "billing_email": "owner@example.com", "members": [{"user": OWNER}]}
        organizations, installations = [], []
        for index in range(COUNT):
            own = {"name": f"Company {index}", "license_key": f"LicenseKeyOfServer{index:02}"}
            organizations.append(
                {**shared, **own, "id": number("c0000000", index), "expires": EXPIRES,
                 "api_keys": {"billing_sync": f"TokenOfServer{index:02}"}}
            )  # fmt: skip
            installations.append({"id": number("10000000", index), "key": f"InstallationKey{index:02}"})
        seed = {**keys, "users": [owner], "installations": installations, "organizations": organizations}
        self.cloud = StandIn("cloud", seed, folder / "cloud", {"STANDIN_LIMITER_SCALE": str(SCALE)})

        def start(index: int) -> StandIn:
            organization = {
                **shared,
                "id": number("a0000000", index),
                "name": f"Company {index}",
                "license_key": f"LicenseKeyOfServer{index:02}",
                "cloud_id": number("c0000000", index),
                "license": {"expires": "2030-12-27T00:00:00Z"},
                "connection": {"billing_sync_key": f"TokenOfServer{index:02}"},
            }
            settings = {
                "globalSettings__selfHosted": "true",
                "globalSettings__enableCloudCommunication": "true",
                "globalSettings__installation__id": number("10000000", index),
                "globalSettings__installation__key": f"InstallationKey{index:02}",
                "globalSettings__installation__identityUri": f"{self.cloud.url}/identity/",
                "globalSettings__installation__apiUri": f"{self.cloud.url}/api/",
            }
            seed = {**keys, "users": [owner], "organizations": [organization]}
            return StandIn("self-hosted", seed, folder / f"server{index}", settings)

        with ThreadPoolExecutor(STARTED_AT_ONCE) as pool:
            self.servers = list(pool.map(start, range(COUNT)))

    def reset(self) -> None:
        """Go back to never synced; the cloud has heard nothing."""
        for server in self.servers:
            server.control("POST", "reset", {})
        self.cloud.control("DELETE", "requests")
        for service in ("api", "identity"):
            self.cloud.control("POST", "limiter", {"on": True, "scale": SCALE}, service=service)

    def logins(self) -> Counter[int]:
        """Count the cloud's responses to logins, by status."""
        requests = self.cloud.control("GET", "requests")
        return Counter(one["status"] for one in requests if one["path"] == "/connect/token")

    def synced(self) -> int:
        """Count the servers that have synced their license."""
        states = [server.control("GET", "state") for server in self.servers]
        return sum(bool(state["connection"][0]["config"]["LastLicenseSync"]) for state in states)


@pytest.fixture(scope="module")
def running_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office(tmp_path_factory.mktemp("office"))
    yield office
    for server in (*office.servers, office.cloud):
        server.stop()


@pytest.fixture
def office(running_office: Office) -> Office:
    running_office.reset()
    return running_office


def report(what: str, seconds: float) -> None:
    """Print it. The limit itself needs two of its minutes for 25 logins: the third ten begin after them."""
    allowed = 2 * 60 * SCALE
    print(f"\n{what}: {COUNT} syncs in {seconds:.1f} s; the limit allows them in {allowed:.0f} s", file=sys.stderr)


def sync(server: StandIn, wait_turn: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Sync as the module does it, with waits as short as the limiter's minute."""

    def diagnose(_organization: str, _seconds: float) -> Any:
        return read_log_result({"failures": [one._asdict() for one in find_failures(server.log.read_text())]})

    options = {
        "url": server.url, "client_id": f"user.{OWNER}", "client_secret": OWNER_KEY, "organization": None,
        "timeout": "30s", "max_age": "7d", "force": False, "retry_timeout": "120s", "diagnose": True,
        "bwdata": "/nowhere", "assume_ready": False,
    }  # fmt: skip
    return license_sync.perform(options, False, diagnose, Times(sleep=sleep), wait_turn)


def sleep(seconds: float) -> None:
    time.sleep(seconds * SCALE)


@pytest.mark.parametrize("paced", [False, True], ids=["wait and retry", "pace"])
def test_all_are_synced_and_none_fails(office: Office, tmp_path: Path, paced: bool) -> None:
    def turn() -> float:
        return Pacer("office", 10, tmp_path / "turns", lambda: time.time() / SCALE, sleep).wait()

    began = time.monotonic()
    with ThreadPoolExecutor(COUNT) as pool:
        results = list(pool.map(lambda server: sync(server, turn) if paced else sync(server), office.servers))
    report("with a pace" if paced else "wait and retry", time.monotonic() - began)
    assert all(result["changed"] for result in results)
    assert office.synced() == COUNT
    logins = office.logins()
    assert logins[200] == COUNT
    # With a pace hardly any is refused (none, were it not that time runs tenfold here, and with it what the way takes).
    assert (logins[429] <= COUNT // 5) is paced, logins


def test_the_pace_is_an_option_and_counts_only_syncs_that_are_due(office: Office, tmp_path: Path) -> None:
    own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {f"server{index}": {**own, "url": server.url} for index, server in enumerate(office.servers[:3])}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    options = {"url": "{{ url }}", "client_id": f"user.{OWNER}", "client_secret": "{{ secret }}", "diagnose": False,
               "egress": "office", "syncs_per_minute": 60}  # fmt: skip
    play = {"hosts": "all", "gather_facts": False, "tasks": [{"selfhosted.bitwarden.license_sync": options}]}
    shared = {"inventory": inventory, "environment": {"TMPDIR": str(tmp_path)}, "secret": OWNER_KEY}
    playbook([play], "--check", **shared).ok()
    assert not list(tmp_path.glob("selfhosted-bitwarden-*"))
    for _count in range(2):
        playbook([play], **shared).ok()
        (file,) = tmp_path.glob("selfhosted-bitwarden-*/*")
        assert len(json.loads(file.read_text())) == 3
