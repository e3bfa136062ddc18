# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""config.yml as a document: what is read in it, and that a change touches only its own lines."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.document import (
    ConfigDocument,
    ConfigFileError,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.keys import CONFIG_KEYS

# As the setup tool writes it: a comment before each key, empty values with a blank, texts of digits unquoted.
GENERATED = """\
#
# Note: the first comment.
#
# Full URL. (Required)
url: https://vault.example.com
#
# About the next one.
generate_compose_config: true
generate_nginx_config: true
http_port: 80
https_port: 443
ssl: true
ssl_versions: 
ssl_ciphersuites: 
ssl_managed_lets_encrypt: false
ssl_certificate_path: /etc/ssl/vault.example.com/certificate.crt
ssl_key_path: /etc/ssl/vault.example.com/private.key
ssl_ca_path: 
nginx_header_content_security_policy: 'default-src ''self''; img-src data: x'
push_notifications: true
# Defined as a list, e.g.:
# real_ips: ['10.10.0.0/24', '172.16.0.0/16']
real_ips:
- 10.10.0.0/24
- 172.16.0.0/16
enable_key_connector: false
enable_scim: false
enable_built_in_ms_sql: true
"""  # noqa: W291  the tool writes these blanks


def document(text):
    return ConfigDocument.parse(text.encode())


def changed(text, **desired):
    content, difference = document(text).change(desired)
    return content.decode(), [(one.key, one.action, one.before, one.after) for one in difference.changes]


def test_what_the_tool_writes_is_read():
    values = document(GENERATED).values()
    assert set(values) == set(CONFIG_KEYS)
    assert values["url"] == "https://vault.example.com"
    assert (values["http_port"], values["ssl"], values["enable_scim"]) == ("80", True, False)
    assert (values["ssl_versions"], values["ssl_ca_path"]) == (None, None)
    assert values["nginx_header_content_security_policy"] == "default-src 'self'; img-src data: x"
    assert values["real_ips"] == ("10.10.0.0/24", "172.16.0.0/16")
    assert values["database_docker_volume"] is False, "a missing key has its default"
    assert document(GENERATED).unknown() == []


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("https_port:", "https_port", None),
        ("https_port: ''", "https_port", None),
        ("https_port: ~ # none", "https_port", None),
        ('url: "https://a"  # ours', "url", "https://a"),
        ("ssl: Yes", "ssl", True),
        ("ssl: off", "ssl", False),
        ("enable_built_in_ms_sql:", "enable_built_in_ms_sql", True),
        ("real_ips: ['10.0.0.0/8', 10.1.0.0/16]", "real_ips", ("10.0.0.0/8", "10.1.0.0/16")),
        ("real_ips: []", "real_ips", None),
        ("real_ips:\n  # the proxy\n  - '10.0.0.1'\n\n  - 10.0.0.2", "real_ips", ("10.0.0.1", "10.0.0.2")),
        ("real_ips: null", "real_ips", None),
        ("---\nhttp_port: 8080\r", "http_port", "8080"),
        ('nginx_header_content_security_policy: "a \\"b\\""', "nginx_header_content_security_policy", 'a "b"'),
    ],
)
def test_other_ways_to_write_a_value(line, name, value):
    assert document(line + "\n").values()[name] == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("url: https://a\n  b: c\n", "line 2: neither a comment nor a key"),
        ("url: |\n  https://a\n", "line 1: a value that this collection does not read"),
        ("url: 'https://a\n", "line 1: a value that this collection does not read"),
        ("url: &x https://a\n", "line 1: a value"),
        ("url: https://a\nssl: true\nurl: https://b\n", "line 3: url is there already, in line 1"),
        ("real_ips: [[a]]\n", "line 1: a list that this collection does not read"),
        ("- a\n", "line 1: neither"),
    ],
)
def test_what_is_not_read_is_named_by_its_line(text, words):
    with pytest.raises(ConfigFileError) as error:
        document(text)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("url: https://a\nssl: maybe\n", "line 2: ssl: 'maybe' is not true or false"),
        ("ssl:\n", "line 1: ssl: None is not true or false"),
        ("real_ips: 10.0.0.1\n", "line 1: real_ips: it is not a list"),
        ("url:\n- a\n", "line 1: url: it is a list"),
    ],
)
def test_a_value_of_another_type_is_named_by_its_line(text, words):
    with pytest.raises(ConfigFileError) as error:
        document(text).values()
    assert words in str(error.value)


def test_not_utf8():
    with pytest.raises(ConfigFileError, match="not UTF-8"):
        ConfigDocument.parse(b"url: \xff\n")


def test_nothing_changes_where_all_is_as_desired():
    assert changed(GENERATED, **document(GENERATED).values()) == (GENERATED, [])


def test_a_change_touches_only_its_own_lines():
    content, changes = changed(GENERATED, http_port="8080", real_ips=("10.0.0.1", "::1"), ssl_versions="TLSv1.3")
    before, after = GENERATED.splitlines(), content.splitlines()
    assert [line for line in before if line not in after] == [
        "http_port: 80", "ssl_versions: ", "- 10.10.0.0/24", "- 172.16.0.0/16"
    ]  # fmt: skip
    assert [line for line in after if line not in before] == [
        "http_port: 8080", "ssl_versions: TLSv1.3", "- 10.0.0.1", "- '::1'"
    ]  # fmt: skip
    assert changes == [
        ("http_port", "changed", "80", "8080"),
        ("ssl_versions", "changed", "(empty)", "TLSv1.3"),
        ("real_ips", "changed", "10.10.0.0/24, 172.16.0.0/16", "10.0.0.1, ::1"),
    ]
    assert changed(content, http_port="8080", real_ips=("10.0.0.1", "::1"), ssl_versions="TLSv1.3")[1] == []


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_comments_line_ends_and_unknown_keys_stay(end):
    text = end.join(["# ours", "url: https://a # the old one", "their_key: 1", "real_ips:", "# why", "- 10.0.0.1", ""])
    content, _changes = changed(text, url="https://b", real_ips=None)
    assert content == end.join(["# ours", "url: https://b # the old one", "their_key: 1", "real_ips:", "# why", ""])
    assert document(text).unknown() == ["their_key"]
    assert document(text).comments() == ["# ours", "# why", "# the old one"]


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("url: https://a\n", "url: https://a\nhttp_port:\nenable_scim: true\n"),
        ("url: https://a", "url: https://a\nhttp_port:\nenable_scim: true\n"),
        ("url: https://a\r\n", "url: https://a\r\nhttp_port:\r\nenable_scim: true\r\n"),
        ("", "http_port:\nenable_scim: true\n"),
    ],
)
def test_missing_keys_are_added_at_the_end(text, content):
    after, changes = changed(text, enable_scim=True, http_port=None, https_port="443", push_notifications=True)
    assert after == content
    assert changes == [("http_port", "added", None, "(empty)"), ("enable_scim", "added", None, "true")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nginx_header_content_security_policy", "default-src 'self'; img-src data: https://x #y"),
        ("nginx_header_content_security_policy", "true"),
        ("ssl_ciphersuites", "!aNULL:A+B"),
        ("http_port", "[::1]:80"),
        ("real_ips", ("::1", "10.0.0.0/8")),
    ],
)
def test_what_is_written_is_read_again(name, value):
    content, _changes = changed(GENERATED, **{name: value})
    assert document(content).values()[name] == value


def test_a_wrong_value_in_the_file_can_be_corrected():
    assert changed("ssl: maybe\n", ssl=False) == ("ssl: false\n", [("ssl", "changed", "maybe", "false")])
