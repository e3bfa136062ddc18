# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module install on a host of the fleet: what is refused, and a server from an empty folder to healthy, twice."""

from __future__ import annotations

import json
import uuid

import pytest

from tests.support import fleet
from tests.support.fleet import names

from .ansible_run import playbook, task

HOST = "bw4"
FOLDER = "/opt/other"
BWDATA = f"{FOLDER}/bwdata"
SCRIPTS = f"{names.FILES}/bitwarden"
ROOT = {"vars": {"ansible_user": "admin", "ansible_pipelining": True}, "become": True}
OWNER = {"vars": {"ansible_user": "bitwarden"}}
pytestmark = pytest.mark.fleet


@pytest.fixture(scope="module")
def host(bw4_of_file):
    """Yield the host as it was set up: with a server in another folder than the one that is installed here."""
    bw4_of_file.reset()
    yield bw4_of_file
    left = bw4_of_file.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project.working_dir={BWDATA}/docker")
    if left.split():
        bw4_of_file.docker("rm", "--force", *left.split())
    bw4_of_file.execute("rm", "-rf", FOLDER)


def install(host, *options, play=ROOT, **arguments):
    """Run the module on the host, with what belongs to it and what is asked for."""
    installation = host.data.installation
    given = {"installation_id": installation["id"], "installation_key": installation["key"]}
    given.update(domain="bw4.fleet.test", bwdata=BWDATA, owner="bitwarden")
    return task("install", HOST, *options, play=play, **{**given, **arguments})


def refused(host, *options, **arguments):
    run = install(host, *options, **arguments)
    assert run.status != 0, run.output
    assert host.data.installation["key"] not in run.output
    assert host.execute("find", "/opt", "-maxdepth", "1", "-name", "other").split() == []
    return run.result(HOST, "install")["msg"]


def test_every_problem_is_named_at_once_in_check_mode_as_well(host):
    """A server is running, the sites give a page, the cloud does not know the id: nothing is made or pulled."""
    sites = fleet.downloads()
    sites.fail("self", "html")
    sites.fail("run", 404)
    unknown = str(uuid.UUID(int=7))
    try:
        messages = {refused(host, *options, installation_id=unknown) for options in ((), ("--check",))}
        (message,) = messages
        for seen in (
            f"taken by the Compose project in {names.BWDATA}/docker: bitwarden-admin, bitwarden-api,",
            "Port 443/tcp, which nginx publishes, is taken by the container bitwarden-nginx.",
            "run.sh was not downloaded from https://func.bitwarden.com/api/dl/?app=self-host&platform=linux&variant=run"
            ": the response has the status 404.",
            "this installation id is not known in US, nor found in another region.",
            "Nothing was changed.",
        ):
            assert seen in message, message
        sites.fail("run", None)
        assert "bitwarden.sh from https://func.bitwarden.com" in refused(host)
        sites.stop("unknown")
        assert "Could not resolve host" in refused(host)
    finally:
        sites.reset()


def test_from_an_empty_folder_to_healthy_and_the_second_time_unchanged(host):
    assert host.script("stop").returncode == 0
    host.engine("stop")
    assert "The Docker engine (unix:///var/run/docker.sock) cannot be reached" in refused(host)
    host.engine("start")
    key = host.data.installation["key"]
    assert "the key of the installation is not accepted" in refused(host, "--check", installation_key="AnotherKey")
    assert "the user nobody1 does not exist on this host" in refused(host, "--check", owner="nobody1")
    assert "may not use the Docker engine" in refused(host, "--check", owner="admin")

    # What bitwarden.sh leaves where it refused.
    host.execute("install", "-d", "-o", "bitwarden", "-g", "bitwarden", "-m", "0700", FOLDER)
    host.execute(
        "mkdir", "-p", *(f"{BWDATA}/{name}" for name in ("docker", "env", "scripts", "ssl", "ca-certificates"))
    )
    host.execute("sh", "-c", f"echo LOCAL_UID=65534 > {BWDATA}/env/uid.env")
    config = {"enable_scim": True}
    predicted = install(host, "--check", "--diff", region="eu", config=config, installation_id=eu()["id"],
                        installation_key=eu()["key"]).ok().result(HOST, "install")  # fmt: skip
    assert (predicted["changed"], predicted["installed"], predicted["version"]) == (True, True, names.VERSION)
    assert predicted["removed"] == ["ca-certificates", "docker", "env", "scripts", "ssl"]
    assert host.execute("ls", FOLDER).split() == ["bwdata"]

    mine = {"play": OWNER, "owner": None, "certificate": "lets_encrypt"}
    message = install(host, "--check", **mine).result(HOST, "install")["msg"]
    assert f"{BWDATA}, {BWDATA}/" in message and "cannot be written by this user" in message
    host.execute("chown", "-R", "bitwarden:bitwarden", FOLDER)
    failed = install(host, **mine, domain="nobody.fleet.test")
    message = failed.result(HOST, "install")["msg"]
    assert "certbot ended with status 1; DNS problem: NXDOMAIN looking up A for nobody.fleet.test" in message
    left = host.execute("find", BWDATA, "-mindepth", "1", "-maxdepth", "1", "-printf", "%f\n").split()
    assert sorted(left) == predicted["removed"]
    run = install(host, "--diff", **mine).ok()
    done = run.result(HOST, "install")
    assert key not in run.output
    assert (done["changed"], done["restarted"], done["removed"]) == (True, True, predicted["removed"])
    assert {one["name"] for one in done["services"]} == set(names.SERVICES)
    assert [one for one in done["services"] if one["health"] != "healthy" and one["name"] != "icons"] == []
    assert answered(host)["version"] == names.VERSION
    assert sorted(host.execute("ls", "-A", FOLDER).split()) == ["bitwarden.sh", "bwdata"]
    assert host.execute("find", FOLDER, "-not", "-user", "bitwarden", "-not", "-path", "*/bwdata/*/*").split() == []
    assert host.docker("ps", "-aq", "--filter", "name=bitwarden-install").split() == []

    again = install(host).ok().result(HOST, "install")
    assert (again["changed"], again["installed"], again["restarted"]) == (False, False, False)
    # The scripts work with it, and look whether the certificate is to be renewed.
    assert "not due for renewal" in host.ssh(f"{FOLDER}/bitwarden.sh restart", user="bitwarden").stdout
    assert host.ssh(f"{FOLDER}/bitwarden.sh stop", user="bitwarden", check=False).returncode == 0
    assert install(host, "--check").ok().result(HOST, "install")["restarted"] is True


def answered(host):
    """Return what the new server says of itself, by its name and with a certificate of the fleet's authority."""
    trusted = ("--cacert", "/usr/local/share/ca-certificates/fleet.crt", "--resolve", "bw4.fleet.test:443:127.0.0.1")
    return json.loads(host.execute("curl", "-sSf", *trusted, "https://bw4.fleet.test/api/config"))


def eu():
    """Return an installation that the EU's cloud knows."""
    return fleet.host("bw3").data.installation


def test_no_packet_leaves_an_air_gapped_host_which_the_playbook_installs_twice(host):
    """Scripts and certificate of the controller, local images. The EU's addresses are set, too."""
    assert host.script("stop").returncode == 0
    host.execute("rm", "-rf", FOLDER)
    installation, certificate = host.data.installation, names.STATE / "certificates" / HOST
    sites = fleet.downloads()
    try:
        sites.stop("unknown")
        host.cloud.stop("unknown")
        assert "Could not resolve host" in refused(host)
        message = refused(host, source=SCRIPTS, pull=False, config={"enable_key_connector": True})
        assert "the name api.bitwarden.com could not be looked up" in message
        assert "set verify_installation to false" in message
        assert f"pull is false: {names.REGISTRY}/bitwarden/key-connector:2025.11.0. Load them" in message

        host.air_gap("drop")
        variables = {
            "bitwarden_domain": "bw4.fleet.test",
            "bitwarden_installation_id": installation["id"],
            "bitwarden_installation_key": installation["key"],
            "bitwarden_region": "EU",
            "bitwarden_bwdata": BWDATA,
            "bitwarden_owner": "bitwarden",
            "bitwarden_certificate": "files",
            "bitwarden_certificate_files": {"cert": f"{certificate}.pem", "key": f"{certificate}.key"},
            "bitwarden_source": SCRIPTS,
            "bitwarden_offline": True,
            "bitwarden_pull": False,
        }
        for changed in (True, False):
            run = playbook("selfhosted.bitwarden.install", "--limit", HOST, ansible_user="admin", **variables).ok()
            assert (run.recap(HOST)["changed"] > 0) == changed, run.output
            assert installation["key"] not in run.output
        assert host.air_gap("count") == [0, 0]
        written = host.read(f"{BWDATA}/env/global.override.env")
        for line in (
            "globalSettings__baseServiceUri__cloudRegion=EU",
            "globalSettings__installation__identityUri=https://identity.bitwarden.eu",
            f"globalSettings__installation__id={installation['id']}",
        ):
            assert line in written.splitlines()
        assert answered(host)["version"] == names.VERSION
    finally:
        host.reset()
