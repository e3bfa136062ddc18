# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in as processes: start and end, shared state, faults, the race of connections."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from standin import keys

TESTS = Path(__file__).resolve().parents[3] / "support"
INSTALLATION = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
OWNER = "3d0c1b2a-4f5e-4d6c-8b7a-b2e500f1c001"
ORGANIZATION = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"
CLOUD_ID = "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003"
API_KEY = "UserApiKeySelfHosted0000000001"
CONNECTIONS = f"/organizations/connections/{ORGANIZATION}/1"


class Service:
    """One process of the stand-in."""

    def __init__(self, service, data, seed, environment=None, options=()):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        own = {"globalSettings__installation__id": INSTALLATION, "STANDIN_CONTROL": "1", "STANDIN_DELAY_SCALE": "0"}
        arguments = ["--data", str(data), "--host", "127.0.0.1", "--port", str(self.port), "--seed", str(seed)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "standin", "--face", "self-hosted", "--service", service, *arguments, *options],
            env={**os.environ, "PYTHONPATH": str(TESTS), **own, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def wait(self):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                time.sleep(0.02)
        raise AssertionError(self.process.stdout.read())

    def ask(self, path, body=None, method=None, token=None, form=None):
        """Return status and JSON (or text) of a response."""
        data = urlencode(form).encode() if form else None if body is None else json.dumps(body).encode()
        kind = "application/x-www-form-urlencoded" if form else "application/json"
        headers = {"Content-Type": kind, "Bitwarden-Client-Version": "2026.8.0"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                status, text = response.status, response.read()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text.decode()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=5)


def _try_login(identity):
    device = {"deviceType": 8, "deviceName": "test", "deviceIdentifier": "test"}
    form = {"grant_type": "client_credentials", "client_id": f"user.{OWNER}", "client_secret": API_KEY, **device}
    return identity.ask("/connect/token", form=form)


def _login(identity):
    status, body = _try_login(identity)
    assert status == 200, body
    return body["access_token"]


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    organization = {
        "id": ORGANIZATION,
        "name": "Example Enterprise",
        "plan": "enterprise",
        "license_key": "EntLicenseKey0000001",
        "members": [{"user": OWNER, "type": 0}],
        "cloud_id": CLOUD_ID,
        "license": {"expires": "2027-12-27T00:00:00Z"},
    }
    users = [{"id": OWNER, "email": "owner@example.com", "api_key": API_KEY}]
    file = tmp_path_factory.mktemp("seed") / "seed.json"
    file.write_text(json.dumps({**keys.pair(), "users": users, "organizations": [organization]}))
    return file


@pytest.fixture(scope="module")
def services(seed, tmp_path_factory):
    """Yield Api and Identity, started at the same moment on one empty folder."""
    data = tmp_path_factory.mktemp("core")
    found = [Service(name, data, seed) for name in ("api", "identity")]
    yield [one.wait() for one in found]
    for one in found:
        one.process.kill()


@pytest.fixture
def api(services):
    """Return the Api, as new."""
    assert services[0].ask("/_standin/reset", {})[0] == 200
    return services[0]


@pytest.fixture
def token(api, services):
    return _login(services[1])


def _create(api, token):
    body = {"type": 1, "organizationId": ORGANIZATION, "enabled": True, "config": {"billingSyncKey": "k"}}
    return api.ask("/organizations/connections", body, token=token)


def test_api_and_identity_share_their_state(api, token):
    assert api.ask("/organizations", token=token)[1]["data"][0]["id"] == ORGANIZATION


def test_of_eight_simultaneous_creations_one_succeeds(api, token):
    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(answer[0] for answer in pool.map(lambda _: _create(api, token), range(8)))
    assert statuses == [200] + [400] * 7


def test_the_race_makes_eight(api, token):
    api.ask("/_standin/connection-race", {"seconds": 0.5})
    with ThreadPoolExecutor(8) as pool:
        assert [answer[0] for answer in pool.map(lambda _: _create(api, token), range(8))] == [200] * 8
    shown = [api.ask(CONNECTIONS, token=token)[1]["id"] for _count in range(2)]
    assert shown[0] == shown[1]
    for _count in range(8):
        assert (
            api.ask(
                f"/organizations/connections/{api.ask(CONNECTIONS, token=token)[1]['id']}", method="DELETE", token=token
            )[0]
            == 200
        )
    assert api.ask(CONNECTIONS, token=token)[1]["id"] is None


def test_connections_and_last_sync_as_a_test_wants_them(api, token):
    api.ask("/_standin/connections", {"organization": ORGANIZATION, "count": 3, "billing_sync_key": "k"})
    api.ask("/_standin/last-sync", {"organization": ORGANIZATION, "days_ago": 8})
    found = api.ask("/_standin/state")[1]["connection"]
    assert len(found) == 3
    assert found[0]["config"]["CloudOrganizationId"] == CLOUD_ID
    assert api.ask(CONNECTIONS, token=token)[1]["config"]["LastLicenseSync"] == found[0]["config"]["LastLicenseSync"]
    api.ask("/_standin/last-sync", {"organization": ORGANIZATION, "days_ago": None})
    assert api.ask(CONNECTIONS, token=token)[1]["config"]["LastLicenseSync"] is None


def test_a_fault_strikes_as_often_as_told(api):
    fault = {"path": "/config", "times": 2, "status": 503, "headers": {"Retry-After": "7"}, "body": "<html>"}
    api.ask("/_standin/faults", fault)
    assert [api.ask("/config")[0] for _count in range(3)] == [503, 503, 200]
    assert api.ask("/_standin/faults")[1] == []


def test_a_fault_of_another_service_does_not_strike(api):
    api.ask("/_standin/faults", {"service": "identity", "path": ".*", "status": 500, "times": -1})
    assert api.ask("/config")[0] == 200


def test_a_fault_can_close_the_connection(api):
    api.ask("/_standin/faults", {"path": "/config", "close": True})
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        api.ask("/config")
    assert api.ask("/config")[0] == 200


def test_a_fault_can_only_delay(api):
    api.ask("/_standin/faults", {"path": "/config", "delay": 0.3})
    started = time.monotonic()
    assert api.ask("/config")[0] == 200
    assert time.monotonic() - started >= 0.3


def test_a_fault_with_an_unknown_member_is_refused(api):
    assert api.ask("/_standin/faults", {"pth": "/config"})[0] == 400


def test_a_token_ages_with_the_servers_clock(api, token):
    api.ask("/_standin/clock", {"advance": 3600 + 290})
    assert api.ask("/organizations", token=token)[0] == 200
    api.ask("/_standin/clock", {"advance": 20})
    assert api.ask("/organizations", token=token)[0] == 401


def test_requests_are_listed_for_both_services(api, token):
    listed = [(one["service"], one["method"], one["path"]) for one in api.ask("/_standin/requests")[1]]
    assert listed == [("identity", "POST", "/connect/token")]
    assert token


@pytest.fixture
def open_folder():
    """Yield a folder that other users may reach; pytest's own are for one user only."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_an_unreadable_license_file_is_a_401(seed, open_folder):
    environment = {"LOCAL_UID": "65534", "LOCAL_GID": "65534"} if os.geteuid() == 0 else {}
    service = Service("both", open_folder / "core", seed, environment).wait()
    try:
        (open_folder / "core" / "licenses" / "organization" / f"{ORGANIZATION}.json").chmod(0)
        device = {"deviceType": 8, "deviceName": "test", "deviceIdentifier": "test"}
        form = {"grant_type": "client_credentials", "client_id": f"user.{OWNER}", "client_secret": API_KEY, **device}
        access = service.ask("/identity/connect/token", form=form)[1]["access_token"]
        status, body = service.ask(f"/api/organizations/{ORGANIZATION}/subscription", token=access)
        assert (status, body["message"]) == (401, "Unauthorized.")
    finally:
        service.process.kill()


def test_state_survives_and_a_seed_is_planted_once(seed, tmp_path):
    for _count in range(2):
        service = Service("api", tmp_path, seed).wait()
        service.ask("/_standin/organization", {"organization": ORGANIZATION, "enabled": False})
        found = service.ask("/_standin/state")[1]
        assert service.end() == 0
    assert [one["enabled"] for one in found["organization"]] == [False]


def test_without_leave_there_are_no_control_endpoints(seed, tmp_path):
    service = Service("api", tmp_path, seed, {"STANDIN_CONTROL": "0"}).wait()
    assert service.ask("/_standin/state")[0] == 404
    assert service.end() == 0


def test_a_bad_setting_aborts_the_start(seed, tmp_path):
    service = Service("identity", tmp_path, seed, {"globalSettings__enableCloudCommunication": "yes"})
    assert service.process.wait(timeout=10) == -signal.SIGABRT
    assert b"Failed to convert configuration value 'yes'" in service.process.stdout.read()


@pytest.mark.parametrize(
    ("password", "last_words"),
    [
        ("other", "The certificate data cannot be read with the provided password"),
        ("", "No identity certificate to use."),
    ],
)
def test_identity_dies_without_its_certificate(seed, tmp_path, password, last_words):
    key = serialization.load_pem_private_key(keys.new().encode(), None)
    secret = serialization.BestAvailableEncryption(b"right")
    file = tmp_path / "identity.pfx"
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"identity", key, None, None, secret))
    name = "globalSettings__identityServer__certificatePassword"
    options = ["--certificate", str(file)]
    one = Service("identity", tmp_path / "core", seed, {name: password}, options)
    assert one.process.wait(timeout=20) == -signal.SIGABRT
    assert last_words in one.process.stdout.read().decode()
    one = Service("identity", tmp_path / "core", seed, {name: "right"}, options).wait()
    assert one.end() == 0


def test_sigterm_ends_it_even_in_the_midst_of_a_request(seed, tmp_path):
    service = Service("api", tmp_path, seed).wait()
    service.ask("/_standin/faults", {"path": "/config", "delay": 30})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(service.ask, "/config")
        time.sleep(0.2)
        started = time.monotonic()
        assert service.end() == 0
        assert time.monotonic() - started < 2
        assert isinstance(waiting.exception(), OSError)


@pytest.fixture
def with_database(seed, tmp_path):
    """Yield Api and Identity on a database server, in a folder with the first start's seed; and how to restart that."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    connection = f"Data Source=tcp:127.0.0.1,{port};Initial Catalog=vault;User ID=sa;Password=geheim"
    folders = ["--data", str(tmp_path / "data"), "--log", str(tmp_path / "log"), "--port", port]

    def start():
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "standin.mssql", *folders],
                env={**os.environ, "PYTHONPATH": str(TESTS), "SA_PASSWORD": "geheim"},
                stdout=subprocess.DEVNULL,
            )
        )
        return processes[-1]

    processes = []
    start()
    own = tmp_path / "seed.json"
    shutil.copy(seed, own)
    settings = {"globalSettings__sqlServer__connectionString": connection}
    services = [Service(name, tmp_path / "core", own, settings, ["--database"]) for name in ("api", "identity")]
    processes += [service.process for service in services]
    yield tmp_path, processes[0], start, [service.wait() for service in services]
    for process in processes:
        process.kill()
        process.wait()


def test_what_clients_can_do_depends_on_database_and_key_ring(with_database):
    folder, server, start, (api, identity) = with_database
    token = _login(identity)
    assert not (folder / "seed.json").exists()
    server.kill()
    server.wait()
    assert [_try_login(identity)[0], api.ask("/organizations", token=token)[0]] == [500, 500]
    api.ask("/_standin/faults", {"path": "/config", "status": 503})
    assert api.ask("/config")[0] == 503, "what a test has asked for goes on"
    start()
    while _try_login(identity)[0] == 500:
        time.sleep(0.02)
    assert api.ask("/organizations", token=token)[1]["data"][0]["id"] == ORGANIZATION
    (key,) = (folder / "core/aspnet-dataprotection").glob("key-*.xml")
    content = key.read_bytes()
    key.unlink()
    assert _try_login(identity)[0] == 500
    logged = [line["line"] for line in identity.ask("/_standin/log")[1]["lines"]]
    assert any("CryptographicException: The key {" in line for line in logged)
    key.write_bytes(content)
    assert _try_login(identity)[0] == 200


def test_a_lost_database_stays_lost_until_a_reset(with_database):
    folder, server, start, (api, identity) = with_database
    server.kill()
    server.wait()
    shutil.rmtree(folder / "data")
    start()
    for service in (api, identity):
        assert service.end() == 0
    settings = {
        "globalSettings__sqlServer__connectionString": "Data Source=tcp:127.0.0.1,"
        f"{_port_of(folder)};Initial Catalog=vault;User ID=sa;Password=geheim"
    }
    both = Service("both", folder / "core", folder / "seed.json", settings, ["--database"]).wait()
    try:
        device = {"deviceType": 8, "deviceName": "test", "deviceIdentifier": "test"}
        form = {"grant_type": "client_credentials", "client_id": f"user.{OWNER}", "client_secret": API_KEY, **device}
        assert both.ask("/identity/connect/token", form=form)[0] == 400
        assert both.ask("/api/_standin/reset", {})[0] == 200
        assert both.ask("/identity/connect/token", form=form)[0] == 200
        job = both.ask("/api/_standin/jobs/ValidateOrganizationsJob", {})[1]["log"]
        assert not any("disabled" in line for line in job)
        (folder / f"core/licenses/organization/{ORGANIZATION}.json").unlink()
        job = both.ask("/api/_standin/jobs/ValidateOrganizationsJob", {})[1]["log"]
        assert any("is being disabled. Reason: No license file." in line for line in job)
        assert [one["enabled"] for one in both.ask("/api/_standin/state")[1]["organization"]] == [False]
    finally:
        both.process.kill()


def _port_of(folder):
    """Return the port in the newest errorlog."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = re.search(r"<ipv4> (\d+)]", (folder / "log/errorlog").read_text())
        if found:
            return found[1]
        time.sleep(0.02)
    raise AssertionError("the database server has not started")
