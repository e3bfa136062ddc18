# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing answers with recorded ones: member by member, changing values by their kind."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Iterable, List, Optional, Set

from .values import PLACEHOLDER, Values

TELLING_HEADERS = ("content-type", "www-authenticate", "retry-after", "cache-control", "pragma")
_GUID = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_DATE = re.compile(r"^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d{1,7})?(Z|[+-]\d{2}:\d{2})?$")
_CLAIM_DATE = re.compile(r"^(\d{2})/(\d{2})/(\d{4}) \d{2}:\d{2}:\d{2}$")
_KEY_IDS = re.compile(r"KeyId: '[0-9A-F]{40}', InternalId: '[\w-]+'")
_OPEN_ORDER = ("TwoFactorProviders",)
_RETRY_TOLERANCE = 2
_TIME_CLAIMS = ("nbf", "iat", "exp")
_SHOWN = 200


class Comparison:
    """Collects the differences of one answer."""

    def __init__(self, values: Values, known_ids: Set[str], recorded_at: datetime, method: str = "") -> None:
        self._values = values
        self._known_ids = known_ids
        self._run = (recorded_at - timedelta(days=2), recorded_at + timedelta(days=2))
        self._method = method
        self.differences: List[str] = []

    def status(self, expected: int, got: int) -> None:
        """Compare the status line's number."""
        if expected != got:
            self._differ("status", expected, got)

    def headers(self, expected: Dict[str, str], got: Dict[str, str]) -> None:
        """Compare the telling headers: those recorded, and no others of them."""
        for name in TELLING_HEADERS:
            wanted, found = expected.get(name), got.get(name)
            if name == "retry-after" and wanted and found and found.isdigit():
                if abs(int(wanted) - int(found)) > (_RETRY_TOLERANCE if int(wanted) > 1 else 0):
                    self._differ(name, wanted, found)
            elif (wanted or "").lower() != (found or "").lower():
                self._differ(name, wanted, found)

    def json(self, expected: Any, got: Any, path: str = "body") -> None:
        """Compare a JSON value."""
        if isinstance(expected, str):
            self._text(expected, got, path)
        elif isinstance(expected, dict) and isinstance(got, dict):
            for name in sorted(set(expected) | set(got)):
                if name not in got:
                    self._differ(f"{path}.{name}", expected[name], "(absent)")
                elif name not in expected:
                    self._differ(f"{path}.{name}", "(absent)", got[name])
                elif name in _OPEN_ORDER and isinstance(got[name], list):
                    self.json(sorted(expected[name]), sorted(got[name]), f"{path}.{name}")
                elif name == "scope" and isinstance(got[name], str):
                    self.json(sorted(expected[name].split()), sorted(got[name].split()), f"{path}.{name}")
                else:
                    self.json(expected[name], got[name], f"{path}.{name}")
        elif isinstance(expected, list) and isinstance(got, list):
            if len(expected) != len(got):
                self._differ(f"{path} (length)", len(expected), len(got))
            for number, (one, other) in enumerate(zip(expected, got)):
                self.json(one, other, f"{path}[{number}]")
        elif type(expected) is not type(got) or expected != got:
            self._differ(path, expected, got)

    def claims(self, expected: Dict[str, Any], got: Dict[str, Any]) -> None:
        """Compare the claims of a license token; its times by the life they give it."""
        times = {name: (expected.get(name), got.get(name)) for name in _TIME_CLAIMS}
        rest = [{name: value for name, value in one.items() if name not in _TIME_CLAIMS} for one in (expected, got)]
        self.json(rest[0], rest[1], "license token")
        lives = [
            one["exp"] - one["iat"] if all(isinstance(one.get(name), int) for name in _TIME_CLAIMS) else None
            for one in (expected, got)
        ]
        if lives[0] != lives[1]:
            self._differ("license token (life)", times, lives)

    def log(self, expected: List[str], got: Iterable[str], cut_at: Optional[int] = None) -> None:
        """Compare log lines; stack frames and blank lines were not recorded, and only the first ``cut_at`` lines."""
        lines = [line.strip() for line in got]
        lines = [line for line in lines if line and not line.startswith("at ")]
        if cut_at is not None and len(expected) == cut_at:
            lines = lines[:cut_at]
        if [line.strip() for line in expected] != lines:
            self._differ("log", expected, lines)

    def _text(self, expected: str, got: Any, path: str) -> None:
        whole = PLACEHOLDER.fullmatch(expected)
        if whole:
            if not self._values.matches(whole.group(1), got, self._method):
                self._differ(path, expected, got)
            return
        if not isinstance(got, str) or (
            not self._same_kind(expected, got) and _KEY_IDS.sub("KEY", expected) != _KEY_IDS.sub("KEY", got)
        ):
            self._differ(path, expected, got)

    def _same_kind(self, expected: str, got: str) -> bool:
        """Tell whether the text changes from run to run and is of the same kind: an id, a date of the run."""
        if _GUID.match(expected) and expected not in self._known_ids:
            return bool(_GUID.match(got)) and got not in self._known_ids and self._values.stands_for(expected, got)
        one, other = _DATE.match(expected), _DATE.match(got)
        if one and self._in_the_run(one.group(1)):
            return bool(other and one.group(2) == other.group(2) and self._in_the_run(other.group(1)))
        one, other = _CLAIM_DATE.match(expected), _CLAIM_DATE.match(got)
        if one and self._in_the_run("-".join(one.group(3, 1, 2))):
            return bool(other and self._in_the_run("-".join(other.group(3, 1, 2))))
        return False

    def _in_the_run(self, date: str) -> bool:
        moment = datetime.strptime(date, "%Y-%m-%d").replace(tzinfo=timezone.utc)
        return self._run[0] <= moment <= self._run[1]

    def _differ(self, path: str, expected: Any, got: Any) -> None:
        self.differences.append(f"{path}: recorded {str(expected)[:_SHOWN]!r}, got {str(got)[:_SHOWN]!r}")
