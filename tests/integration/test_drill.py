# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drill beside a server of the fleet: proven, without any way out, unnoticed by the server's clients, and removed."""

from __future__ import annotations

import pytest

from tests.support import fleet
from tests.support.fleet import names

from .ansible_run import playbook, task

HOST = "bw4"
AS_ROOT = {"vars": {"ansible_user": "admin"}, "become": True}
BACKUPS = "/var/backups/bitwarden"
DRILL = "/var/lib/bitwarden-drill"
KEY = {"client_id": "{{ bitwarden_client_id }}", "client_secret": "{{ bitwarden_client_secret }}"}
# Whatever host or containers begin themselves, to anywhere. Docker puts its own rules before all others of FORWARD.
RULES = [
    (chain, "-o", "eth0", "-m", "conntrack", "--ctstate", "NEW", "-j", "REJECT") for chain in ("OUTPUT", "DOCKER-USER")
]
pytestmark = pytest.mark.fleet


def run(action, *options, **arguments):
    return task(action, HOST, *options, play=AS_ROOT, **arguments)


def drill(*options, **arguments):
    return run("restore", *options, isolated=True, bwdata=DRILL, **arguments)


def client_sees():
    """Log in to the server as a client and return the organization and its license."""
    names_of = ("url", "client_id", "client_secret", "organization", "ca_path")
    found = task("organization_info", HOST, **{name: f"{{{{ bitwarden_{name} }}}}" for name in names_of}).ok()
    result = found.result(HOST, "organization_info")
    return result["organization"], result["license"]


def of_drill(host, kind, project):
    listed = ("ps", "-aq") if kind == "container" else (kind, "ls", "-q")
    return host.docker(*listed, "--filter", f"label=com.docker.compose.project={project}").split()


@pytest.fixture(scope="module")
def host(bw4_of_file):
    bw4_of_file.reset()
    yield bw4_of_file
    for rule in RULES:
        bw4_of_file.execute("iptables", "-D", *rule, check=False)
    bw4_of_file.execute(
        "sh", "-c", f"docker ps -aq --filter name=bitwarden-drill- | xargs -r docker rm -f; rm -rf {DRILL}"
    )
    bw4_of_file.execute("rm", "-rf", BACKUPS)


def test_a_drill_beside_a_running_server(host):
    path = "env/global.override.env"
    wanted = "globalSettings__mail__smtp__host=mail.example.com\n"
    settings = host.read(path).replace("enableCloudCommunication=false", "enableCloudCommunication=true")
    host.write(path, settings + wanted)
    backup = run("backup").ok().result(HOST, "backup")["path"]
    seen, before = client_sees(), {name: one["started"] for name, one in host.containers().items()}
    for rule in RULES:
        host.execute("iptables", "-I", *rule)

    done = drill(set=backup, **KEY).ok()
    result = done.result(HOST, "restore")
    project = result["project"]
    assert [one for one in result["proof"] if not one["ok"]] == []
    assert {one["check"] for one in result["proof"]} >= {"row counts", "login", "isolation"}
    assert result["duration"] > 0
    assert {one["name"] for one in result["services"]} == set(names.SERVICES)
    again = drill("--check", "--diff", set=backup, **KEY).ok()
    assert again.result(HOST, "restore")["changed"] is False
    secrets = [value for name, value in fleet.secrets().items() if name.startswith(f"{HOST}.")]
    assert [one for one in secrets if one in done.output + again.output] == []

    api, identity = f"{project}-api-1", f"{project}-identity-1"
    inside = host.docker("inspect", "-f", '{{join .Config.Env "\\n"}}', api).splitlines()
    assert "globalSettings__enableCloudCommunication=false" in inside
    assert "globalSettings__mail__smtp__host=REPLACE" in inside
    for container, address in ((api, f"http://{host.cloud.ip}/"), (identity, "https://api.bitwarden.com/")):
        assert host.docker("exec", container, "timeout", "3", "wget", "-q", "-O", "-", address, check=False) == ""
    assert host.docker("ps", "--filter", f"name={project}", "--format", "{{.Ports}}").strip(" \n,").find("->") == -1
    refused = [host.execute("iptables", "-nvxL", chain, "1").split()[0] for chain, *_rest in RULES]
    assert refused == ["0", "0"], "packets that began a connection to the outside"
    host.ssh(f"curl --max-time 2 http://{host.cloud.ip}/", check=False)
    assert host.execute("iptables", "-nvxL", "OUTPUT", "1").split()[0] != "0", "the firewall sees what is sent"
    for rule in RULES:
        host.execute("iptables", "-D", *rule)

    # The server goes on as before, and nobody but a drill is removed.
    assert client_sees() == seen
    refused = run("restore", isolated=True, state="absent")
    assert f"{names.BWDATA} is not the folder of a drill" in refused.result(HOST, "restore")["msg"]
    removal = {"bitwarden_restore_isolated": True, "bitwarden_restore_state": "absent", "ansible_user": "admin"}
    removed = playbook("selfhosted.bitwarden.restore", "--limit", HOST, bitwarden_restore_confirm="", **removal).ok()
    assert removed.result(HOST, "restore_apply")["changed"] is True and "| drill removed |" in removed.output
    assert [of_drill(host, kind, project) for kind in ("container", "network", "volume")] == [[], [], []]
    assert host.execute("find", "/var/lib", "-maxdepth", "1", "-name", "bitwarden-*") == ""
    assert drill(state="absent").ok().result(HOST, "restore")["changed"] is False
    assert {name: one["started"] for name, one in host.containers().items()} == before
