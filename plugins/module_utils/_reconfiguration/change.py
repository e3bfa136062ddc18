# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A change of config.yml and of the certificate, planned together. Changes nothing."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional

from .._common.diff import Difference
from .._common.problem import Problem
from .._config_yml.document import NAME, ConfigDocument
from .._config_yml.keys import Value
from .._deployment.deployment import Deployment
from .._deployment.outcome import Outcome
from .._deployment.plan import STOPPED, Plan, Request, plan
from .certificate_plan import CertificatePlan, keys_of, plan_certificate
from .config_plan import plan_config, port_problems
from .kept_files import KeptFiles
from .served import published, served_now


class Change:
    """What a task asks of config.yml and of the certificate, and what an earlier run left of the same.

    ``config`` has the desired keys, ``files`` the contents for the certificate; None: not asked for.
    ``open_deployment`` opens the deployment again, after its files have changed.
    """

    def __init__(
        self,
        open_deployment: Callable[[], Deployment],
        request: Request,
        config: Optional[Mapping[str, Value]],
        files: Optional[Mapping[str, str]],
    ) -> None:
        """Plan it. Raises ``BitwardenError`` for what cannot be read; changes nothing."""
        self.open = open_deployment
        self.deployment = open_deployment()
        self.request = request
        self.warnings: List[str] = []
        self.kept = KeptFiles(self.deployment.bwdata)
        self.superseded = self._is_superseded()
        if self.superseded or (self.kept.left_over and self.kept.are_as_kept()):
            self.kept.left_over = False
        if self.kept.left_over:
            names = ", ".join(sorted(self._changed_before()))
            self.warnings.append(
                f"A run was cut off while it changed {names}. It is finished now, and rolled back if the server does "
                "not become healthy (see rollback)."
            )
        self.config = plan_config(self.deployment, config, self.kept, keys_of(files or {}))
        self.where = published(self.deployment, self.config.values)
        self.certificate: Optional[CertificatePlan] = None
        served = None
        if files is not None:
            served = None if self.config.rebuilds else served_now(self.where)
            self.certificate = plan_certificate(self.deployment, files, self.config.values, served)
        #: Whether nginx answered with TLS before this run.
        self.answered = served is not None
        self.warnings += self.config.warnings + (self.certificate.warnings if self.certificate else [])

    def _changed_before(self) -> List[str]:
        return [name for name in self.kept.files if name == NAME or name.startswith("ssl/")]

    def _is_superseded(self) -> bool:
        """Tell whether another process has changed config.yml since an earlier run was cut off."""
        kept = self.kept
        if not kept.left_over or not kept.rebuilds or NAME not in kept.files:
            return False
        with open(f"{self.deployment.bwdata}/{NAME}", "rb") as stream:
            now = ConfigDocument.parse(stream.read()).values()
        ours = [kept.written, kept.files[NAME].content or b""]
        if now in [ConfigDocument.parse(one).values() for one in ours]:
            return False
        self.warnings.append(
            "A run was cut off after it wrote config.yml, and another process has changed the file since. The content "
            "from before that run is kept as a backup beside it."
        )
        return True

    @property
    def restarts(self) -> bool:
        """Whether the server restarts because of it."""
        return self.config.rebuilds and self.request.state != STOPPED

    @property
    def needed(self) -> bool:
        """Whether anything is to be done."""
        return self.config.rebuilds or self.reloads or self.kept.left_over

    @property
    def reloads(self) -> bool:
        """Whether files of the certificate change, or nginx is to read them again."""
        return bool(self.certificate and self.certificate.reloads) or (
            self.kept.left_over and any(name.startswith("ssl/") for name in self.kept.files)
        )

    def problems(self) -> List[Problem]:
        """Return everything that speaks against it."""
        found = [*self.config.problems, *(self.certificate.problems if self.certificate else [])]
        if self.config.rebuilds:
            found += port_problems(self.deployment, self.deployment.inspect(), self.config)
        return found

    def plan(self) -> Plan:
        """Plan the rest of the run: the settings, and the state of the server. Raises as ``_deployment.plan`` does."""
        planned = plan(self.deployment, self.request, self.problems(), self.restarts)
        if self.config.difference:
            self.config.file.require_writable(self.config.to_write())
        if planned.file is not None and planned.writes:
            planned.file.file.require_writable(planned.file.plan)
        return planned

    def diff(self, planned: Plan) -> List[Dict[str, str]]:
        """Return Ansible's diffs, those of the settings and containers included."""
        found = self.config.diff() + (self.certificate.diff() if self.certificate else []) + planned.diff()
        if self.restarts and not planned.difference:
            stack = Difference()
            after = "rebuilt" if planned.stack.stopped else "rebuilt; all services restart (about a minute of downtime)"
            stack.compare("stack", "on the generated files as they are", after)
            found.append(stack.diff("containers"))
        return found

    def predicted(self, planned: Plan) -> Dict[str, Any]:
        """Return the result of check mode."""
        result = Outcome(planned).result()
        return self.completed(
            {
                **result,
                "changed": result["changed"] or self.needed,
                "restarted": result["restarted"] or self.restarts,
            }
        )

    def completed(self, result: Dict[str, Any]) -> Dict[str, Any]:
        """Return a result with what is told of config.yml and certificate, and with the warnings."""
        certificate = self.certificate
        told = {**certificate.result(), "changed": certificate.reloads} if certificate else None
        return {
            **result,
            "config": {"changes": self.config.difference.summary(), "rebuilt": self.config.rebuilds},
            "certificate": told,
            "warnings": [*self.warnings, *result.get("warnings", [])],
        }
