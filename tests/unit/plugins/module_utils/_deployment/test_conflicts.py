# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is refused before a server is touched: other projects' containers, and what would stop a start."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.access import unreadable
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account, Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.composition import Port
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import conflicts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import deployment as deployment_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.apply import apply
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import (
    Deployment,
    DeploymentError,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.host_ports import listening
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.plan import StateError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.engine import is_gone
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest

ON = SettingsRequest(cloud_communication=True)
HTTPS = {"ports": [{"target": 8443, "published": "443", "protocol": "tcp"}]}


@pytest.fixture
def refused(host, planned):
    """Return the message of a plan that is refused, after seeing that nothing was touched."""

    def make(settings=None, **options):
        with pytest.raises(StateError) as caught:
            planned(settings, **options)
        assert host.done == []
        assert "Nothing was changed." in str(caught.value)
        return str(caught.value)

    return make


def others(host):
    return [one["Names"][0].strip("/") for one in host.others]


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (ON, {}),
        (ON, {"pull": False}),
        (None, {"state": "restarted"}),
        (None, {"state": "restarted", "pull": False}),
        (None, {"state": "stopped"}),
    ],
)
@pytest.mark.parametrize("folder", ["/srv/other/docker", "/srv/bitwarden/bwdata/docker", ""])
def test_a_service_of_another_folder_under_the_same_name_is_refused(
    host, refused, monkeypatch, settings, options, folder
):
    monkeypatch.setattr(conflicts, "is_gone", lambda folder: False)
    host.start().other("bw2-api", "api", folder=folder)
    message = refused(settings, **options)
    assert f"{host.bwdata}/docker and {folder or 'an unknown folder'} are one Compose project, docker" in message
    assert "bw2-api" in message and f"COMPOSE_PROJECT_NAME to another name in {host.bwdata}/docker/.env" in message


@pytest.mark.parametrize("options", [{}, {"pull": False}, {"state": "stopped"}])
def test_of_a_server_that_was_moved_one_message_says_what_to_do(host, refused, options):
    host.compose_services["nginx"] = HTTPS
    for name in ("api", "nginx"):
        host.other(f"bitwarden-{name}", name, folder="/opt/gone/bwdata/docker", ports=[443] if name == "nginx" else [])
    host.listening["443/tcp"] = "docker-proxy (process 12)"
    message = refused(**options)
    assert (
        "replace or remove bitwarden-api, bitwarden-nginx. /opt/gone/bwdata/docker does not exist any more." in message
    )
    assert "If the server was moved from there, remove these containers" in message
    for told_again in ("COMPOSE_PROJECT_NAME", "Container names", "Port 443"):
        assert told_again not in message


def test_a_folder_that_cannot_be_looked_at_is_not_gone(tmp_path, monkeypatch):
    def denied(path):
        raise PermissionError(path)

    assert (is_gone(str(tmp_path)), is_gone(str(tmp_path / "docker")), is_gone("")) == (False, True, False)
    monkeypatch.setattr(os, "stat", denied)
    assert not is_gone(str(tmp_path / "docker"))


def test_fixed_names_that_a_project_name_does_not_change_are_told_with_it(host, refused, monkeypatch):
    monkeypatch.setattr(conflicts, "is_gone", lambda folder: False)
    host.other("bitwarden-api", "api", folder="/opt/old/bwdata/docker")
    host.other("docker-icons-1", "icons", folder="/opt/old/bwdata/docker")
    host.compose_services["icons"] = {"container_name": None}
    message = refused(pull=False)
    assert "/opt/old/bwdata/docker are one Compose project" in message
    assert "are taken by the Compose project docker in /opt/old/bwdata/docker: bitwarden-api." in message


def test_a_service_that_is_off_counts_as_the_file_names_it(host, refused):
    host.start().other("their-icons", "icons")
    host.compose_services["icons"] = {"deploy": {"replicas": 0}}
    assert "their-icons" in refused(ON)


@pytest.mark.parametrize(
    "options", [{}, {"pull": False}, {"state": "restarted"}, {"state": "restarted", "pull": False}]
)
@pytest.mark.parametrize("goes_wrong", ["", "pull_fails", "script_does_nothing", "crashes"])
def test_a_neighbour_under_the_same_name_is_left_alone(host, planned, options, goes_wrong):
    host.start().other("shop", "shop")
    host.other("bw2-api", "api", project="bw2")
    host.other("plain")
    if goes_wrong == "crashes":
        host.crashes = lambda environment: environment.get("globalSettings__enableCloudCommunication") == "true"
    elif goes_wrong:
        setattr(host, goes_wrong, True)
    found = planned(ON, **options)
    if goes_wrong == "crashes":
        with pytest.raises(StateError, match="rolled back"):
            apply(found, host.clock)
    else:
        apply(found, host.clock)
    apply(planned(state="stopped"), host.clock)
    assert host.containers == {}
    assert others(host) == ["shop", "bw2-api", "plain"]


@pytest.mark.parametrize(
    ("state", "network", "options", "warned"),
    [
        ("exited", "docker_default", {}, True),
        ("created", "docker_default", {"state": "stopped"}, True),
        ("exited", "docker_default", {"pull": False}, False),
        ("running", "docker_default", {}, False),
        ("exited", "shop_default", {}, False),
    ],
)
@pytest.mark.parametrize("project", ["docker", "bw2", ""])
def test_a_stopped_neighbour_that_loses_its_network_is_warned_of(
    host, planned, state, network, options, warned, project
):
    host.compose_services["nginx"] = {"networks": {"default": None}}
    host.compose_top["networks"] = {"default": {"name": "docker_default"}}
    host.networks["docker_default"] = {"Labels": {"com.docker.compose.network": "default"}}
    host.start().other("bw2-shop", "shop" if project else "", project=project)
    host.others[0].update(State=state, NetworkSettings={"Networks": {network: {}}})
    found = planned(**{"state": "restarted", **options})
    told = "bw2-shop of /srv/other/docker uses" if project else "bw2-shop uses"
    assert [one for one in found.warnings if told in one] == list(found.warnings)
    assert bool(found.warnings) is warned
    # A running one keeps the network.
    host.other("running")
    host.others[1].update(State="running", NetworkSettings={"Networks": {network: {}}})
    assert planned(**{"state": "restarted", **options}).warnings == ()


@pytest.mark.parametrize("options", [{}, {"pull": False}, {"state": "restarted"}])
def test_what_docker_compose_run_made_is_left_alone_and_can_be_in_the_way(host, planned, refused, options):
    folder = f"{host.bwdata}/docker"
    host.start().other("bitwarden-nginx-run-1", "nginx", folder=folder, ports=(8443,))
    host.others[0]["Labels"]["com.docker.compose.oneoff"] = "True"
    apply(planned(**options), host.clock)
    apply(planned(state="stopped"), host.clock)
    assert others(host) == ["bitwarden-nginx-run-1"]
    host.compose_services["nginx"] = {"ports": [{"target": 8443, "published": "8443", "protocol": "tcp"}]}
    host.done.clear()
    assert "Port 8443/tcp, which nginx publishes, is taken by the container bitwarden-nginx-run-1" in refused(**options)
    host.others[0].update(Names=["/bitwarden-nginx"], Ports=[])
    assert f"taken by docker compose run in {folder}: bitwarden-nginx." in refused(**options)
    # The first releases of Compose 2 remove it with the rest.
    host.others[0]["Labels"]["com.docker.compose.project.working_dir"] = "/srv"
    assert f"{folder} and /srv are one Compose project" in refused(**options)


def test_compose_is_kept_from_removing_orphans_by_its_own_variable(host, planned):
    assert planned().deployment.commands.environment["COMPOSE_REMOVE_ORPHANS"] == "false"


@pytest.mark.parametrize("options", [{}, {"pull": False}, {"state": "stopped"}])
def test_what_comes_after_the_plan_is_not_touched_either(host, planned, options):
    host.start()
    found = planned(**{"state": "restarted", **options})
    host.other("bw2-api", "api")
    with pytest.raises(StateError, match="are one Compose project"):
        apply(found, host.clock)
    assert (others(host), host.done) == (["bw2-api"], [])


def test_what_comes_before_a_rollback_is_not_touched_by_it(host, planned, monkeypatch):
    host.start().crashes = lambda environment: environment.get("globalSettings__enableCloudCommunication") == "true"
    found, script = planned(ON), host._script
    monkeypatch.setattr(host, "_script", lambda command: [script(command), host.other("bw2-api", "api")][0])
    with pytest.raises(StateError, match=r"were rolled back, but then: .* are one Compose project"):
        apply(found, host.clock)
    assert (others(host), host.done) == (["bw2-api"], ["script restart"])


def test_nothing_is_refused_where_nothing_is_to_change(host, planned):
    host.start().other("bw2-api", "api")
    assert not planned().changed


def test_the_projects_name_is_followed(host, planned, refused):
    host.project = "bw2"
    host.other("bw2-api", "api")
    apply(planned(), host.clock)
    assert not planned().changed
    assert {one["project"] for one in host.containers.values()} == {"bw2"}
    # The name changes while the server is running.
    host.done.clear()
    host.project = "bw3"
    message = refused()
    assert "created as Compose project bw2" in message and "now named bw3" in message and "state=stopped" in message
    assert f"COMPOSE_PROJECT_NAME in {host.bwdata}/docker/.env" in message
    assert apply(planned(state="stopped"), host.clock).result()["changed"] is True
    assert host.containers == {}
    assert not planned(state="stopped").changed
    apply(planned(), host.clock)
    assert not planned().changed
    assert others(host) == ["bw2-api"]


def test_containers_of_another_project_in_the_folder_are_none_of_ours(host, planned):
    host.start()
    host.containers["monitor"] = {**host.containers["api"], "project": "monitoring"}
    deployment = Deployment(str(host.bwdata), None, {})
    assert "monitor" not in [one.service for one in deployment.containers()]
    assert not planned().changed


@pytest.mark.parametrize("options", [{}, {"pull": False}, {"state": "restarted"}])
@pytest.mark.parametrize(
    ("arrange", "words"),
    [
        (
            lambda host: (host.containers.pop("icons"), host.other("bitwarden-icons")),
            ["bitwarden-icons", "taken by containers that Compose did not create"],
        ),
        (
            lambda host: (host.containers.pop("icons"), host.other("bitwarden-icons", "web", "shop", "/srv/shop")),
            ["bitwarden-icons", "the Compose project shop in /srv/shop"],
        ),
        (lambda host: host.other("proxy", ports=[443]), ["443/tcp, which nginx publishes", "the container proxy"]),
        (lambda host: host.listening.update({"443/tcp": "apache2 (process 7)"}), ["443/tcp", "apache2 (process 7)"]),
        (lambda host: host.compose_services.update(icons=HTTPS), ["443/tcp", "the service icons"]),
        (
            lambda host: host.compose_top.update(networks={"out": {"name": "proxy", "external": True}}),
            ["external network proxy does not exist", "docker network create proxy"],
        ),
        (
            lambda host: (
                host.compose_top.update(networks={"out": {"name": "docker_out"}}) or host.networks.update(docker_out={})
            ),
            ["network docker_out exists, but", "docker network rm docker_out"],
        ),
        (
            lambda host: host.compose_top.update(volumes={"data": {"name": "kept", "external": True}}),
            ["external volume kept does not exist", "docker volume create kept"],
        ),
        (
            lambda host: host.compose_top.update(secrets={"key": {"file": "/nowhere/key"}}),
            ["/nowhere/key, which a service uses, does not exist"],
        ),
        (
            lambda host: host.compose_services["nginx"].update(devices=[{"source": "/dev/nowhere"}]),
            ["/dev/nowhere, which a service uses, does not exist"],
        ),
        (
            lambda host: host.compose_services["nginx"].update(network_mode="container:vpn"),
            ["The container vpn, which a service uses, does not exist"],
        ),
        (
            lambda host: (
                host.compose_top.update(
                    networks={"out": {"name": "docker_out", "ipam": {"config": [{"subnet": "10.1.2.0/24"}]}}}
                )
                or host.networks.update(vpn={"IPAM": {"Config": [{"Subnet": "10.1.0.0/16"}]}})
            ),
            ["The subnet 10.1.2.0/24 of the network docker_out overlaps with that of vpn"],
        ),
    ],
)
def test_what_would_stop_a_start_is_refused_before_anything_is_taken_down(host, refused, options, arrange, words):
    own = {"networks": {"out": None}, "volumes": [{"type": "volume", "source": "data"}], "secrets": [{"source": "key"}]}
    host.compose_services["nginx"] = {**own, **HTTPS}
    host.start().containers.pop("nginx")
    host.networks["docker_default"] = {}
    arrange(host)
    message = refused(ON, **options)
    for text in words:
        assert text in message


def test_what_the_server_holds_itself_is_no_conflict(host, planned):
    host.compose_services["nginx"] = {**HTTPS, "networks": {"out": None, "default": None}}
    subnet = {"ipam": {"config": [{"subnet": "10.1.2.0/24"}]}}
    networks = {"out": {"name": "proxy", "external": True}, "default": {"name": "docker_default", **subnet}}
    host.compose_top["networks"] = networks
    labels = {"com.docker.compose.network": "default"}
    held = {"Labels": labels, "IPAM": {"Config": [{"Subnet": "10.1.2.0/24"}]}}
    host.networks.update(proxy={}, docker_default=held)
    host.start().listening["443/tcp"] = "docker-proxy (process 8)"
    assert planned(ON).changed


def test_a_server_whose_nginx_is_restarting_holds_its_ports(host, planned):
    host.compose_services["nginx"] = HTTPS
    host.start().containers["nginx"]["state"] = "restarting"
    host.listening["443/tcp"] = "docker-proxy (process 8)"
    assert planned(ON).changed


def test_nothing_of_this_machine_counts_for_an_engine_on_another(host, planned, monkeypatch):
    monkeypatch.setattr(host, "host", "ssh://elsewhere", raising=False)
    host.compose_services["nginx"] = {**HTTPS, "secrets": [{"source": "key"}]}
    host.compose_top["secrets"] = {"key": {"file": "/nowhere/key"}}
    host.listening["443/tcp"] = "apache2 (process 8)"
    assert planned().changed


def test_every_conflict_is_named_at_once(host, refused):
    host.compose_services["nginx"] = HTTPS
    host.start().containers.pop("nginx")
    host.other("bw2-api", "api")
    host.other("bitwarden-nginx", ports=[443])
    host.missing_images.add("ghcr.io/bitwarden/icons:2026.8.0")
    message = refused(ON, pull=False)
    for text in ("bw2-api", "bitwarden-nginx", "443/tcp", "The image ghcr.io/bitwarden/icons:2026.8.0 of icons"):
        assert text in message


def test_a_missing_image_is_refused_only_where_nothing_could_bring_it(host, planned, refused):
    host.start().missing_images.add("ghcr.io/bitwarden/api:2026.8.0")
    assert "is not local, and pull is false" in refused(ON, pull=False)
    assert planned(ON).changed
    host.compose_services["api"] = {"build": {"context": "."}}
    assert planned(ON, pull=False).changed


def test_the_name_of_the_renewal_counts_where_certificates_are_renewed(host, planned, refused):
    host.start().other("certbot")
    assert planned(ON).changed
    (host.bwdata / "letsencrypt" / "live").mkdir(parents=True)
    assert "certbot" in refused(ON)
    assert planned(ON, pull=False).changed


@pytest.mark.parametrize("options", [{}, {"state": "restarted"}, {"state": "stopped"}, {"pull": False}])
@pytest.mark.parametrize("settings", [None, ON])
def test_a_running_service_of_bitwarden_that_the_file_lost_is_refused(host, refused, settings, options):
    host.start().read = {"icons": host.read["icons"], "identity": host.read["identity"]}
    message = refused(settings, **options)
    assert "are running that Compose would not start any more: api, mssql, nginx." in message
    assert f"Restore them in {host.bwdata}/docker/docker-compose.yml" in message


def test_a_file_without_readers_of_a_wanted_setting_is_refused(host, refused):
    host.read = {"icons": host.read["icons"]}
    assert "No service of this deployment reads" in refused(ON)


def test_other_leftovers_are_warned_of_and_stay(host, planned):
    host.read["cloudflared"] = ["env/uid.env"]
    host.start()
    host.containers["sso"] = {**host.containers["api"], "state": "exited"}
    del host.read["cloudflared"]
    unchanged = planned()
    assert not unchanged.changed
    (warning,) = unchanged.warnings
    assert "cloudflared, sso" in warning
    apply(planned(ON), host.clock)
    apply(planned(state="stopped"), host.clock)
    assert list(host.containers) == ["cloudflared", "sso"]
    assert not planned(state="stopped").changed


def test_a_service_that_was_turned_off_is_stopped(host, planned):
    host.start().compose_services["icons"] = {"deploy": {"replicas": 0}}
    found = planned(pull=False)
    assert "with icons, which Compose no longer starts" in found.diff()[0]["before"]


def unprivileged(uid=65533):
    return Account("nobody-here", uid, uid, (uid,), "/")


@pytest.mark.skipif(os.geteuid() != 0, reason="root can read everything, others cannot become another user")
@pytest.mark.parametrize(
    ("blocked", "owner", "mode", "remedy"),
    [
        ("env/mssql.override.env", 0, 0o600, "chown nobody-here {}"),
        ("env/mssql.override.env", 65533, 0o000, "chmod u+r {}"),
        ("env", 0, 0o700, "chmod a+x {}"),
    ],
)
def test_what_the_account_cannot_read_is_named_with_owner_and_remedy(tmp_path, blocked, owner, mode, remedy):
    for parent in [tmp_path, *tmp_path.parents]:
        if parent.stat().st_mode & 0o1 == 0:
            parent.chmod(parent.stat().st_mode | 0o11)
    (tmp_path / "env").mkdir(mode=0o755)
    file, fine = tmp_path / "env" / "mssql.override.env", tmp_path / "env" / "fine.env"
    for one in (file, fine):
        one.write_text("A=1\n")
        one.chmod(0o644)
    path = tmp_path / blocked
    os.chown(path, owner, owner)
    path.chmod(mode)
    asked = [str(file)] if path.is_dir() else [str(file), str(fine), str(tmp_path / "env" / "missing.env")]
    (problem,) = unreadable(unprivileged(), asked)
    message = str(problem)
    shown = f"{path} (on the way to {file})" if path.is_dir() else str(path)
    assert message.startswith(f"{shown} belongs to {'root:root' if owner == 0 else '65533:65533'} with mode {mode:04o}")
    assert "nobody-here, who runs Docker Compose, cannot read it" in message
    assert message.endswith(f"({remedy.format(path)}).")
    assert unreadable(Account("root", 0, 0, (0,), "/"), asked) == []


@pytest.mark.parametrize("settings", [None, ON])
@pytest.mark.parametrize("broken", ["env/mssql.override.env", "docker/docker-compose.yml", "docker/included.yml"])
def test_a_file_that_compose_cannot_read_is_refused_in_planning(host, planned, monkeypatch, settings, broken):
    host.start()
    path = host.bwdata / broken
    monkeypatch.setattr(
        deployment_module, "unreadable", lambda account, paths: [f"{path} cannot be read."] * (str(path) in paths)
    )
    compose = host._compose

    def denied(arguments, environment):
        if "config" in arguments and "--no-interpolate" not in arguments:
            return Result(1, "", f"open {path}: permission denied\n")
        return compose(arguments, environment)

    monkeypatch.setattr(host, "_compose", denied)
    with pytest.raises(DeploymentError, match=f"^{path} cannot be read"):
        planned(settings)
    assert host.done == []


def test_who_listens_on_a_port_is_found():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        number = server.getsockname()[1]
        assert listening(Port("", number, "tcp")) == ""
        server.listen()
        for address in ("", "127.0.0.1", "0.0.0.0"):
            assert f"(process {os.getpid()})" in listening(Port(address, number, "tcp"))
        assert listening(Port("127.0.0.2", number, "tcp")) == ""
        assert listening(Port("", number, "udp")) == ""
    assert listening(Port("", number, "tcp")) == ""
