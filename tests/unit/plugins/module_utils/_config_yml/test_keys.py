# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The values of config.yml: what is taken, what is refused and how, and which contradict."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.keys import (
    CONFIG_KEYS,
    ConfigError,
    checked_config,
    contradictions,
    host_name_of,
    path_below_bwdata,
    read_config,
    without_effect,
)

PATHS = {"ssl_certificate_path": "/etc/ssl/h/certificate.crt", "ssl_key_path": "/etc/ssl/h/private.key"}


def effective(**values):
    return {**{name: key.default for name, key in CONFIG_KEYS.items()}, **values}


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("url", "https://vault.example.com", "https://vault.example.com"),
        ("url", "https://vault.example.com:8443", "https://vault.example.com:8443"),
        ("ssl", "Yes", True),
        ("ssl", False, False),
        ("http_port", 8080, "8080"),
        ("http_port", "127.0.0.1:8080", "127.0.0.1:8080"),
        ("https_port", "[::1]:443", "[::1]:443"),
        ("http_port", None, None),
        ("http_port", "", None),
        ("ssl_versions", "TLSv1.2  TLSv1.3", "TLSv1.2 TLSv1.3"),
        ("ssl_ciphersuites", "ECDHE-RSA-AES128-GCM-SHA256:!aNULL", "ECDHE-RSA-AES128-GCM-SHA256:!aNULL"),
        ("ssl_curves", "X25519:secp384r1", "X25519:secp384r1"),
        ("ssl_certificate_path", "/etc/ssl/vault.example.com/certificate.crt",
         "/etc/ssl/vault.example.com/certificate.crt"),
        ("nginx_header_content_security_policy", "default-src 'self'; img-src data:",
         "default-src 'self'; img-src data:"),
        ("real_ips", ["10.10.0.0/24", "::1"], ("10.10.0.0/24", "::1")),
        ("real_ips", [], None),
    ],
)  # fmt: skip
def test_values_are_taken(name, given, value):
    assert read_config({name: given}) == {name: value}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("url", "vault.example.com", "not the URL of a server"),
        ("url", "https://", "not the URL of a server"),
        ("url", "https://host:0", "not the URL of a server"),
        ("url", "https://host:99999", "not the URL of a server"),
        ("url", "https://a b", "not the URL of a server"),
        ("url", "https://vault.example.com/", "a / at the end included"),
        ("url", "https://user@vault.example.com", "more than scheme, host and port"),
        ("url", "", "it is empty"),
        ("ssl", "maybe", "'maybe' is not true or false"),
        ("ssl", 1, "1 is not true or false"),
        ("ssl", None, "it is empty"),
        ("http_port", 65536, "not a port"),
        ("http_port", "0", "not a port"),
        ("http_port", "host:80", "not a port"),
        ("http_port", True, "not a text"),
        ("ssl_versions", "TLSv1.2 SSLv3", "SSLv3 is not one of"),
        ("ssl_ciphersuites", "A;B", "not a list of names"),
        ("ssl_key_path", "/opt/bitwarden/bwdata/ssl/key", "begins with /etc/ssl/"),
        ("ssl_key_path", "/etc/ssl/a/../../shadow", "leads out of its folder"),
        ("ssl_key_path", "/etc/ssl/", "not a path of a file"),
        ("nginx_header_content_security_policy", 'default-src "self"', "double quotes"),
        ("nginx_header_content_security_policy", "a\nb", "control characters"),
        ("real_ips", "10.0.0.1", "not a list"),
        ("real_ips", ["10.0.0.1", "proxy"], "proxy is not an address"),
        ("httpPort", 80, "Did you mean http_port?"),
        ("ssl_cert_path", "x", "Did you mean ssl_ca_path or ssl_key_path or ssl_certificate_path?"),
        ("whatever", 1, "Its keys are url, generate_compose_config"),
    ],
)
def test_values_are_refused_with_what_to_do(name, given, words):
    values, faults = checked_config({name: given})
    assert values == {}
    assert len(faults) == 1 and words in faults[0] and name in faults[0]


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError) as error:
        read_config({"http_port": "x", "real_ip": []})
    assert "config.http_port" in str(error.value) and "Did you mean real_ips?" in str(error.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"http_port": "8443", "https_port": "8443", "ssl": False}, "http_port and https_port are both 8443"),
        ({"ssl": True}, "ssl_certificate_path and ssl_key_path are empty"),
        ({**PATHS, "ssl_key_path": None}, "ssl_key_path is empty"),
        ({**PATHS, "url": "http://vault.example.com"}, "url begins with http://"),
    ],
)
def test_contradictions_are_named(values, words):
    found = contradictions(effective(**values))
    assert len(found) == 1 and words in found[0]


@pytest.mark.parametrize(
    "values",
    [PATHS, {"ssl_managed_lets_encrypt": True}, {"ssl": False}, {"ssl": False, "http_port": None, "https_port": None}],
)
def test_what_goes_together(values):
    assert contradictions(effective(**values)) == []


def test_keys_of_files_that_are_not_generated_are_warned_of():
    values = effective(generate_compose_config=False)
    found = without_effect({"http_port": "8080", "enable_scim": True, "real_ips": None}, values)
    assert found == [
        "config: generate_compose_config is false, so that enable_scim, http_port have no effect. Change "
        "docker/docker-compose.yml yourself."
    ]
    assert without_effect({"url": "https://x"}, values) == []


def test_paths_and_host_names():
    assert path_below_bwdata("/etc/ssl/h/private.key") == "ssl/h/private.key"
    assert path_below_bwdata("/etc/letsencrypt/live/h/privkey.pem") == "letsencrypt/live/h/privkey.pem"
    assert path_below_bwdata("/root/key") is None
    assert host_name_of("https://Vault.example.com:8443") == "vault.example.com"
    assert host_name_of("https://[") == ""
