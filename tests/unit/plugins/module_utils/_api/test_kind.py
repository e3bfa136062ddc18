# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What kind of server it is, asked before the key is sent; servers that are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import read_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.client import Client
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import NETWORK, REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.kind import (
    CLOUD_KIND,
    SELF_HOSTED_KIND,
    read_kind,
    require_cloud,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.known_servers import KnownServers
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.session import connected
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.argspec import CLOUD_PROFILE

from .recorded_server import BAD_GATEWAY, RecordedServer, Reply, recorded

KIND = "/api/installations/00000000-0000-0000-0000-000000000001"
LOGIN = "/identity/connect/token"
SELF_HOSTED = recorded("reading.json", "cloud-only: installation")
CLOUD = recorded("cloud.json", "unknown installation")
FILTERED = [
    Reply(403, "Forbidden"),
    Reply(404),
    Reply(404, "404 page not found"),
    Reply(200, "<html></html>"),
    Reply(401),
]


def client(params: dict[str, Any], **more: Any) -> Client:
    return Client(read_options(params, **more))


@pytest.mark.parametrize(("reply", "kind"), [
    (SELF_HOSTED, SELF_HOSTED_KIND),
    (CLOUD, CLOUD_KIND),
    (recorded("cloud.json", "installation"), CLOUD_KIND),
])  # fmt: skip
def test_both_kinds_as_recorded(server: RecordedServer, params: dict[str, Any], reply: Reply, kind: Any) -> None:
    server.on("GET", KIND, reply)
    assert read_kind(client(params)) == kind
    assert "Authorization" not in server.requests[0].headers


@pytest.mark.parametrize("reply", FILTERED)
def test_another_answer_is_of_no_kind(server: RecordedServer, params: dict[str, Any], reply: Reply) -> None:
    server.on("GET", KIND, reply)
    with pytest.raises(ApiError, match=KIND) as caught:
        read_kind(client(params))
    assert caught.value.status == reply.status


def test_a_server_that_is_down_has_no_kind(server: RecordedServer, params: dict[str, Any]) -> None:
    server.on("GET", KIND, BAD_GATEWAY)
    with pytest.raises(ApiError) as caught:
        read_kind(client(params))
    assert caught.value.transient


@pytest.mark.parametrize("probe", [True, False])
def test_no_key_goes_to_the_cloud(server: RecordedServer, params: dict[str, Any], probe: bool) -> None:
    server.on("GET", KIND, CLOUD)
    with connected(params, probe) as user, pytest.raises(ApiError, match="is Bitwarden's cloud, not a self-hosted"):
        user.get("/organizations", "list")
    assert server.count("POST", LOGIN) == 0


@pytest.mark.parametrize("reply", FILTERED)
def test_a_proxy_may_filter_the_question(server: RecordedServer, params: dict[str, Any], reply: Reply) -> None:
    server.on("GET", KIND, reply)
    with connected(params, probe=False) as user:
        assert user.get("/organizations", "list")
    assert [item.path for item in server.requests][:3] == [KIND, "/api/alive", LOGIN]


def test_a_server_that_was_asked_whether_it_is_one_is_not_asked_again(
    server: RecordedServer, params: dict[str, Any]
) -> None:
    server.on("GET", KIND, FILTERED[0])
    with connected(params) as user:
        user.login()
    assert [item.path for item in server.requests] == ["/api/alive", KIND, LOGIN]


@pytest.mark.parametrize("url", [
    "https://vault.bitwarden.com", "https://vault.bitwarden.eu/", "https://BITWARDEN.com", "https://api.bitwarden-gov.com",
])  # fmt: skip
@pytest.mark.parametrize("option", ["url", "api_url", "identity_url"])
def test_the_clouds_own_addresses_are_known(params: dict[str, Any], url: str, option: str) -> None:
    with pytest.raises(ApiError, match="is Bitwarden's cloud, not a self-hosted server") as caught:
        read_options({**params, option: url})
    assert caught.value.layer == REQUEST
    assert read_options({**params, option: url}, profile=CLOUD_PROFILE)
    assert read_options({**params, option: "https://bitwarden.example.com"})


@pytest.mark.parametrize(("reply", "says", "layer"), [
    (SELF_HOSTED, "is a self-hosted server, not Bitwarden's cloud", REQUEST),
    (Reply(200, "<html></html>"), "not as Bitwarden's API does", NETWORK),
    (Reply(404), "answered 404", REQUEST),
])  # fmt: skip
def test_no_key_goes_to_what_is_not_the_cloud(
    server: RecordedServer, params: dict[str, Any], reply: Reply, says: str, layer: str
) -> None:
    server.on("GET", KIND, reply)
    with pytest.raises(ApiError, match=says) as caught:
        require_cloud(client(params, profile=CLOUD_PROFILE))
    assert caught.value.layer == layer
    server.on("GET", KIND, CLOUD)
    require_cloud(client(params, profile=CLOUD_PROFILE))


def test_a_known_server_is_not_asked_again(server: RecordedServer, params: dict[str, Any], tmp_path: Path) -> None:
    server.on("GET", KIND, SELF_HOSTED)
    for _run in range(3):
        with connected(params, probe=False, known=KnownServers(tmp_path / "a" / "b")) as user:
            user.login()
    assert server.count("GET", KIND) == 1
    with connected({**params, "identity_url": f"{server.url}/identity/"}, False, KnownServers(tmp_path / "c")) as user:
        user.login()
    assert server.count("GET", KIND) == 2


@pytest.mark.parametrize("spoil", ["others", "link", "file"])
def test_what_others_may_have_put_there_makes_no_server_known(
    server: RecordedServer, params: dict[str, Any], tmp_path: Path, spoil: str
) -> None:
    options = read_options(params)
    folder = tmp_path / "known"
    KnownServers(folder).add(options)
    assert KnownServers(folder).has(options)
    if spoil == "others":
        folder.chmod(0o777)
    else:
        folder.rename(tmp_path / "moved")
        if spoil == "link":
            folder.symlink_to(tmp_path / "moved")
        else:
            folder.touch()
    KnownServers(folder).add(options)
    assert not KnownServers(folder).has(options)
