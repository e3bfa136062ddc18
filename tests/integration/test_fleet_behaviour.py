# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet behaves as a real server was measured to, or every test on top of it proves nothing."""

from __future__ import annotations

import json
import shlex
import ssl
import subprocess
import uuid
from typing import Dict, Iterator, cast
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from tests.support import fleet
from tests.support.fleet import keys, names

pytestmark = pytest.mark.fleet
OVERRIDE = "env/global.override.env"
CLOUD = "globalSettings__enableCloudCommunication"
READERS = {"api", "identity", "sso", "admin", "notifications", "events"}


@pytest.fixture
def host(bw4: fleet.Host) -> fleet.Host:
    """Return a host as after set-up."""
    return bw4


def restart(host: fleet.Host) -> None:
    done = host.script("restart")
    assert done.returncode == 0, done.stderr


def running(host: fleet.Host) -> set[str]:
    return {service for service, container in host.containers().items() if container["status"] == "running"}


@pytest.mark.parametrize(("user", "groups"), [("root", "root"), ("admin", "admin"), ("bitwarden", "bitwarden docker")])
def test_users_come_in_by_key(host: fleet.Host, user: str, groups: str) -> None:
    assert host.ssh("id -nG", user=user).stdout.split() == groups.split()


def test_root_is_asked_and_nothing_happens_without_an_answer(host: fleet.Host) -> None:
    before = host.containers()
    assert host.script("restart", user="root").returncode == 1
    assert host.containers() == before


def test_unknown_command_is_no_error(host: fleet.Host) -> None:
    assert host.script("frobnicate").returncode == 0


def test_restart_answered_by_root_makes_all_containers_anew(host: fleet.Host) -> None:
    before = {container["id"] for container in host.containers().values()}
    assert host.script("restart", user="root", stdin="y\n").returncode == 0
    after = host.containers()
    assert set(after) == set(names.SERVICES)
    assert before.isdisjoint(container["id"] for container in after.values())
    host.wait()


def test_failed_pull_is_status_18_with_everything_down(host: fleet.Host) -> None:
    fleet.registry().stop()
    try:
        assert [host.script("restart").returncode for _count in range(2)] == [18, 18]
        assert not host.containers()
        host.ssh(f"cd {names.BWDATA}/docker && docker compose up -d", user="bitwarden")
        assert running(host) == set(names.SERVICES)
    finally:
        fleet.registry().start()


def test_no_engine_is_status_1(host: fleet.Host) -> None:
    host.engine("stop")
    try:
        assert host.script("restart").returncode == 1
    finally:
        host.engine("start")


def test_settings_reach_their_readers_only_when_containers_are_made(host: fleet.Host) -> None:
    host.write(OVERRIDE, host.read(OVERRIDE) + f"{CLOUD}=true\n")
    host.docker("restart", "--time", "2", "bitwarden-api")
    assert CLOUD not in host.container_env("api")
    restart(host)
    assert {service for service in names.SERVICES if host.container_env(service).get(CLOUD) == "true"} == READERS


def test_rebuild_rewrites_and_leaves_the_stack_down(host: fleet.Host) -> None:
    host.write(OVERRIDE, "# a note\n" + host.read(OVERRIDE).replace("cloudRegion=US\n", "cloudRegion=US\n\nodd=1\n"))
    assert host.script("rebuild").returncode == 0
    assert not host.containers()
    lines = host.read(OVERRIDE).splitlines()
    assert lines[-1] == "odd=1"
    assert "# a note" not in lines
    assert host.execute("stat", "-c", "%a %U", f"{names.BWDATA}/{OVERRIDE}").split() == ["600", "bitwarden"]


def test_override_compose_file_and_other_data_folder_are_used(host: fleet.Host) -> None:
    other = f"{names.BITWARDEN}/other"
    host.ssh(f"cp -a {names.BWDATA} {other}", user="bitwarden")
    environment = 'services:\n  api:\n    environment:\n      odd: "1"\n'
    host.write(f"{other}/docker/docker-compose.override.yml", environment)
    assert host.script("stop").returncode == 0
    assert host.script("start", other).returncode == 0
    assert host.container_env("api")["odd"] == "1"


def test_a_value_that_kills_the_real_server_kills_api_and_identity(host: fleet.Host) -> None:
    host.write(OVERRIDE, host.read(OVERRIDE) + f"{CLOUD}=yes\n")
    assert host.script("restart").returncode == 0
    containers = host.containers()
    for _count in range(50):
        containers = host.containers()
        if all(containers[service]["restarts"] for service in ("api", "identity")):
            break
    assert all(containers[service]["restarts"] for service in ("api", "identity"))
    assert not host.control.answers()


def version_of(host: fleet.Host, port: int = 443) -> tuple[str, str]:
    """Return what the Api and the web vault say that they are."""
    patiently = ("--retry", "30", "--retry-delay", "1", "--retry-all-errors")
    urls = [f"https://localhost:{port}/{path}" for path in ("api/config", "version.json")]
    said = [json.loads(host.execute("curl", "-sSkf", *patiently, url)) for url in urls]
    return said[0]["version"], said[1]["version"]


def newest_migration(host: fleet.Host) -> str:
    """Return the newest script that was run on the database."""
    password = host.container_env("mssql")["SA_PASSWORD"]
    tool = ("/opt/mssql-tools18/bin/sqlcmd", "-S", "localhost", "-U", "sa", "-b", "-W", "-h", "-1", "-C", "-Q")
    query = "SET NOCOUNT ON; SELECT TOP (1) [ScriptName] FROM [vault].[dbo].[Migration] ORDER BY [Id] DESC"
    return host.docker("exec", "-e", f"SQLCMDPASSWORD={password}", "bitwarden-mssql", *tool, query).strip()


def test_the_scripts_update_what_is_offered_and_a_reset_goes_back(host: fleet.Host) -> None:
    sites = fleet.downloads()
    before = host.read("scripts/run.sh")
    sites.stop("unknown")
    assert [host.script(command).returncode for command in ("update", "updateself")] == [6, 1]
    sites.reset()
    sites.offer(names.NEWER_VERSION)
    sites.fail("run", 404)
    assert host.script("update").returncode == 1
    sites.fail("run", "cut")
    assert host.script("update").returncode == 18
    assert host.read("scripts/run.sh") == before and len(running(host)) == len(names.SERVICES)
    sites.fail("run", "html")
    # The version is still the present script's, and its run.sh is a page from now on.
    assert [host.script(command).returncode for command in ("update", "stop")] == [2, 2]
    sites.fail("run", None)
    assert host.script("updateself").returncode == 0
    before = newest_migration(host)
    host.control("migration", {"fails": names.NEWER_VERSION})
    fleet.registry().spoil("web", names.NEWER_VERSION, "missing")
    assert host.script("update").returncode == 18
    # Nothing runs, and the Compose file is the new one.
    assert not host.containers() and names.NEWER_VERSION in host.read("docker/docker-compose.yml")
    fleet.registry().start()
    done = host.script("update")
    assert (done.returncode, "is complete" in done.stdout) == (0, True), done.stderr
    assert version_of(host) == (names.NEWER_VERSION, names.NEWER_VERSION)
    # A script that fails is told by nothing.
    assert newest_migration(host) == before
    host.control("migration", {"fails": None})
    assert host.script("updatedb").returncode == 0
    assert newest_migration(host) > before
    assert {container["image"] for container in host.containers().values()} == {
        f"{names.REGISTRY}/bitwarden/{service}:{names.NEWER_VERSION}" for service in names.SERVICES
    }
    assert "not needed" in host.script("update").stdout
    assert [url.partition("?")[0] for url in sites.requests()] == ["https://func.bitwarden.com/api/dl/"] * 7
    host.reset()
    assert (version_of(host), newest_migration(host)) == ((names.VERSION, names.VERSION), before)


@pytest.fixture
def elsewhere(host: fleet.Host) -> Iterator[str]:
    """Give a folder with the script for a second installation, while the first one is down."""
    folder = "/opt/other"
    host.ssh(f"install -d -o bitwarden -g bitwarden -m 0700 {folder}")
    url = "https://func.bitwarden.com/api/dl/?app=self-host&platform=linux"
    host.ssh(f"cd {folder} && curl -sSf -o bitwarden.sh '{url}' && chmod u+x bitwarden.sh", user="bitwarden")
    assert host.script("stop").returncode == 0
    yield folder
    host.ssh(f"rm -rf {folder}")


def test_the_script_installs(host: fleet.Host, elsewhere: str) -> None:
    def script(*arguments: str, answers: str = "") -> subprocess.CompletedProcess[str]:
        # It requires a terminal.
        command = f"cd {elsewhere} && script -qec './bitwarden.sh {shlex.join(arguments)}' /dev/null"
        return host.ssh(command, user="bitwarden", stdin=answers, check=False)

    installation = host.data.installation
    answers = ["bw4.fleet.test", "n", "vault", installation["id"], installation["key"], "US", "n", "y"]
    wrong = [*answers[:3], str(uuid.UUID(int=1)), *answers[4:6]]
    refused = script("install", answers="".join(f"{line}\n" for line in wrong))
    assert "Invalid installation id for US region." in refused.stdout and refused.returncode == 0
    again = script("install", answers="".join(f"{line}\n" for line in answers))
    assert (again.returncode, host.execute("ls", f"{elsewhere}/bwdata/docker")) == (1, "")
    host.ssh(f"rm -r {elsewhere}/bwdata/docker")
    done = script("install", answers="".join(f"{line}\n" for line in answers))
    assert "Installation complete" in done.stdout, done.stdout
    config = f"{elsewhere}/bwdata/config.yml"
    text = host.read(config).replace("http_port: 80", "http_port: ").replace("https_port: 443", "https_port: 8443")
    host.write(config, text)
    for command in ("rebuild", "start"):
        done = script(command)
        assert done.returncode == 0, done.stdout
    assert version_of(host, 8443) == (names.VERSION, names.VERSION)
    assert host.docker("exec", "bitwarden-nginx", "nginx", "-t") == ""
    key = "/etc/ssl/self/bw4.fleet.test/private.key"
    assert int(host.docker("exec", "bitwarden-nginx", "stat", "-c", "%u", key)) == names.USERS["bitwarden"]
    assert script("uninstall", answers="n\ny\nn\n").returncode == 0
    assert host.execute("ls", elsewhere).split() == ["bitwarden.sh"]
    assert host.script("uninstall", stdin="n\ny\nn\n").returncode == 0
    host.reset()
    assert version_of(host) == (names.VERSION, names.VERSION)


def test_containers_reach_the_cloud_and_nothing_else(host: fleet.Host) -> None:
    def ask(name: str) -> str:
        probe = f"docker exec bitwarden-api wget -q -T 5 -O /dev/null --no-check-certificate https://{name}/alive"
        done = host.ssh(probe, check=False)
        return done.stderr if done.returncode else "fine"

    could_not_resolve, could_not_connect = "bad address", "Connection refused"
    assert ask("api.bitwarden.com") == "fine"
    assert could_not_resolve in ask("vault.bitwarden.com")
    host.containers_network("refuse")
    assert could_not_connect in ask("api.bitwarden.com")
    assert host.ssh("curl -sS --insecure https://api.bitwarden.com/alive").returncode == 0
    host.containers_network("open")
    host.cloud.stop("unknown")
    assert could_not_resolve in ask("api.bitwarden.com")
    host.cloud.start()


def test_the_image_of_the_api_is_as_poor_as_the_real_one(host: fleet.Host) -> None:
    """What looks from inside it has to do with the shell and busybox's wget."""
    named = "for name in curl openssl python python3 perl sh wget; do command -v $name; done; true"
    found = host.execute("docker", "exec", "bitwarden-api", "sh", "-c", named)
    assert found.split() == ["/usr/bin/sh", "/usr/bin/wget"]


class Vault:
    """What a client of a host can do, and its database."""

    def __init__(self, host: fleet.Host) -> None:
        self.host = host
        self.password = host.data.settings["database_password"]

    def login(self) -> int:
        """Log the owner in; the status."""
        owner = self.host.data.owner
        device = {"deviceType": "8", "deviceName": "test", "deviceIdentifier": "test"}
        key = {"client_id": f"user.{owner['id']}", "client_secret": owner["api_key"]}
        form = urlencode({"grant_type": "client_credentials", **key, **device}).encode()
        request = Request(f"{self.host.url}/identity/connect/token", form, {"Bitwarden-Client-Version": "2026.8.0"})
        try:
            with urlopen(request, timeout=20, context=ssl.create_default_context(cafile=str(keys.CA))) as response:
                return int(response.status)
        except HTTPError as error:
            return error.code

    def sql(self, text: str, tools: str = "mssql-tools18") -> str:
        """Run a statement as this collection does."""
        command = [f"/opt/{tools}/bin/sqlcmd", "-C", "-S", "localhost", "-U", "sa", "-b", "-W", "-s", "|", "-h", "-1"]
        secret = ["--env", f"SQLCMDPASSWORD={self.password}"]
        return self.host.docker("exec", *secret, "bitwarden-mssql", *command, "-Q", text)

    def organization(self, **changes: object) -> bool:
        """Change the organization; whether it is enabled."""
        body = {"organization": self.host.data.organization["id"], **changes}
        return bool(cast(Dict[str, object], self.host.control("organization", body))["enabled"])


def test_clients_depend_on_database_key_ring_and_license(host: fleet.Host) -> None:
    vault = Vault(host)
    file = "/etc/bitwarden/mssql/backups/test.bak"
    assert vault.login() == 200
    vault.sql(f"BACKUP DATABASE [vault] TO DISK = N'{file}' WITH COPY_ONLY, INIT, CHECKSUM, NAME = N'test'")
    assert host.execute("stat", "-c", "%U", f"{names.BWDATA}/mssql/backups/test.bak") == "bitwarden\n"
    host.docker("exec", "bitwarden-mssql", "/backup-db.sh")
    assert "vault_FULL_" in host.execute("ls", f"{names.BWDATA}/mssql/backups")
    assert "BACKUP DATABASE successfully processed" in host.read("logs/mssql/errorlog")

    host.docker("stop", "--time", "2", "bitwarden-mssql")
    assert vault.login() == 500
    host.docker("start", "bitwarden-mssql")
    for _count in range(50):
        if vault.login() == 200:
            break
    assert vault.login() == 200

    ring = f"{names.BWDATA}/core/aspnet-dataprotection"
    host.execute("mv", ring, f"{ring}.away")
    assert vault.login() == 500
    host.execute("mv", f"{ring}.away", ring)
    assert vault.login() == 200

    host.execute("sh", "-c", f"rm {names.BWDATA}/core/licenses/organization/*.json")
    host.control("jobs/ValidateOrganizationsJob", {})
    assert not vault.organization()
    vault.sql("IF DB_ID(N'vault') IS NOT NULL ALTER DATABASE [vault] SET OFFLINE WITH ROLLBACK IMMEDIATE")
    assert vault.login() == 500
    vault.sql(f"RESTORE DATABASE [vault] FROM DISK = N'{file}' WITH REPLACE, CHECKSUM")
    vault.sql("ALTER DATABASE [vault] SET ONLINE")
    assert (vault.login(), vault.organization()) == (200, True)


def test_a_reset_brings_a_lost_database_back(host: fleet.Host) -> None:
    vault = Vault(host)
    host.script("stop")
    host.execute("rm", "-r", f"{names.BWDATA}/mssql", f"{names.BWDATA}/core")
    assert host.script("start").returncode == 0
    host.wait()
    assert vault.login() == 400, "nobody is known there"
    host.reset()
    assert vault.login() == 200
    assert vault.sql("SET NOCOUNT ON; SELECT (SELECT COUNT_BIG(*) FROM [vault].[dbo].[User])") == "3\n"
    assert host.reset() == "kept"


def test_a_reset_leaves_nothing_of_modules_and_other_releases(host: fleet.Host) -> None:
    def images() -> dict[str, str]:
        listed = host.docker("images", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
        return {name.rpartition("/")[2]: identifier for name, identifier in (line.split() for line in listed)}

    before = images()
    web, mssql, setup = (f"{names.REGISTRY}/bitwarden/{service}" for service in ("web", "mssql", "setup"))
    left = (
        f"{names.BWDATA}/.bitwarden-update/trial",
        f"{names.BWDATA}/.bitwarden-replaced-core",
        f"{names.BWDATA}/mssql/data.after-restore",
        f"{names.BITWARDEN}/.bitwarden-install-1",
        f"{names.BITWARDEN}/other/core",
        "/var/backups/bitwarden/bitwarden-set",
    )
    host.execute("mkdir", "-p", *left)
    host.execute("touch", f"{names.BWDATA}/.bitwarden-journal-global.override.env.json")
    host.docker("pull", f"{mssql}:{names.NEWER_VERSION}")
    host.docker("rmi", f"{setup}:{names.VERSION}")
    host.docker("tag", f"{mssql}:{names.NEWER_VERSION}", f"{web}:1")
    assert images() != before
    assert host.reset() == "kept"
    assert images() == before
    folders = [names.BITWARDEN, names.BWDATA, f"{names.BWDATA}/mssql"]
    found = host.execute("find", *folders, "-maxdepth", "1", "-name", ".bitwarden*", "-o", "-name", "*after*").split()
    assert found == []
    assert host.execute("ls", names.BITWARDEN).split() == ["bitwarden.sh", "bwdata"]
    assert host.execute("find", "/var/backups", "-name", "bitwarden*") == ""


def test_host_keys_are_checked() -> None:
    options = fleet.host("bw1").variables["ansible_ssh_common_args"]
    assert "StrictHostKeyChecking=yes" in options
    known = subprocess.run(["ssh-keygen", "-lf", options.split("UserKnownHostsFile=")[1].split()[0]], check=True)
    assert known.returncode == 0


def test_no_secret_is_that_of_two_companies() -> None:
    owners: dict[str, set[str]] = {}
    for name, value in fleet.secrets().items():
        owners.setdefault(value, set()).add(names.HOSTS[name.partition(".")[0]].company)
    assert all(len(companies) == 1 for companies in owners.values())
    assert len(owners) > len(names.HOSTS) * 10
