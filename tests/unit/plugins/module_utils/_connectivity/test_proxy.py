# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which proxy .NET takes for a URL."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.proxy import proxy_for

URL = "https://api.bitwarden.com/x"
PROXY = "http://proxy.test:3128"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, "proxy.test port 3128"),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other.test"}, "proxy.test port 3128"),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, "proxy.test port 3128"),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": "proxy.test:8080"}, "proxy.test port 8080"),
        ({"HTTPS_PROXY": "http://proxy.test"}, "proxy.test port 80"),
        ({"HTTPS_PROXY": "http://proxy.test/"}, "proxy.test port 80"),
        ({"HTTPS_PROXY": "https://me:word@proxy.test"}, "proxy.test port 443"),
        ({"HTTPS_PROXY": "http://:99999999"}, None),
        # What follows the digits of a port does not matter, a port without digits does.
        ({"HTTPS_PROXY": "http://proxy.test:3128/x?y"}, "proxy.test port 3128"),
        ({"HTTPS_PROXY": "HTTP://proxy.test:3128 # ours"}, "proxy.test port 3128"),
        ({"HTTPS_PROXY": "http://proxy.test:"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:70000"}, None),
        ({"HTTPS_PROXY": "http://proxy.test:\u00b2"}, None),
        ({"HTTPS_PROXY": "http://[2001:db8::7]:3128"}, "2001:db8::7 port 3128"),
        ({"HTTPS_PROXY": "http://[2001:db8::7]"}, "2001:db8::7 port 80"),
        ({"HTTPS_PROXY": "http://two words:3128"}, None),
        # The first that can be read counts, not the first that is there.
        (
            {"https_proxy": "http://:x", "HTTPS_PROXY": "http://proxy.test:y", "ALL_PROXY": PROXY},
            "proxy.test port 3128",
        ),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "api.bitwarden.com"}, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": "localhost, .BITWARDEN.com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".api.bitwarden.com"}, None),
        # An empty one hides the other.
        ({"HTTPS_PROXY": PROXY, "no_proxy": "", "NO_PROXY": "api.bitwarden.com"}, "proxy.test port 3128"),
        # As .NET has it, unlike curl: a name without a dot in front is only that name, and there is no *.
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "bitwarden.com,*,.en.com"}, "proxy.test port 3128"),
    ],
)
def test_proxy_of_an_environment(environment, expected):
    found = proxy_for(URL, environment)
    assert (None if found is None else str(found)) == expected


@pytest.mark.parametrize(
    ("login", "pair"),
    [
        ("", None),
        ("me:word@", "me:word"),
        ("me@", "me:"),
        ("me:p%40ss%zz@", "me:p@ss%zz"),
        ("DOMAIN\\me:a:b@", "DOMAIN\\me:a:b"),
        # Raw characters that would end the host in a URL, or its port.
        ("me:a#b@", "me:a#b"),
        ("me:80/b@", "me:80/b"),
        ("me:a?b@", "me:a?b"),
        ("me:[b@", "me:[b"),
        ("me:a@b@", "me:a@b"),
        ("m\u00e9:a@", "m\u00e9:a"),
    ],
)
@pytest.mark.parametrize("scheme", ["", "http://", "socks5://"])
def test_user_and_password_end_at_the_last_at(scheme, login, pair):
    found = proxy_for(URL, {"HTTPS_PROXY": f"{scheme}{login}proxy.test:3128"})
    assert str(found) == "proxy.test port 3128" and found.scheme == (scheme[:-3] or "http")
    expected = "" if pair is None else "Basic " + base64.b64encode(pair.encode()).decode()
    assert found.authorization == expected
