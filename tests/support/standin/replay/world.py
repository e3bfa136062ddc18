# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both faces as one file of recordings needs them: state, clock, environment, tokens."""

from __future__ import annotations

import http.client
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Dict, Mapping, Optional
from urllib.parse import urlencode

from standin import clock

from .data import ACCOUNTS, CLOUD, Data
from .license_texts import NotUnderstood, file_in_state
from .servers import StandIn

# Deliberate delays are checked by what the server notes, not by the clock on the wall.
_OPTIONS = {"STANDIN_DELAY_SCALE": "0"}
_TOKEN_LIFE = timedelta(minutes=45)
# The recordings were made unhurried where they do not say otherwise; slow enough for every limit of the cloud.
_USUAL_PACE = 7.0
_PACES = (
    (re.compile(r"\bat once\b"), 0.0),
    (re.compile(r"\bone every (\d+(?:\.\d+)?) s\b"), None),
    (re.compile(r"\bwithin a minute\b"), 1.3),
)
_SEPARATE_CLOUD = re.compile(r"^cloud_")
_VERSION_HEADER = {"Bitwarden-Client-Version": "2026.8.0"}
_DEVICE = {"deviceType": "25", "deviceIdentifier": "11111111-2222-3333-4444-555555555555", "deviceName": "replay"}


class World:
    """A self-hosted server and its cloud, with their data under ``folder``."""

    def __init__(self, data: Data, folder: Path) -> None:
        self.data = data
        self.folder = folder
        self.self_hosted = StandIn("self-hosted", folder / "self-hosted", _OPTIONS)
        self.cloud = StandIn("cloud", folder / "cloud", _OPTIONS)
        self.now = data.recorded_at
        self._tokens: Dict[str, tuple[str, datetime]] = {}
        self._environment: Dict[str, str] = {}
        self._license_state: Optional[str] = None
        self._license_texts: tuple[Optional[bytes], Optional[bytes]] = (None, None)

    def start(
        self, self_hosted_from: Optional[Path] = None, cloud_from: Optional[Path] = None, with_connection: bool = False
    ) -> None:
        """Start both faces on the data that earlier files left, or on fresh data."""
        self.self_hosted.begin_from(self_hosted_from)
        self.cloud.begin_from(cloud_from)
        self._tokens.clear()
        self.cloud.launch({"globalSettings__baseServiceUri__vault": CLOUD}, self.data.cloud_seed())
        self.self_hosted.launch(self.environment(), self.data.self_hosted_seed(with_connection))
        if not (self.cloud.wait() and self.self_hosted.wait()):
            raise RuntimeError(f"the stand-in dies: {self.cloud.console()} {self.self_hosted.console()}")
        shift = max(face.control("POST", "clock", {})["shift"] for face in (self.self_hosted, self.cloud))
        self._set_clock({"shift": shift})

    def stop(self) -> None:
        """End both faces; their data stays."""
        self.self_hosted.stop()
        self.cloud.stop()

    def environment(self, given: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
        """Return the self-hosted server's settings; ``given`` replaces some (in any case), the cloud as recorded."""
        given = given or {}
        names = {name.replace(":", "__").lower() for name in given}
        usual = {
            name: value for name, value in self.data.environment(self.cloud.url).items() if name.lower() not in names
        }
        return {**usual, **{name: value.replace(CLOUD, self.cloud.url) for name, value in given.items()}}

    def give(self, given: Mapping[str, Any]) -> None:
        """Bring about what an exchange needs beside its request, and undo what the last one had."""
        unknown = set(given) - {"license_file", "environment", "pause_seconds"}
        if unknown:
            raise NotUnderstood(f"given: {', '.join(sorted(unknown))}")
        environment = given.get("environment", {})
        if environment != self._environment:
            self._environment = environment
            if not self.self_hosted.start(self.environment(environment)):
                raise NotUnderstood(f"the server dies with {environment}")
        self._give_license_file(given.get("license_file"))

    def license_file(self) -> Path:
        """Return the license file of the organization that the recordings are about."""
        return self.self_hosted.data / "licenses" / "organization" / f"{self.data.about['organization']}.json"

    def pass_time(self, name: str, given: Mapping[str, Any]) -> None:
        """Let the servers' clocks run on by the pace at which the exchange was recorded."""
        seconds = float(given.get("pause_seconds", 0))
        for pattern, pace in _PACES:
            match = pattern.search(name)
            if match:
                seconds += float(match.group(1)) if pace is None else pace
                break
        else:
            seconds += _USUAL_PACE
        if seconds:
            self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Set the servers' clocks forward; by themselves they stand still."""
        self._set_clock({"advance": seconds})

    def face(self, base: str) -> StandIn:
        """Return the face that a request's base names."""
        return self.cloud if _SEPARATE_CLOUD.match(base) else self.self_hosted

    def recorded_texts(self, lines: list[str]) -> list[str]:
        """Return log lines with the cloud's address as recorded."""
        return [line.replace(self.cloud.url, CLOUD) for line in lines]

    def token(self, account: str) -> str:
        """Return an access token of the account: used again for its life, as a client would."""
        found = self._tokens.get(account)
        now = self.now
        if found is None or now - found[1] > _TOKEN_LIFE:
            found = (self._login(account), now)
            self._tokens[account] = found
        return found[0]

    def _set_clock(self, change: Dict[str, float]) -> None:
        self.cloud.control("POST", "clock", change)
        self.now = clock.parse(self.self_hosted.control("POST", "clock", change)["now"])

    def _login(self, account: str) -> str:
        face = self.cloud if account.startswith(("cloud ", "installation")) else self.self_hosted
        form = {"grant_type": "client_credentials", **self._credentials(account)}
        headers = {"Content-Type": "application/x-www-form-urlencoded", **_VERSION_HEADER}
        answer = face.ask("POST", "/identity/connect/token", headers, urlencode(form).encode())
        if answer.status != http.client.OK:
            raise NotUnderstood(f"login as {account}: {answer.status} {answer.body!r}")
        token: str = json.loads(answer.body)["access_token"]
        return token

    def _credentials(self, account: str) -> Dict[str, str]:
        about, values = self.data.about, self.data.values
        installation = re.fullmatch(r"installation \(([\w.]+)\)", account)
        if installation:
            client, secret, scope = (
                f"installation.{about['installation']}",
                values["installation_key"],
                installation.group(1),
            )
        elif account == "organization key":
            client, secret, scope = (
                f"organization.{about['organization']}",
                values["sh_ent_key_default"],
                "api.organization",
            )
        elif account in ACCOUNTS:
            return {
                "client_id": self.data.client_id(account),
                "client_secret": values[ACCOUNTS[account].api_key],
                "scope": "api",
                **_DEVICE,
            }
        else:
            raise NotUnderstood(f"account: {account}")
        return {"client_id": client, "client_secret": secret, "scope": scope}

    def _give_license_file(self, state: Optional[str]) -> None:
        if state == self._license_state:
            return
        file = self.license_file()
        good, bad = self._license_texts
        if self._license_state is not None and good is not None and _read(file) == bad:
            file.write_bytes(good)
        self._license_state = state
        if state is None:
            return
        good = file.read_bytes()
        bad = file_in_state(good, state)
        self._license_texts = (good, bad)
        if bad is None:
            file.unlink()
        else:
            file.write_bytes(bad)


def _read(file: Path) -> Optional[bytes]:
    return file.read_bytes() if file.exists() else None
