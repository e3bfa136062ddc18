# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the log of failed syncs tells, on the lines that a real server wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.causes import find_cause
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.parser import find_failures, parse_entries

RECORDINGS = Path(__file__).parents[4] / "support" / "recordings"
ORGANIZATION = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"
HEADER = re.compile(r"(info|warn|fail): \S+\[\d+\]$")


def recorded(name):
    return json.loads((RECORDINGS / f"{name}.json").read_text())


def exchanges_with_log():
    found = []
    for name in ("license-sync", "rate-limit", "sponsorships", "sponsorships-2", "disabled"):
        for exchange in recorded(name)["exchanges"]:
            lines = exchange.get("api_log", exchange.get("log"))
            if lines is not None:
                found.append(pytest.param(exchange["name"], lines, id=f"{name}: {exchange['name']}"))
    return found


def timed(lines, second=0):
    """Return the lines as ``docker logs --timestamps`` prints them."""
    return "\n".join(f"2026-11-22T10:00:{second:02}.{number:09}Z {line}" for number, line in enumerate(lines))


EXPECTED = {
    "wrong billing sync key": ("license", "billing_sync_token", False),
    "installation key wrong": ("license", "installation_credentials", False),
    "installation unknown in this cloud (wrong region)": ("license", "installation_credentials", False),
    "identity unreachable": ("license", "identity_unreachable", True),
    "api unreachable": ("license", "api_unreachable", True),
    "identity URI with a path and no trailing slash": ("license", "identity_url", False),
    "identity host does not resolve": ("license", "identity_unreachable", False),
    "the daily job with a wrong billing sync key": ("sponsorship", "billing_sync_token", False),
    **{f"license sync number {n} within a minute from one address": ("license", "rate_limit", True)
       for n in range(11, 15)},
}  # fmt: skip


@pytest.mark.parametrize(("name", "lines"), exchanges_with_log())
def test_every_recorded_failure_is_found_with_its_cause_and_nothing_else(name, lines):
    # The recordings leave the indentation and the scope out.
    console = timed([line if HEADER.match(line) else f"      {line}" for line in lines])
    if name == "identity URI malformed":  # found only by its scope: see the test below
        return
    found = [(failure.kind, failure.cause, failure.transient) for failure in find_failures(console)]
    assert found == ([EXPECTED[name]] if name in EXPECTED else [])


@pytest.mark.parametrize(
    ("case", "cause"),
    [
        ("a license sync that succeeds", None),
        ("installation key wrong", "installation_credentials"),
        ("identity unreachable", "identity_unreachable"),
        ("a value that kills it at start", None),
        ("billing sync key wrong", "billing_sync_token"),
        ("too many syncs from one address", "rate_limit"),
    ],
)
def test_console_as_production_shows_it(case, cause):
    failures = find_failures(timed(recorded("api-console")["logs"][case]))
    assert [failure.cause for failure in failures] == ([cause] if cause else [])
    for failure in failures:
        assert (failure.organization, failure.kind) == (ORGANIZATION, "license")
        assert failure.time == "2026-11-22T10:00:00Z"
        assert failure.advice


def test_a_malformed_url_is_known_by_the_request_it_broke():
    lines = next(e["api_log"] for e in recorded("license-sync")["exchanges"] if e["name"] == "identity URI malformed")
    path = f"/organizations/licenses/self-hosted/{ORGANIZATION}/sync"
    scope = f"=> SpanId:d73e7107e9f76bc2, TraceId:0 => RequestPath:{path} RequestId:1"
    console = [lines[0], f"      {scope}", *(f"      {line}" for line in lines[1:])]
    assert [f.cause for f in find_failures(timed(console))] == ["uri_malformed"]
    elsewhere = [line.replace("/sync", "/other") for line in console]
    assert find_failures(timed(elsewhere)) == []


def test_requests_are_told_apart_by_span_even_when_their_lines_mix():
    logs = recorded("api-console")["logs"]
    wrong_key = [line for line in logs["billing sync key wrong"] if "Lifetime" not in line][-4:]
    limited = logs["too many syncs from one address"][-5:]
    other = [line.replace(ORGANIZATION, ORGANIZATION.replace("7f2a", "aaaa")) for line in limited]
    console = "\n".join([timed(limited[:3], 1), timed(wrong_key, 2), timed(other[:3], 3).replace("304377", "999999"),
                         timed(limited[3:], 4)])  # fmt: skip
    found = [(f.time[-3:-1], f.organization[:4], f.cause) for f in find_failures(console)]
    assert found == [("01", "7f2a", "rate_limit"), ("02", "7f2a", "billing_sync_token"), ("03", "aaaa", "rate_limit")]


def test_a_job_blames_each_organization_for_its_own_lines():
    exchanges = recorded("sponsorships-2")["exchanges"]
    job = next(e["log"] for e in exchanges if e["name"].endswith("wrong billing sync key"))
    second = [line.replace("Example Enterprise", "Other").replace("Invalid Billing Sync Key", "Invalid organization")
              for line in job]  # fmt: skip
    failures = find_failures(timed(job, 1) + "\n" + timed(second, 2))
    assert [(f.organization, f.cause) for f in failures] == [
        ("Example Enterprise", "billing_sync_token"),
        ("Other", "organization_unknown"),
    ]


REQUEST = "Request to https://api.bitwarden.com/licenses/organization/x is unsuccessful with status of "
PROXY = "The proxy tunnel request to proxy 'http://proxy.example.com:3128/' failed with status code "
TLS = "The SSL connection could not be established, see inner exception."
CERTIFICATE = " ---> System.Security.Authentication.AuthenticationException: The remote certificate is invalid "
TOKEN_ANSWER = "Unsuccessful token response from https://i/ for client installation.x with status "
IDENTITY = "Unable to authenticate with identity server."


@pytest.mark.parametrize(
    ("lines", "cause", "transient"),
    [
        ([f"{REQUEST}BadRequest-Bad Request: Invalid license key."], "license_key", False),
        ([f"{REQUEST}BadRequest-Bad Request: No active subscription found."], "no_subscription", False),
        ([f"{REQUEST}BadRequest-Bad Request: Unable to generate license due to a payment issue."], "payment", False),
        ([f"{REQUEST}NotFound-Not Found: Resource not found."], "organization_unknown", False),
        ([f"{REQUEST}InternalServerError-Internal Server Error: "], "cloud_error", True),
        ([f"{REQUEST}TooManyRequests-Too Many Requests: Slow down!"], "rate_limit", True),
        (["Unsuccessful token response from https://i/ for client installation.x with status BadGateway-Bad Gateway"],
         "cloud_error", True),
        ([IDENTITY, "System.Net.Http.HttpRequestException: The SSL connection could not be established"],
         "identity_unreachable", False),
        ([IDENTITY, "---> Interop+Crypto: Resource temporarily unavailable. Temporary failure in name resolution"],
         "identity_unreachable", True),
        (["Failed to send to https://a/.", "System.Threading.Tasks.TaskCanceledException: The request was canceled"],
         "api_unreachable", True),
        (["System.ArgumentException: An item with the same key has already been added. Key: 5f0e"],
         "duplicate_sponsorships", False),
        # The text tells more than the status.
        ([f"{REQUEST}NotFound-Not Found: Invalid installation."], "installation_credentials", False),
        ([f"{REQUEST}InternalServerError-Error: Invalid Billing Sync Key"], "billing_sync_token", False),
        ([f"{REQUEST}Unauthorized-Unauthorized: "], "installation_credentials", False),
        ([f"{REQUEST}Conflict-Conflict: Invalid license"], "unknown", False),
        (["Failed to send to https://a/.", "System.UriFormatException: Invalid URI"], "uri_malformed", False),
        (["Bit.Core.Exceptions.BadRequestException: Invalid license. SCIM"], "license_rejected", False),
        (["Something never seen before"], "unknown", False),
        # Only with the cloud's own text it is the cloud's answer.
        ([f"{REQUEST}NotFound-Not Found: "], "api_url", False),
        ([f"{REQUEST}NotFound-Not Found:"], "api_url", False),
        ([f"{REQUEST}BadRequest-Bad Request: "], "not_the_cloud", False),
        ([f"{REQUEST}BadRequest-Bad Request: <html><title>Forbidden</title>"], "not_the_cloud", False),
        ([f"{REQUEST}BadRequest-Bad Request: The model state is invalid."], "body_removed", False),
        ([f"{REQUEST}BadRequest-Bad Request: Something new."], "unknown", False),
        ([f"{REQUEST}MethodNotAllowed-Method Not Allowed: "], "not_the_cloud", False),
        ([f"{REQUEST}Forbidden-Forbidden: "], "blocked", False),
        ([f"{REQUEST}ProxyAuthenticationRequired-Proxy Authentication Required: "], "blocked", False),
        ([f"{REQUEST}Redirect-Found: "], "not_the_cloud", False),
        ([f"{TOKEN_ANSWER}Forbidden-Forbidden"], "blocked", False),
        ([f"{TOKEN_ANSWER}Unauthorized-Unauthorized"], "blocked", False),
        ([f"{TOKEN_ANSWER}MethodNotAllowed-Method Not Allowed"], "not_the_cloud", False),
        ([f"{TOKEN_ANSWER}RequestTimeout-Request Timeout"], "cloud_error", True),
        ([f"{TOKEN_ANSWER}530-"], "cloud_error", True),
        ([f"{TOKEN_ANSWER}LoopDetected-Loop Detected"], "cloud_error", True),
        (["Unhandled exception", "System.Text.Json.JsonException: '<' is an invalid start of a value."],
         "not_the_cloud", False),
    ],
)  # fmt: skip
def test_causes_that_were_not_recorded(lines, cause, transient):
    found, message = find_cause(lines)
    assert (found.code, found.transient) == (cause, transient)
    assert message == lines[-1 if lines[0] == "Unhandled exception" else 0]


@pytest.mark.parametrize(
    ("exception", "detail"),
    [
        ("Connection refused (localhost:9)", "(refused)"),
        ("Name or service not known (identity.invalid:443)", "(dns)"),
        ("The SSL connection could not be established, see inner exception.", "(tls)"),
        ("Connection timed out (identity.bitwarden.com:443)", "(timeout)"),
        ("An error occurred while sending the request.", "(other)"),
        ("Resource temporarily unavailable (api.bitwarden.com:443)", "(dns)"),
        ("Network is unreachable (api.bitwarden.com:443)", "(route)"),
        ("No route to host (api.bitwarden.com:443)", "(route)"),
        ("Network is unreachable ([2606:4700::6810:1]:443)", "(ipv6)"),
        ("Cannot assign requested address ([2606:4700::6810:1]:443)", "(ipv6)"),
        ("Address family not supported by protocol", "(ipv6)"),
        ("Permission denied (api.bitwarden.com:443)", "(firewall)"),
        (f"{PROXY}'403'.", "(proxy): the proxy does not let"),
        (f"{PROXY}'407'.", "(proxy): the proxy requires a login"),
        (f"{PROXY}'503'.", "(proxy): the proxy does not reach"),
        ("The response ended prematurely. (ResponseEnded)", "(closed)"),
        (f"{TLS}{CERTIFICATE}according to the validation procedure: RemoteCertificateNameMismatch", "another name"),
        (f"{TLS}{CERTIFICATE}because of errors in the certificate chain: NotTimeValid", "clock of the host"),
        (f"{TLS}{CERTIFICATE}because of errors in the certificate chain: UntrustedRoot", "a proxy that inspects TLS"),
        (f"{TLS}{CERTIFICATE}because of errors in the certificate chain: PartialChain", "a proxy that inspects TLS"),
        (f"{TLS} ---> System.IO.IOException: Received an unexpected EOF.", "a firewall cut"),
        ("System.Text.Json.JsonException: '<' is an invalid start of a value.", "(page)"),
    ],
)
@pytest.mark.parametrize("line", ["Failed to send to https://x/.", IDENTITY])
def test_the_advice_says_how_the_cloud_is_unreachable(exception, detail, line):
    cause, _message = find_cause([line, f"System.Net.Http.HttpRequestException: {exception}"])
    assert detail in cause.advice
    passes = ("(refused)", "(timeout)", "(closed)", "does not reach", "temporarily")
    assert cause.transient is any(one in detail + exception for one in passes)


def test_a_password_in_a_url_is_not_shown():
    line = "Failed to send to https://user:geheim@proxy.example.com/licenses/organization/x."
    console = timed(["fail: Bit.GetSelfHostedOrganizationLicenseQuery[12334]", f"      {line}"])
    (failure,) = find_failures(console)
    assert "geheim" not in failure.message
    assert "proxy.example.com" in failure.message


def test_lines_without_entry_or_time_are_no_entries():
    assert parse_entries("nonsense\n2026-11-22T10:00:00Z more nonsense\n") == []
    assert [entry.time for entry in parse_entries("fail: A[0]\n      x")] == [None]
