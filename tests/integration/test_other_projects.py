# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server beside containers that are not its own, with the real Compose."""

from __future__ import annotations

import json

import pytest

from .ansible_run import task

HOST = "bw4"
OURS, OTHER = "/opt/bitwarden/bwdata/docker", "/srv/other/bwdata/docker"
CLOUD = "globalSettings__enableCloudCommunication"
ROOT = {"vars": {"ansible_user": "root"}}
pytestmark = pytest.mark.fleet


def server(*options, **arguments):
    return task("server", HOST, *options, **{"preflight": "skip", **arguments})


def result(*options, **arguments):
    return server(*options, **arguments).ok().result(HOST, "server")


def refused(*options, **arguments):
    run = server(*options, **arguments)
    assert run.status != 0, run.output
    return run.result(HOST, "server")["msg"]


def existing(host):
    """Return folder -> services, each with the id of its container."""
    ids = host.docker("ps", "-aq").split()
    found = {}
    for one in json.loads(host.docker("inspect", *ids)):
        labels = one["Config"]["Labels"] or {}
        folder = labels.get("com.docker.compose.project.working_dir", "")
        found.setdefault(folder, {})[labels.get("com.docker.compose.service", one["Name"])] = one["Id"]
    return found


@pytest.fixture
def other(bw4):
    """Make a second data folder, whose Compose project has the same name: ``other(services)``."""
    images = bw4.docker("inspect", "--format", "{{.Config.Image}}", "bitwarden-web").strip()
    bw4.execute("install", "-d", "-o", "bitwarden", "-g", "bitwarden", "/srv/other", "/srv/other/bwdata", OTHER)

    def make(*services):
        text = "".join(
            f"  {name}:\n    image: {images}\n    container_name: bw2-{name}\n"
            '    entrypoint: ["sleep", "9999"]\n    healthcheck: {disable: true}\n    stop_signal: KILL\n'
            for name in services
        )
        bw4.write(f"{OTHER}/docker-compose.yml", f"services:\n{text}")

    yield make
    bw4.execute("sh", "-c", "docker rm -f bw2-api bw2-shop; rm -r /srv/other", check=False)


def test_a_second_server_of_the_same_project_name_is_refused_until_it_has_its_own(bw4, other):
    other("api")
    before = existing(bw4)
    for options in (["--check"], []):
        message = refused(*options, bwdata="/srv/other/bwdata", pull=False)
        assert f"{OTHER} and {OURS} are one Compose project, docker" in message
        assert f"COMPOSE_PROJECT_NAME to another name in {OTHER}/.env" in message
    assert existing(bw4) == before
    bw4.write(f"{OTHER}/.env", "COMPOSE_PROJECT_NAME=bw2\nCOMPOSE_REMOVE_ORPHANS=true\n")
    assert result(bwdata="/srv/other/bwdata", pull=False)["restarted"] is True
    assert result(bwdata="/srv/other/bwdata", pull=False)["changed"] is False
    assert result()["changed"] is False
    both = existing(bw4)
    assert both[OURS] == before[OURS] and list(both[OTHER]) == ["api"]
    assert result(bwdata="/srv/other/bwdata", pull=False, state="stopped")["changed"] is True
    assert existing(bw4) == before


def test_a_neighbour_stays_whatever_happens_to_the_server(bw4, other):
    other("shop")
    bw4.execute("docker", "compose", "-f", f"{OTHER}/docker-compose.yml", "up", "-d")
    bw4.write("docker/.env", "COMPOSE_REMOVE_ORPHANS=true\n")
    neighbour = existing(bw4)[OTHER]
    assert result(settings={CLOUD: "true"})["restarted"] is True
    assert server(settings={"STANDIN_SERVICE": "nosuchservice"}, pull=False).result(HOST, "server")["rolled_back"]
    assert existing(bw4)[OTHER] == neighbour
    # Under its own name, the server's old containers are in the way until it is stopped.
    bw4.write("docker/.env", "COMPOSE_PROJECT_NAME=bw1\n")
    assert "created as Compose project docker" in refused("--check")
    assert result(state="stopped")["changed"] is True
    assert existing(bw4) == {OTHER: neighbour}
    assert result()["restarted"] is True
    assert result()["changed"] is False
    assert result(state="stopped")["changed"] is True
    assert existing(bw4) == {OTHER: neighbour}


def test_what_would_stop_a_start_is_found_while_the_server_is_still_running(bw4):
    image = bw4.docker("inspect", "--format", "{{.Config.Image}}", "bitwarden-icons").strip()
    bw4.docker("rm", "-f", "bitwarden-icons")
    bw4.docker("run", "-d", "--name", "bitwarden-icons", "--entrypoint", "sleep", image, "9999")
    settings, path = bw4.read("env/mssql.override.env"), f"{OURS}/../env/mssql.override.env"
    before = existing(bw4)
    try:
        message = refused(settings={CLOUD: "true"})
        assert "bitwarden-icons" in message and "Nothing was changed." in message
        bw4.execute("chown", "root:root", path)
        for options in (["--check"], []):
            message = refused(*options, play=ROOT, file="mssql", settings={"BACKUP_DB": "0"})
            assert "mssql.override.env belongs to root:root with mode 0600, and bitwarden" in message
            assert "chown bitwarden " in message
        assert (existing(bw4), bw4.read("env/mssql.override.env")) == (before, settings)
    finally:
        bw4.execute("chown", "bitwarden:bitwarden", path)
        bw4.docker("rm", "-f", "bitwarden-icons")
