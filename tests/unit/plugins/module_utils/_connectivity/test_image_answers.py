# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it means how a program of an image ended and what it said."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import API, PUSH, Endpoint
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.image_answers import judge_program

MORE = "Look as root."
ENDPOINT = {
    name: Endpoint(name, f"setting_of_{name}", f"https://{name}.test/", f"https://{name}.test/x")
    for name in (API, PUSH)
}


@pytest.mark.parametrize(
    ("program", "status", "said", "layer"),
    [
        ("curl", 0, "200", ""),
        ("curl", 0, "404", ""),
        ("curl", 0, "302", "http"),
        ("curl", 5, "curl: (5) Could not resolve proxy: p.test 000", "proxy"),
        ("curl", 6, "curl: (6) Could not resolve host: api.test 000", "dns"),
        ("curl", 7, "curl: (7) Failed to connect to api.test port 443 after 4 ms 000", "tcp"),
        ("curl", 28, "curl: (28) Resolving timed out after 3001 milliseconds 000", "dns"),
        ("curl", 28, "curl: (28) Connection timed out after 3001 milliseconds 000", "tcp"),
        ("curl", 35, "curl: (35) error:0A00010B:SSL routines::wrong version number 000", "tls"),
        ("curl", 60, "curl: (60) SSL certificate problem: self-signed More details here: https://curl.se 000", "tls"),
        ("curl", 56, "curl: (56) CONNECT tunnel failed, response 407 000", "proxy"),
        ("curl", 56, "curl: (56) Received HTTP code 403 from proxy after CONNECT 000", "proxy"),
        ("curl", 52, "curl: (52) Empty reply from server 000", "http"),
        ("wget", 0, "Connecting to api.test (192.0.2.1:443)", ""),
        ("wget", 1, "Connecting to api.test wget: server returned error: HTTP/1.1 404 Not Found", ""),
        ("wget", 8, "HTTP request sent, awaiting response... 404 Not Found 2026 ERROR 404: Not Found.", ""),
        ("wget", 1, "wget: server returned error: HTTP/1.1 503 Unavailable", "http"),
        ("wget", 1, "wget: bad address 'api.test'", "dns"),
        ("wget", 1, "wget: can't connect to remote host (192.0.2.1): Connection refused", "tcp"),
        ("wget", 1, "wget: download timed out", "tcp"),
        ("wget", 1, "ssl_client: api.test: certificate verification failed: unable to get local issuer", "tls"),
        ("wget", 1, "Connecting to ssl.test (192.0.2.1:443) wget: error getting response: unexpected end", "http"),
        ("wget", 1, "wget: server returned error: HTTP/1.1 403 Forbidden", "http"),
        ("wget", 139, "", "http"),
        # Ended by "timeout": it had not found the address yet, or it had.
        ("wget", 143, "", "dns"),
        ("wget", 124, "--2026-01-01-- https://api.test/ Resolving api.test (api.test)...", "dns"),
        ("wget", 143, "Connecting to api.test (192.0.2.1:443)", "tcp"),
        ("wget", 124, "Resolving api.test... 192.0.2.1 Connecting to api.test (api.test)|192.0.2.1|:443...", "tcp"),
    ],
)  # fmt: skip
def test_what_a_program_says(program, status, said, layer):
    found = judge_program(ENDPOINT[API], program, status, said, MORE)
    assert (found.ok, found.layer) == (not layer, layer), found
    assert found.detail and (found.ok or found.advice)
    assert "More details" not in found.detail and not found.detail.endswith("000")


def test_push_may_answer_anything():
    assert judge_program(ENDPOINT[PUSH], "curl", 0, "403", MORE).ok


def test_a_wget_that_checks_no_certificate_is_named():
    said = "Connecting to api.test (192.0.2.1:443) wget: note: TLS certificate validation not implemented"
    found = judge_program(ENDPOINT[API], "wget", 0, said, MORE)
    assert found.ok and "without looking at the certificate" in found.detail
    found = judge_program(ENDPOINT[API], "wget", 1, f"{said} wget: error getting response: unexpected end", MORE)
    assert (found.ok, found.layer) == (False, "http") and MORE in found.advice
