# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replaying starts: which environments the server lives with, and its console."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any, Dict, List, Sequence

from .data import CLOUD
from .recordings import Recording
from .report import FileReport
from .world import World

_MINUTE = 61
_PACE = 1.3
_SYNC = "/api/organizations/licenses/self-hosted/{}/sync"
_CONSOLE_CASES: Dict[str, Dict[str, Any]] = {
    "a license sync that succeeds": {},
    "installation key wrong": {"environment": {"globalSettings__installation__key": "wrong"}},
    "identity unreachable": {"environment": {"globalSettings__installation__identityUri": "http://localhost:9/"}},
    "a value that kills it at start": {"environment": {"globalSettings__enableCloudCommunication": "yes"}},
    "billing sync key wrong": {"billing_sync_key": "WrongBillingKey000000000000001"},
    "too many syncs from one address": {"syncs": 11},
}
_CHANGING = (
    (re.compile(r"SpanId:[0-9a-f]{16}, TraceId:[0-9a-f]{32}"), "SpanId:S, TraceId:T"),
    (re.compile(r"ConnectionId:\w{13}"), "ConnectionId:C"),
    (re.compile(r"RequestId:\w{13}:"), "RequestId:C:"),
    (re.compile(r"listening on: http://[\w.]+:\d+"), "listening on: ADDRESS"),
)
_POLLING = "Python-urllib/3.11"


def replay_starts(recording: Recording, world: World) -> FileReport:
    """Start in every recorded environment: does the server start, and what comes of a license sync."""
    report = FileReport(recording.name)
    world.start(with_connection=True)
    for number, case in enumerate(recording.items):
        environment = case["environment"]
        name = f"{number + 1}. {json.dumps(environment)}"
        report.add(name, _start(world, case, recording.items))
    return report


def replay_console(recording: Recording, world: World) -> FileReport:
    """Compare the console of the cases that the recording names."""
    report = FileReport(recording.name)
    world.start(with_connection=True)
    for name, lines in recording.items.items():
        case = _CONSOLE_CASES.get(name)
        report.add(name, ["no such case is known"] if case is None else _console(world, case, lines))
    return report


def _start(world: World, case: Dict[str, Any], every: Sequence[Dict[str, Any]]) -> List[str]:
    server = world.self_hosted
    environment = world.environment(case["environment"])
    if not case["starts"]:
        if server.start(environment):
            return ["recorded: dies at start; got: it runs"]
        differences = (
            [] if server.exit_status() == case["exit"] else [f"exit: {case['exit']}, got {server.exit_status()}"]
        )
        return differences + _missing_lines(case["log"], [line.strip() for line in server.console()])
    if not server.start(environment):
        return ["recorded: it runs; got: dies at start", *server.console()[:3]]
    world.advance(_MINUTE)
    got = {
        "connections_enabled": _get(world, "/api/organizations/connections/enabled"),
        "cloudRegion": _get(world, "/api/config")["environment"]["cloudRegion"],
        "license_sync": _sync(world),
    }
    allowed = [case, *(other for other in every if other["starts"])] if _has_twins(case["environment"]) else [case]
    if any(all(one[member] == got[member] for member in got) for one in allowed):
        return []
    return [f"{member}: recorded {case[member]}, got {got[member]}" for member in got if case[member] != got[member]]


def _console(world: World, case: Dict[str, Any], lines: List[str]) -> List[str]:
    server = world.self_hosted
    environment = world.environment(case.get("environment"))
    token = world.token("owner")
    if server.start(environment):
        key = case.get("billing_sync_key", world.data.values["cl_ent_key_billingsync"])
        server.control(
            "POST", "connections", {"organization": world.data.about["organization"], "billing_sync_key": key}
        )
        world.advance(_MINUTE)
        server.ask("GET", "/api/alive", {"User-Agent": _POLLING})
        for _count in range(case.get("syncs", 1)):
            world.advance(_PACE)
            server.ask("POST", _sync_path(world), {"Authorization": f"Bearer {token}"}, b"")
    got = [line.replace(world.cloud.url, CLOUD) for line in server.console()]
    differences = _missing_lines([_settled(line) for line in lines], [_settled(line) for line in got])
    failures = [sum(line.startswith("fail:") for line in one) for one in (lines, got)]
    if failures[0] != failures[1]:
        differences.append(f"failures logged: recorded {failures[0]}, got {failures[1]}")
    return differences


def _missing_lines(wanted: Sequence[str], got: Sequence[str]) -> List[str]:
    """Return the first recorded line that does not follow in the console; recordings leave lines out."""
    rest = iter(got)
    for line in wanted:
        if line not in rest:
            return [f"console: missing or out of order: {line}"]
    return []


def _settled(line: str) -> str:
    for pattern, text in _CHANGING:
        line = pattern.sub(text, line)
    return line


def _has_twins(environment: Dict[str, str]) -> bool:
    """Tell whether two names differ only in case: which one wins is undefined."""
    return len({name.lower() for name in environment}) < len(environment)


def _get(world: World, path: str) -> Any:
    answer = world.self_hosted.ask("GET", path, {"Authorization": f"Bearer {world.token('owner')}"})
    return json.loads(answer.body)


def _sync(world: World) -> List[Any]:
    answer = world.self_hosted.ask("POST", _sync_path(world), {"Authorization": f"Bearer {world.token('owner')}"}, b"")
    return [answer.status, None if answer.status == http.client.OK else json.loads(answer.body)["message"]]


def _sync_path(world: World) -> str:
    return _SYNC.format(world.data.about["organization"])
