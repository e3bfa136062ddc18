# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a change of config.yml and certificate: files kept, written, rebuilt, started, proven, or restored."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, List, Optional, Sequence

from .._certificates.pem import read_certificate
from .._common import atomic_file
from .._common.errors import EXPECTED, Terminated, message_of
from .._compose.composition import Service
from .._config_yml.document import NAME
from .._config_yml.keys import path_below_bwdata
from .._deployment.apply import apply
from .._deployment.health_wait import UnhealthyError
from .._deployment.journal import Journal
from .._deployment.outcome import Outcome
from .._deployment.plan import STOPPED, Plan, Request, StateError, plan
from .._docker.containers import Container
from .._docker.running import running_container
from .._settings.override_file import FILES
from .certificate_plan import write
from .change import Change
from .config_plan import lost_comments
from .generated import FILES as GENERATED
from .generated import Generated
from .served import SilentError, prove, reload

_SHOWN = 3


def apply_change(change: Change, planned: Plan, journal: Journal) -> Dict[str, Any]:
    """Carry a change out, and the plan of the settings with it. Return the result. Raises ``StateError``."""
    steps = Steps(change, planned, journal)
    if change.superseded:
        change.config.file.back_up(change.kept.files[NAME].content or b"")
    if not change.kept.left_over and change.kept.files:
        change.kept.close()
    try:
        return change.completed(steps.run())
    except (StateError, Terminated) as error:
        error.keys = change.completed({**steps.keys(), **error.keys})
        raise


class Steps:
    """One change being carried out."""

    def __init__(self, change: Change, planned: Plan, journal: Journal) -> None:
        self.change = change
        self.planned = planned
        self.journal = journal
        self.request = change.request
        self.kept = change.kept
        self._result: Dict[str, Any] = {}
        #: Whether a file was written, whether it still differs, and whether containers may be other ones than before.
        self._has_written = self._written = self._restarted = self._rolled_back = False
        self._backup: Optional[str] = None
        self._warnings: List[str] = []

    def keys(self) -> Dict[str, Any]:
        """Return the result so far, for a failure."""
        found = {**self._result} or Outcome(self.planned).result()
        found.update(self._told())
        found["changed"] = self._written or self._restarted or bool(self._result.get("changed"))
        found["restarted"] = self._has_restarted()
        return found

    def _has_restarted(self) -> bool:
        started = self._restarted and self.request.state != STOPPED
        return started or bool(self._result.get("restarted"))

    def _told(self) -> Dict[str, Any]:
        return {
            "changes": self.planned.changes() if self._has_written or self._result.get("changes") else [],
            "stale_services": self.planned.stack.stale(),
            "rolled_back": self._rolled_back or bool(self._result.get("rolled_back")),
            "warnings": [*self._warnings, *self._result.get("warnings", [])],
            "backup_file": self._backup or self._result.get("backup_file"),
        }

    def run(self) -> Dict[str, Any]:
        """Carry the change out and return the result. Raises ``StateError``."""
        if not self.change.needed:
            return apply(self.planned, journal=self.journal).result()
        self._prepare()
        try:
            self._carry_out()
        except EXPECTED as error:
            if isinstance(error, StateError):
                self._result.update(error.keys)
            raise StateError(self._after_failure(self.planned.mask(message_of(error)))) from error
        self.kept.close()
        return {
            **self._result,
            **self._told(),
            "changed": True,
            "restarted": self._has_restarted(),
        }

    def _prepare(self) -> None:
        """Do what can fail before anything is changed, and keep the files. Raises ``StateError``."""
        change = self.change
        targets = change.certificate.targets if change.certificate else []
        for folder in {change.deployment.bwdata, *(os.path.dirname(one.path) for one in targets)}:
            atomic_file.remove_stale(folder, exclusive=True)
        try:
            names = [one.name for one in targets]
            if change.config.rebuilds:
                self._pull_setup()
                names += [one for one in GENERATED if os.path.exists(os.path.join(change.deployment.bwdata, one))]
                before = {f"env/{FILES[name]}": one.before for name, one in self.journal.unproven.items()}
                self.kept.keep(names, change.config.after, before)
                for name in list(self.journal.unproven):
                    self.journal.forget(name)
            else:
                self.kept.keep(names)
        except EXPECTED as error:
            raise StateError(f"{self.planned.mask(message_of(error))} Nothing was changed.") from error

    def _pull_setup(self) -> None:
        """Have the image of the setup tool local before the server is taken down."""
        deployment, image = self.change.deployment, self.change.config.setup_image
        if not image or not deployment.without_image({"setup": Service("setup", image, {})}):
            return
        pulled = deployment.commands.run([deployment.engine.docker, "pull", image], self.request.wait_timeout)
        if pulled.rc != 0:
            raise UnhealthyError(f"{image}, which rebuilds the server, is not local. {pulled.told('docker pull')}")

    def _carry_out(self) -> None:
        change, certificate = self.change, self.change.certificate
        nginx = None if change.config.rebuilds else self._running_nginx()
        if certificate and certificate.targets:
            self._has_written = self._written = True
            write(certificate.targets, change.deployment.bwdata)
        if change.config.rebuilds:
            self._rebuild()
            self._start(restart=False)
        elif nginx is not None and self.request.state != STOPPED:
            reload(change.deployment, nginx)
            self._has_written = self._written = True
            self._prove()
            self.kept.close()
            self._start()
            return
        else:
            self._start()
        if self.request.state != STOPPED and self.request.wait:
            self._prove()

    def _running_nginx(self) -> Optional[Container]:
        return running_container(self.planned.stack.containers, "nginx")

    def _rebuild(self) -> None:
        """Write settings and config.yml, and have bitwarden.sh generate its files. Raises ``UnhealthyError``."""
        config, planned, request = self.change.config, self.planned, self.request
        self._has_written = self._written = True
        if planned.file is not None and planned.writes:
            self._backup = planned.file.file.write(planned.file.plan, request.backup, request.backup_count)
        if config.difference:
            config.file.write(config.to_write(), request.backup, request.backup_count)
        self.change.deployment.require_own_scope()
        self._restarted = True
        command = self.change.deployment.script.run("rebuild")
        document = config.file.document()
        now, deployment = document.values(), self.change.open()
        wrong = {name for name, value in config.values.items() if now[name] != value}
        wrong |= set(Generated.read(deployment, now).deviations(now)) & {
            *config.deviations,
            *(change.key for change in config.difference.changes),
        }
        if wrong or command.rc != 0:
            left = f" and left what does not follow config.yml ({', '.join(sorted(wrong))})" if wrong else ""
            raise UnhealthyError(f"bitwarden.sh rebuild {command.ending}{left}; {command.last_words}")
        lost = lost_comments(config.after, config.file.read_bytes())
        if lost:
            self._warnings.append(f"The setup tool dropped comments from {NAME}: {_some(lost)}.")

    def _start(self, restart: bool = True) -> None:
        """Bring the server to the requested state, and wait until it is healthy. Raises ``StateError``."""
        if restart:
            self._result = apply(self.planned, journal=self.journal).result()
            return
        deployment = self.change.open()
        # What goes wrong is rolled back here, with config.yml.
        planned = plan(deployment, self.request._replace(rollback=False, backup=False))
        self._result = apply(planned, journal=Journal(deployment.bwdata)).result()

    def _prove(self) -> None:
        """Have nginx itself show that it serves the certificate on the disk. Raises ``ServedError``."""
        change, certificate = self.change, self.change.certificate
        if change.where is None:
            if certificate:
                self._warnings.append(
                    "What nginx serves was not checked: https_port in config.yml publishes no port on this host."
                )
            return
        try:
            if certificate:
                prove(change.where, certificate.certificate.fingerprint)
            elif change.reloads:
                path = path_below_bwdata(str(change.config.values["ssl_certificate_path"]))
                with open(os.path.join(change.deployment.bwdata, path or ""), encoding="utf-8") as stream:
                    prove(change.where, read_certificate(stream.read()).fingerprint)
        except SilentError as error:
            if change.answered:
                raise
            # Nor did anyone answer before: docker-compose.override.yml may publish another port.
            self._warnings.append(f"What nginx serves was not checked. {error}")

    def _after_failure(self, reason: str) -> str:
        """Return the message of a failure, after the files were restored where that is asked for."""
        if not self.kept.files:
            return reason  # what was changed is proven, and something else went wrong
        what = " and ".join(
            filter(
                None, [NAME if self.change.config.rebuilds else "", "the certificate" if self.change.reloads else ""]
            )
        )
        if not self.request.rollback:
            self.kept.close()
            return f"{reason} What this run wrote ({what}) was left in place (rollback=false)."
        try:
            self._roll_back()
        except EXPECTED as error:
            done = "were rolled back" if self._rolled_back else "could not be rolled back"
            return f"{reason} The files ({what}) {done}, but then: {self.planned.mask(message_of(error))}"
        running = "" if self.request.state == STOPPED else "; the server is running on the old ones"
        return f"{reason} The files ({what}) were rolled back{running}."

    def _roll_back(self) -> None:
        change, begun = self.change, self._restarted or not self.planned.stack.of("nginx")
        if begun:
            deployment = change.open()
            with contextlib.suppress(*EXPECTED):
                # On the new files still: it knows the services that only those have.
                deployment.require_own_scope()
                deployment.project.down()
        self.kept.restore()
        self._rolled_back, self._written = True, False
        self.kept.close()
        if self.request.state == STOPPED:
            return
        nginx = self._running_nginx()
        if not begun and nginx is not None:
            reload(change.deployment, nginx)
            return
        again = Request(wait=self.request.wait, wait_timeout=self.request.wait_timeout, pull=False, rollback=False)
        deployment = change.open()
        self._restarted = True
        self._result.update(apply(plan(deployment, again), journal=Journal(deployment.bwdata)).result())


def _some(comments: Sequence[str]) -> str:
    left = len(comments) - _SHOWN
    return "; ".join(comments[:_SHOWN]) + (f"; and {left} more" if left > 0 else "")
