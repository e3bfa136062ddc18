# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is returned: one check for each thing examined, and what follows from all of them."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional

from .failures import Outcome

HOST, CONTAINER = "host", "container"


class Check(NamedTuple):
    """One thing that was examined; ``counts`` is false for what the server does not depend on."""

    name: str
    where: str
    target: str
    outcome: Outcome
    counts: bool = True

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong. What was skipped is not wrong."""
        return self.outcome.ok or self.outcome.skipped

    @property
    def line(self) -> str:
        """The check as one readable line."""
        where = f"{self.name} from the {self.where} ({self.target})"
        return f"{where}: {self.outcome.detail}. {self.outcome.advice}".rstrip()

    def result(self, mask: Callable[[str], str]) -> Dict[str, Any]:
        """Return the check as the module does."""
        seen = self.outcome
        texts = {"target": self.target, "detail": seen.detail, "advice": seen.advice}
        facts = {"name": self.name, "from": self.where, "ok": self.ok, "layer": seen.layer, "skipped": seen.skipped}
        return {**facts, **{key: mask(text) for key, text in texts.items()}}


class Installation(NamedTuple):
    """What the cloud says about the installation; ``None`` where nothing is known."""

    id: Optional[str]
    known_in: Optional[str] = None
    enabled: Optional[bool] = None
    credentials_ok: Optional[bool] = None


class Report(NamedTuple):
    """Everything that was found. Only ``result`` is masked."""

    checks: List[Check]
    installation: Installation
    region: str

    @property
    def problems(self) -> List[str]:
        """One line for each failure that the server depends on."""
        return [check.line for check in self.checks if not check.ok and check.counts]

    def result(self, mask: Callable[[str], str]) -> Dict[str, Any]:
        """Return the module's values; ``mask`` hides secrets in a text."""
        checks, problems = [check.result(mask) for check in self.checks], [mask(line) for line in self.problems]
        certain = [mask(check.line) for check in self.checks if check.outcome.certain]
        found = {"checks": checks, "ok": not problems, "problems": problems, "certain": certain}
        return {**found, "region": mask(self.region), "installation": self.installation._asdict()}
