# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why the cloud was not reached, by the exception below the log line, in one table."""

from __future__ import annotations

from typing import NamedTuple, Tuple


class NetworkCause(NamedTuple):
    """Why the cloud was not reached, from the exception below the log line. ``detail`` is one word."""

    seen: str
    detail: str
    advice: str
    transient: bool
    pattern: str


_TUNNEL = r"proxy tunnel request to proxy .* failed with status code '"

# In the order in which an exception's text is compared with them; the last fits every text. What is not known to pass
# is not waited for.
NETWORK_TABLE: Tuple[NetworkCause, ...] = (
    NetworkCause(
        "The proxy tunnel request … failed with status code '407'",
        "proxy",
        "the proxy requires a login: put user and password into its URL in the environment of the containers.",
        False,
        f"{_TUNNEL}407",
    ),
    NetworkCause(
        "The proxy tunnel request … failed with status code '503'",
        "proxy",
        "the proxy does not reach the cloud; its log says why.",
        True,
        f"{_TUNNEL}5",
    ),
    NetworkCause(
        "The proxy tunnel request … failed with status code '403'",
        "proxy",
        "the proxy does not let the connection through: allow the cloud's host names there.",
        False,
        f"{_TUNNEL}|SOCKS",
    ),
    NetworkCause(
        "Temporary failure in name resolution",
        "dns",
        "name resolution fails for the moment; check the DNS servers of the Docker engine if it stays.",
        True,
        "Temporary failure in name resolution|Try again|Resource temporarily unavailable",
    ),
    NetworkCause(
        "Name or service not known",
        "dns",
        "the host name does not resolve inside the containers; check the URL and the DNS of the Docker engine.",
        False,
        "Name or service not known|No such host|Name does not resolve|No address associated|nodename nor servname"
        "|No data of the requested type",
    ),
    NetworkCause(
        "RemoteCertificateNameMismatch",
        "tls",
        "the certificate is for another name, thus another server responds there: check the URL, and what the name "
        "resolves to in the containers.",
        False,
        "RemoteCertificateNameMismatch",
    ),
    NetworkCause(
        "NotTimeValid",
        "tls",
        "the certificate has expired or is not valid yet; check the clock of the host first.",
        False,
        "NotTimeValid",
    ),
    NetworkCause(
        "UntrustedRoot, PartialChain",
        "tls",
        "the certificate is not trusted; the containers must trust the CA of a proxy that inspects TLS.",
        False,
        "UntrustedRoot|PartialChain|RemoteCertificateChainErrors|RemoteCertificateNotAvailable",
    ),
    NetworkCause(
        "The SSL connection could not be established",
        "tls",
        "no TLS connection was made, see the exception in the log: nothing there speaks TLS, a firewall cut the "
        "connection, or the certificate is not accepted.",
        False,
        "SSL connection|AuthenticationException|certificate|TLS",
    ),
    NetworkCause(
        "Cannot assign requested address ([…]:443)",
        "ipv6",
        "the name resolves to an IPv6 address, and the containers have no route to it: give Docker IPv6, or have the "
        "name resolve only to IPv4.",
        False,
        r"(?i:unreachable|no route to host)[^\n]*\[[0-9a-fA-F:.%]+\]|Cannot assign requested address"
        "|Address family not supported",
    ),
    NetworkCause(
        "Network is unreachable",
        "route",
        "the containers have no route to the cloud's address, or a firewall says so: check the host's default gateway, "
        "Docker's network, and whether the name resolves to an IPv6 address that only IPv4 could reach.",
        False,
        "(?i:network is unreachable|network unreachable|host is unreachable|host unreachable|no route to host"
        "|network is down)",
    ),
    NetworkCause(
        "Permission denied",
        "firewall",
        "a firewall of the host forbids the connection.",
        False,
        "Permission denied|Operation not permitted|An attempt was made to access a socket",
    ),
    NetworkCause(
        "Connection refused",
        "refused",
        "nothing listens there, or a firewall refuses the connection.",
        True,
        "Connection refused",
    ),
    NetworkCause(
        "Connection reset by peer",
        "closed",
        "the connection was closed before a response came; check proxies and firewalls if it stays.",
        True,
        "Connection reset|ResponseEnded|ended prematurely|Broken pipe|forcibly closed",
    ),
    NetworkCause(
        "timed out",
        "timeout",
        "no response; check that outbound HTTPS from the containers is allowed.",
        True,
        r"timed out|TaskCanceledException|OperationCanceled|HttpClient\.Timeout",
    ),
    NetworkCause(
        "System.Text.Json.JsonException",
        "page",
        "the response is not that of Bitwarden's cloud: check the URL, and proxies and captive portals on the way.",
        False,
        "JsonException|invalid start of a value",
    ),
    NetworkCause("…", "other", "see the message; check the connection from the containers to the cloud.", False, ""),
)
