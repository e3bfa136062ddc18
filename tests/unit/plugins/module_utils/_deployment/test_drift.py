# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Compose would create against what is running, on the engine's description of a real container."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.composition import Service
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.drift import Stack
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.shadowed import find_shadowed
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.containers import Container, parse_time
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile

# From Docker Engine 20.10, Compose 2.26; left out: what nobody reads here.
INSPECTED = {
    "Id": "3620f579ed4cb0f2",
    "Created": "2026-11-23T10:09:42.123456789Z",
    "Image": "sha256:20cb7ef5cacc",
    "RestartCount": 2,
    "State": {
        "Status": "running",
        "Pid": 4711,
        "StartedAt": "2026-11-23T10:09:43.5Z",
        "FinishedAt": "0001-01-01T00:00:00Z",
        "Health": {"Status": "healthy", "FailingStreak": 0, "Log": None},
    },
    "Config": {
        "Image": "ghcr.io/bitwarden/api:2026.8.0",
        "Env": ["A=1", "EQUALS=a=b", "PATH=/bin", "ASPNETCORE_URLS=http://+:5000"],
        "Labels": {"com.docker.compose.service": "api", "com.docker.compose.oneoff": "False"},
        "Healthcheck": {"Test": ["CMD-SHELL", "curl -f http://localhost:5000/alive || exit 1"]},
    },
}
IMAGES = {"sha256:20cb7ef5cacc": {"PATH": "/bin", "ASPNETCORE_URLS": "http://+:5000"}}


def container(service="api", state="running", env=None, created="2026-11-23T10:09:42Z", **config):
    data = copy.deepcopy(INSPECTED)
    data["Id"] = service
    data["Config"]["Labels"]["com.docker.compose.service"] = service
    data["State"].update(Status=state)
    data["Created"] = created
    data["Config"].update(config)
    if env is not None:
        data["Config"]["Env"] = env
    return Container.from_inspect(data)


def stack(environment, *containers, images=None, **services):
    wanted = {"api": Service("api", "ghcr.io/bitwarden/api:2026.8.0", environment, True), **services}
    return Stack(wanted, list(containers), IMAGES if images is None else images)


def test_a_container_as_docker_describes_it():
    found = Container.from_inspect(INSPECTED)
    assert (found.service, found.state, found.health, found.restarts) == ("api", "running", "healthy", 2)
    assert found.environment["EQUALS"] == "a=b"
    assert (found.finished, found.pid) == (0.0, 4711)
    assert found.started - found.created == pytest.approx(1.3765, abs=0.001)
    assert found.health_check == ("/bin/sh", "-c", "curl -f http://localhost:5000/alive || exit 1")


@pytest.mark.parametrize(
    ("config", "check"),
    [
        ({"Healthcheck": None}, None),
        ({"Healthcheck": {"Test": ["NONE"]}}, None),
        ({"Healthcheck": {"Test": []}}, None),
        ({"Healthcheck": {"Test": ["CMD", "wget", "-q", "x"]}}, ("wget", "-q", "x")),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "x"]}, "Shell": ["/bin/bash", "-lc"]}, ("/bin/bash", "-lc", "x")),
    ],
)
def test_health_checks(config, check):
    assert container(**config).health_check == check


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:01:00Z", 60.0),
        ("1970-01-01T01:00:00.25+01:00", 0.25),
        ("0001-01-01T00:00:00Z", 0.0),
        ("", 0.0),
    ],
)
def test_times_of_docker(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("environment", "env", "stale"),
    [
        pytest.param({"A": "1", "EQUALS": "a=b"}, None, [], id="as it is"),
        pytest.param({"A": "2", "EQUALS": "a=b"}, None, ["A"], id="changed"),
        pytest.param({"A": "1", "EQUALS": "a=b", "B": ""}, None, ["B"], id="added, empty"),
        pytest.param({"A": "1"}, None, ["EQUALS"], id="removed"),
        pytest.param({"a": "1", "EQUALS": "a=b"}, None, ["A", "a"], id="written otherwise"),
        pytest.param({}, ["PATH=/bin"], [], id="the image's own"),
        pytest.param({}, ["PATH=/other"], ["PATH"], id="the image's own, changed and removed again"),
        pytest.param({}, ["HTTP_PROXY=http://p", "no_proxy=x"], [], id="proxies from the user's Docker settings"),
        pytest.param({"HTTP_PROXY": "http://q"}, ["HTTP_PROXY=http://p"], ["HTTP_PROXY"], id="proxies of the project"),
    ],
)
def test_stale(environment, env, stale):
    assert stack(environment, container(env=env)).stale() == ({"api": stale} if stale else {})


def test_an_image_that_is_gone_is_not_held_against_a_container():
    assert stack({"A": "1", "EQUALS": "a=b"}, container(), images={}).stale() == {}


@pytest.mark.parametrize(
    ("state", "missing"),
    [("running", []), ("restarting", []), ("exited", ["api"]), ("created", ["api"]), ("paused", ["api"])],
)
def test_missing(state, missing):
    found = stack({}, container(state=state))
    assert found.missing() == missing
    assert found.stopped is bool(missing)


def test_what_is_no_service_any_more_is_reported_but_not_asked_for():
    found = stack({"A": "1", "EQUALS": "a=b"}, container(), container("scim", env=["X=1"]))
    assert (found.missing(), found.stale()) == ([], {})
    assert [one.name for one in found.report()] == ["api", "scim"]


@pytest.mark.parametrize(
    ("service", "created", "outdated"),
    [
        ("api", "2026-11-23T10:09:43Z", False),
        ("api", "2026-11-23T10:10:00Z", True),
        ("tunnel", "2026-11-23T10:10:00Z", False),  # the user's own, to which nginx does not lead
    ],
)
def test_nginx_is_outdated_by_containers_that_were_created_after_its_start(service, created, outdated):
    others = {name: Service(name, "n", {}, False) for name in ("nginx", "tunnel")}
    found = stack({}, container("nginx"), container(service, created=created), **others)
    assert (found.outdated_nginx() is not None) is outdated


@pytest.mark.parametrize(
    ("image", "labels", "version", "old"),
    [
        ("ghcr.io/bitwarden/api:2026.8.0", {}, "2026.8.0", False),
        ("registry.example.com:5000/bitwarden/api:2023.1.1", {}, "2023.1.1", True),
        ("bitwarden/api:2023.2.0", {}, "2023.2.0", False),
        ("bitwarden/api:1.48.1", {}, "1.48.1", True),
        ("bitwarden/api:2025.1.0@sha256:123", {"org.opencontainers.image.version": "3.21.0"}, "2025.1.0", False),
        ("registry.example.com:5000/bitwarden/api", {}, "2026.8.0", False),  # by what Compose would take
    ],
)
def test_version(image, labels, version, old):
    found = stack({}, container(Image=image, Labels={"com.docker.compose.service": "api", **labels}))
    assert (found.version(), found.is_too_old()) == (version, old)


@pytest.mark.parametrize(
    ("images", "version"),
    [
        ({"api": "bitbetter/api", "identity": "bitbetter/identity", "admin": "2026.8.0", "sso": "2026.8.0"},
         "2026.8.0"),
        ({"api": "bitbetter/api:latest", "admin": "2022.12.0", "events": "2022.12.0"}, "2022.12.0"),
        ({"api": "mine@sha256:1", "nginx": "nginx:1.25.3", "admin": "2026.8.0", "icons": "2026.8.0"}, "2026.8.0"),
        ({"api": "bitbetter/api:2026.7.0", "admin": "2026.8.0", "icons": "2026.8.0"}, "2026.7.0"),
        ({"api": "mine", "web": "2026.8.1", "key-connector": "2025.1.0", "tunnel": "cloudflared:2025.1.0"}, None),
    ],
)  # fmt: skip
def test_the_version_of_a_server_whose_api_has_an_image_of_its_own(images, version):
    full = {name: image if "/" in image or ":" in image or image[0] == "m" else f"ghcr.io/bitwarden/{name}:{image}"
            for name, image in images.items()}  # fmt: skip
    services = {name: Service(name, image, {}, False) for name, image in full.items()}
    containers = [container(name, Image=image) for name, image in full.items()]
    for found in (Stack(services, [], {}), Stack({}, containers, {}), Stack(services, containers, {})):
        assert found.version() == version
        assert found.is_too_old() is (version == "2022.12.0")


def test_a_version_that_nothing_tells_is_not_too_old():
    found = Stack({"api": Service("api", "bitwarden/api:latest", {}, False)}, [], {})
    assert (found.version(), found.is_too_old()) == (None, False)


KEY = "globalSettings__pushRelayBaseUri"
BASE = EnvFile.parse(f"{KEY}=https://push.bitwarden.com\ns__Twin=base\n".encode(), "global.env")


@pytest.mark.parametrize(
    ("wanted", "planned", "effective", "source"),
    [
        pytest.param({"K": "1"}, b"K=1\n", {"K": "1"}, None, id="arrives"),
        pytest.param({"K": "1"}, b"K=1\n", {"K": "2"}, "override.yml", id="overridden"),
        pytest.param({"K": "1"}, b"K=1\n", {"K": "1", "k": "2"}, "override.yml", id="case twin"),
        pytest.param({"a__b": "1"}, b"a__b=1\n", {"a__b": "1", "A:B": "2"}, "override.yml", id="twin with a colon"),
        pytest.param({"a__b": "1"}, b"a__b=1\n", {"a__b": "1", "A:B": "1"}, None, id="twin that agrees"),
        pytest.param({"K": "true"}, b"K=TRUE\n", {"K": "TRUE"}, None, id="left as written"),
        pytest.param({"s__twin": "1"}, b"s__twin=1\n", {"s__twin": "1", "s__Twin": "base"}, "global.env", id="twin"),
        pytest.param({KEY: None}, b"", {KEY: "https://push.bitwarden.com"}, None, id="absent: the default comes back"),
        pytest.param({KEY: None}, b"", {KEY: "https://push.bitwarden.eu"}, "override.yml", id="absent, but overridden"),
    ],
)  # fmt: skip
def test_shadowed_settings(wanted, planned, effective, source):
    services = {"api": Service("api", "i", effective, True), "web": Service("web", "i", {"K": "9", KEY: "9"}, False)}
    found = find_shadowed(services, wanted, EnvFile.parse(planned, "f"), lambda: {"global.env": BASE}, "override.yml")
    assert [(one.source, one.services) for one in found] == ([(source, ["api"])] if source else [])
    for one in found:
        assert one.source in str(one) and one.key in str(one)
        assert "base" not in str(one)


@pytest.mark.parametrize(
    ("effective", "is_shadowed"),
    [
        ("https://proxy.example.com/push/", False),
        ("https://proxy.example.com/push", False),
        ("REPLACE", False),
        ("https://push.bitwarden.com", True),
        ("https://vault.bitwarden.com/push/", True),
        ("", True),
    ],
)
def test_what_a_region_brings_leaves_a_choice_elsewhere_as_it_is(effective, is_shadowed):
    services = {"api": Service("api", "i", {KEY: effective}, True)}
    wanted = {KEY: "https://push.bitwarden.eu"}
    file = EnvFile.parse(f"{KEY}={wanted[KEY]}\n".encode(), "f")
    assert bool(find_shadowed(services, wanted, file, dict, "override.yml", {KEY})) is is_shadowed
    assert find_shadowed(services, wanted, file, dict, "override.yml")
