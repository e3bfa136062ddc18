# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replaying a file of exchanges."""

from __future__ import annotations

import http.client
import json
import re
from typing import Any, Dict, List, Set
from urllib.parse import urlencode

import jwt
from standin.json_input import EMPTY_GUID

from .compare import Comparison
from .license_texts import NotUnderstood, text_of, with_broken_signature
from .recordings import Recording
from .report import FileReport, Omission
from .servers import Answer
from .values import Values
from .world import World

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_OPEN_PORT = re.compile(r"http://localhost(:\d+)?")
_DISCOVERY = "/.well-known/openid-configuration"
_LOG_CUT_AT = 6
_ITEM_MEMBERS = {"name", "as", "given", "request", "response", "api_log", "job", "log", "exists", "note"}
_RESPONSE_MEMBERS = {
    "status",
    "headers",
    "json",
    "text",
    "subset",
    "delay_seconds",
    "cold_start",
    "license_token_claims",
}


class Replay:
    """One file against one world."""

    def __init__(self, recording: Recording, world: World, values: Values, omitted: List[Omission]) -> None:
        self._recording = recording
        self._world = world
        self._values = values
        self._omitted = {one.name: one for one in omitted if one.file == recording.name}
        self._known_ids = self._ids()

    def run(self) -> FileReport:
        """Replay every exchange, in order."""
        report = FileReport(self._recording.name)
        for number, item in enumerate(self._recording.items):
            name = f"{number + 1}. {item['name']}"
            try:
                differences = self._item(item)
            except NotUnderstood as error:
                differences = [str(error)]
            except (LookupError, TypeError, OSError, http.client.HTTPException) as error:
                differences = [f"cannot be replayed: {error!r}"]
            if item["name"] in self._omitted:
                report.omitted.append(self._omitted[item["name"]])
            else:
                report.add(name, differences)
        self._world.give({})
        return report

    def _item(self, item: Dict[str, Any]) -> List[str]:
        unknown = set(item) - _ITEM_MEMBERS
        if unknown:
            raise NotUnderstood(f"exchange with {', '.join(sorted(unknown))}")
        given = item.get("given", {})
        self._world.give(given)
        if "exists" in item:
            exists = self._world.license_file().exists()
            return [] if exists == item["exists"] else [f"license file exists: recorded {item['exists']}, got {exists}"]
        self._world.pass_time(item["name"], given)
        if "job" in item:
            return self._job(item)
        return self._exchange(item)

    def _job(self, item: Dict[str, Any]) -> List[str]:
        log = self._world.self_hosted.control("POST", f"jobs/{item['job']}", {})["log"]
        comparison = self._comparison()
        comparison.log(item["log"], self._world.recorded_texts(log))
        return comparison.differences

    def _exchange(self, item: Dict[str, Any]) -> List[str]:
        request, expected = item["request"], item["response"]
        unknown = set(expected) - _RESPONSE_MEMBERS
        if unknown:
            raise NotUnderstood(f"response with {', '.join(sorted(unknown))}")
        headers, body = self._headers(item), self._body(request)
        face = self._world.face(request["base"])
        service = request["base"].rpartition("_")[2]
        path = f"/{service}{self._path(request['path'])}"
        before = self._world.self_hosted.control("GET", "log")["next"] if "api_log" in item else 0
        answer = face.ask(request["method"], path, headers, body)
        comparison = self._comparison(request["method"])
        comparison.status(expected["status"], answer.status)
        self._compare_body(comparison, request, expected, answer)
        delay = (face.control("GET", "requests?last=1") or [{}])[-1].get("deliberate_delay", 0)
        if delay != expected.get("delay_seconds", 0):
            comparison.differences.append(f"delay on purpose: recorded {expected.get('delay_seconds', 0)}, got {delay}")
        if "api_log" in item:
            lines = self._world.self_hosted.control("GET", f"log?after={before}")["lines"]
            texts = self._world.recorded_texts([line["line"] for line in lines])
            comparison.log(item["api_log"], texts, _LOG_CUT_AT)
        return comparison.differences

    def _compare_body(
        self, comparison: Comparison, request: Dict[str, Any], expected: Dict[str, Any], answer: Answer
    ) -> None:
        if "subset" not in expected:
            comparison.headers(expected.get("headers", {}), answer.headers)
        if "json" not in expected:
            comparison.json(expected.get("text", ""), answer.body.decode("utf-8", errors="replace"))
            return
        try:
            got = json.loads(answer.body)
        except ValueError:
            comparison.differences.append(f"body: recorded JSON, got {answer.body[:100]!r}")
            return
        wanted = expected["json"]
        if "subset" in expected:
            got = self._subset(wanted, got)
        if request["path"] == _DISCOVERY:
            # Which ports a test machine had says nothing.
            wanted, got = (json.loads(_OPEN_PORT.sub("http://localhost", json.dumps(one))) for one in (wanted, got))
        comparison.json(wanted, got)
        if "license_token_claims" in expected and isinstance(got, dict) and isinstance(got.get("token"), str):
            claims = jwt.decode(got["token"], options={"verify_signature": False})
            comparison.claims(expected["license_token_claims"], claims)

    def _subset(self, wanted: Any, got: Any) -> Any:
        """Return, of each item of ``data`` that is about the organization, the fields that were recorded."""
        members = set().union(*wanted) if isinstance(wanted, list) else set()
        items = got.get("data", []) if isinstance(got, dict) else []
        own = [item for item in items if item.get("id") == self._world.data.about["organization"]]
        return [{name: value for name, value in item.items() if name in members} for item in own]

    def _headers(self, item: Dict[str, Any]) -> Dict[str, str]:
        headers = {"Host": "localhost"}
        for name, value in item["request"].get("headers", {}).items():
            # A JWT that a recording shows in a request is the owner's token, spoiled.
            headers[name] = self._values.fill(value.replace("{{jwt}}", self._spoiled_token(value)))
        if "as" in item:
            headers["Authorization"] = f"Bearer {self._world.token(item['as'])}"
        return headers

    def _spoiled_token(self, value: str) -> str:
        return with_broken_signature(self._world.token("owner")) if "{{jwt}}" in value else ""

    def _path(self, path: str) -> str:
        token = "{{access_token}}"
        return str(self._values.fill(path.replace(token, self._world.token("owner")) if token in path else path))

    def _body(self, request: Dict[str, Any]) -> Any:
        if "json" in request:
            return json.dumps(self._values.fill(request["json"])).encode()
        if "form" in request:
            return urlencode(self._values.fill(request["form"])).encode()
        if "raw" in request:
            text = request["raw"].replace("{{jwt}}", "x.y.z")
            return str(self._values.fill(text)).encode()
        if "multipart" in request:
            boundary = request["headers"]["Content-Type"].partition("boundary=")[2].encode()
            parts = [self._part(part) for part in request["multipart"]]
            return (
                b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
            )
        return None

    def _part(self, part: Dict[str, Any]) -> bytes:
        head = f'Content-Disposition: form-data; name="{part["name"]}"'
        if part.get("filename"):
            head += f'; filename="{part["filename"]}"'
        if part.get("type"):
            head += f"\r\nContent-Type: {part['type']}"
        data = part["data"]
        text = (
            text_of(self._world.data, data, self._world.now)
            if "license" in data
            else str(self._values.fill(data)).encode()
        )
        return head.encode() + b"\r\n\r\n" + text

    def _comparison(self, method: str = "") -> Comparison:
        return Comparison(self._values, self._known_ids, self._world.data.recorded_at, method)

    def _ids(self) -> Set[str]:
        """Return the ids that must come back as they are: those the recording tells, and those its requests send."""
        texts = [json.dumps(self._recording.about), self._world.data.cloud_families, EMPTY_GUID]
        texts += [json.dumps(item.get("request", {})) for item in self._recording.items]
        return set(_GUID.findall(" ".join(texts)))
