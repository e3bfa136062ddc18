# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate of a server in memory: written, reloaded without a restart, proven, rolled back."""

from __future__ import annotations

import os

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._certificates.pem import read_certificate
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated

from tests.support.certificates import issue

from .configured_host import HOST
from .test_config import snapshot

CERT, KEY = f"ssl/{HOST}/certificate.crt", f"ssl/{HOST}/private.key"


def files(issued, *issuers, **others):
    return {"cert": "".join(one.pem for one in (issued, *issuers)), "key": issued.key_pem(), **others}


@pytest.fixture
def new(host):
    """Return a certificate from the same authority, for the same host."""
    return issue(HOST, (HOST,), host.authority)


def fingerprint(issued):
    return read_certificate(issued.pem).fingerprint


def test_the_same_certificate_changes_nothing(host, run):
    before = snapshot(host)
    result = run(certificate=files(host.first))
    assert (result["changed"], result["restarted"], host.done) == (False, False, [])
    assert result["certificate"]["fingerprint"] == fingerprint(host.first)
    assert result["certificate"]["names"] == [HOST] and result["certificate"]["changed"] is False
    assert result["certificate"]["days_left"] == 89 and result["warnings"] == []
    assert snapshot(host) == before


def test_a_new_one_is_predicted_written_and_served_without_a_restart(host, run, new):
    before, begun = snapshot(host), host.containers["nginx"]["started"]
    predicted = run(check=True, certificate=files(new, host.authority))
    assert snapshot(host) == before and host.done == []
    result = run(certificate=files(new, host.authority))
    assert host.done == ["reload nginx"] and host.containers["nginx"]["started"] == begun
    for one in (predicted, result):
        assert (one["changed"], one["restarted"], one["certificate"]["changed"]) == (True, False, True)
    assert result["diff"] == predicted["diff"]
    shown = result["diff"][0]
    assert shown["before_header"] == str(host.path(CERT))
    assert f"fingerprint={fingerprint(host.first)}" in shown["before"]
    assert f"fingerprint={fingerprint(new)}" in shown["after"] and "private key=********" in shown["after"]
    assert not any(line in str(result) for line in new.key_pem().splitlines()[1:-1])
    assert host.path(CERT).read_text() == new.pem + host.authority.pem
    assert (host.path(KEY).stat().st_mode & 0o777, host.path(CERT).stat().st_mode & 0o777) == (0o600, 0o644)
    assert run(certificate=files(new, host.authority))["changed"] is False
    assert not list(host.path("env").glob(".bitwarden*"))


def test_files_on_the_disk_that_nginx_does_not_serve_yet_are_found(host, run, new):
    host.path(CERT).write_text(new.pem)
    host.path(KEY).write_text(new.key_pem())
    predicted = run(check=True, certificate=files(new))
    assert predicted["changed"] and "served by nginx=" in predicted["diff"][0]["after"]
    assert run(certificate=files(new))["changed"] and host.done == ["reload nginx"]
    assert run(certificate=files(new))["changed"] is False


def test_a_key_that_others_can_read_is_protected(host, run):
    host.path(KEY).chmod(0o644)
    result = run(certificate=files(host.first))
    assert "key mode and owner=0644" in result["diff"][0]["before"]
    assert host.path(KEY).stat().st_mode & 0o777 == 0o600
    assert run(certificate=files(host.first))["changed"] is False


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda host: setattr(host, "refuses", "[emerg] cannot load certificate\n"),
         "nginx could not test its configuration (nginx -t ended with status 1): [emerg] cannot load certificate."),
        (lambda host: setattr(host, "ignores_reload", True), "and not that of the files"),
    ],
)  # fmt: skip
def test_one_that_nginx_does_not_serve_is_rolled_back(host, run, new, spoil, words):
    before = snapshot(host)
    spoil(host)
    result = run(certificate=files(new))
    assert words in result["msg"] and "The files (the certificate)" in result["msg"]
    assert (result["changed"], result["restarted"], result["rolled_back"]) == (False, False, True)
    assert snapshot(host) == before and host.served == fingerprint(host.first)


def test_without_rollback_it_stays(host, run, new):
    host.refuses = "no\n"
    assert "was left in place (rollback=false)" in run(certificate=files(new), rollback=False)["msg"]
    assert host.path(CERT).read_text() == new.pem


@pytest.mark.parametrize("served", [True, False])
def test_a_run_that_was_cut_off_is_finished_or_rolled_back_by_the_next(host, run, new, served):
    before = snapshot(host)

    def kill(step):
        raise Terminated("SIGKILL")

    host.interrupt = kill
    with pytest.raises(Terminated):
        run(certificate=files(new))
    host.interrupt = lambda step: None
    host.ignores_reload = not served
    assert run(check=True)["changed"] is True
    result = run()
    assert f"A run was cut off while it changed {CERT}, {KEY}" in result["warnings"][0]
    assert ("msg" in result) is not served
    if served:
        assert host.served == fingerprint(new)
    else:
        assert snapshot(host) == before
    host.ignores_reload = False
    assert run()["changed"] is False


def test_a_stopped_server_gets_it_at_its_start(host, run, new):
    run(state="stopped")
    result = run(certificate=files(new))
    assert (result["changed"], result["restarted"], host.served) == (True, True, fingerprint(new))
    run(state="stopped")
    newer = issue(HOST, (HOST,), host.authority)
    assert run(state="stopped", certificate=files(newer))["changed"] is True
    assert host.path(CERT).read_text() == newer.pem and host.done == []


def test_with_config_in_one_task(host, run, new):
    """From the first certificate to one at another path, with the issuer's, in one restart."""
    other = issue("other.example.com", ("other.example.com",), host.authority)
    folder = "/etc/ssl/other.example.com"
    config = {"url": "https://other.example.com", "ssl_certificate_path": f"{folder}/certificate.crt",
              "ssl_key_path": f"{folder}/private.key", "ssl_ca_path": f"{folder}/ca.crt"}  # fmt: skip
    options = {"config": config, "certificate": files(other, ca=host.authority.pem)}
    predicted = run(check=True, **options)
    assert (predicted["changed"], predicted["restarted"]) == (True, True)
    result = run(**options)
    assert host.done == ["script rebuild", "script restart"] and host.served == fingerprint(other)
    assert [one["before_header"] for one in result["diff"]][:2] == [
        str(host.path("config.yml")), str(host.path("ssl/other.example.com/certificate.crt"))
    ]  # fmt: skip
    assert run(**options)["changed"] is False


PROBLEMS = {
    "no ssl": ({"ssl": "false"}, None, "config.yml has ssl: false"),
    "Let's Encrypt": ({"ssl_managed_lets_encrypt": "true"}, None, "is managed with Let's Encrypt"),
    "its folder": (
        {"ssl_certificate_path": "/etc/letsencrypt/live/x/fullchain.pem"}, None, "is managed with Let's Encrypt"
    ),
    "no path": ({"ssl_key_path": ""}, None, "config.yml has no path for it"),
    "one file": (
        {"ssl_key_path": f"/etc/ssl/{HOST}/certificate.crt"}, None, "config.yml names one file for two of them"
    ),
    "an authority without a path": ({}, {"ca": "x"}, "config.yml has no ssl_ca_path"),
    "another host": ({"url": "https://other.example.com"}, None, "has the host other.example.com"),
    "not below ssl": (
        {"ssl_key_path": "/etc/bitwarden/nginx/private.key"}, None, "/etc/bitwarden/nginx/private.key is not below"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize("check", [True, False])
def test_problems_are_found_before_anything_is_changed(host, run, new, case, check):
    values, others, words = PROBLEMS[case]
    text = host.path("config.yml").read_text()
    kept = [line for line in text.splitlines() if line.partition(":")[0] not in values]
    host.path("config.yml").write_text("\n".join([*kept, *(f"{key}: {value}" for key, value in values.items()), ""]))
    before = snapshot(host)
    result = run(check=check, certificate=files(new, **(others or {})))
    assert words in result["msg"]
    assert result["changed"] is False and host.done == [] and snapshot(host) == before


def test_a_link_out_of_the_folder_is_not_followed(host, run, new, tmp_path):
    (tmp_path / "elsewhere").write_text("old")
    host.path(KEY).unlink()
    host.path(KEY).symlink_to(tmp_path / "elsewhere")
    assert f"is a link to {tmp_path}/elsewhere" in run(certificate=files(new))["msg"]
    assert (tmp_path / "elsewhere").read_text() == "old"


def test_one_that_expires_soon_is_warned_of(host, run):
    soon = issue(HOST, (HOST,), host.authority, days=20.5)
    assert "certificate.cert: it expires in 20 days (" in run(certificate=files(soon))["warnings"][0]
    assert "expires in 20 days" in run(certificate=files(soon))["warnings"][0], "unchanged as well"


def test_what_nginx_serves_is_not_checked_where_no_port_is_published(host, run, new):
    text = host.path("config.yml").read_text().replace("https_port: 443", "https_port:")
    host.path("config.yml").write_text(text)
    host.generate()
    run()
    result = run(certificate=files(new))
    assert result["changed"] and "What nginx serves was not checked" in result["warnings"][0]


def test_where_nobody_answered_before_either_it_is_only_a_warning(host, run, new, monkeypatch):
    def refuse(where):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(host, "answer", refuse)
    result = run(certificate=files(new))
    assert result["changed"] and "there is no TLS connection (Connection refused)" in result["warnings"][0]


def test_where_nobody_answers_any_more_it_is_rolled_back(host, run, new):
    before = snapshot(host)
    monkeypatched = host.read_certificates
    host.read_certificates = lambda: setattr(host, "served", None)
    result = run(certificate=files(new))
    host.read_certificates = monkeypatched
    assert "there is no TLS connection (Connection refused)" in result["msg"] and snapshot(host) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_is_the_user_of_nginx(host, run, new):
    host.path("env/uid.env").write_text("LOCAL_UID=4711\nLOCAL_GID=4712\n")
    run()
    run(certificate=files(new))
    assert {(one.stat().st_uid, one.stat().st_gid) for one in (host.path(CERT), host.path(KEY))} == {(4711, 4712)}
    assert run(certificate=files(new))["changed"] is False
