# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server once it is installed: started as module ``server`` starts it, and the result of the run."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Dict, List, Mapping, Optional

from .._common.errors import EXPECTED, Terminated, result_of
from .._common.setting_names import INSTALLATION_ID
from .._config_yml.document import ConfigDocument
from .._config_yml.keys import host_name_of
from .._deployment.apply import apply
from .._deployment.deployment import Deployment
from .._deployment.journal import open_journal
from .._deployment.outcome import Outcome
from .._deployment.plan import Plan, Request, StateError, plan
from .._settings.override_file import OverrideFile
from .._settings.types import guid_text
from .data_folder import CONFIG
from .plan import InstallPlan

_KEPT = ("services", "version", "restarted")


class Installed:
    """One run: the installation was made, or was there before; ``start`` and ``wait`` are the options."""

    def __init__(self, planned: InstallPlan, start: bool, wait: bool) -> None:
        self.planned = planned
        self.request = planned.request
        self._start, self._wait = start, wait
        # Before anything is made.
        self._difference = planned.difference()
        self._server: Dict[str, Any] = {}
        self._diff: List[Dict[str, str]] = []
        self.warnings: List[str] = []

    def predict(self, environ: Mapping[str, str]) -> None:
        """Find out whether a server that is installed would be started. Raises what module ``server`` raises."""
        if self._start:
            self._note(Outcome(self._plan(environ)).result())

    def start(self, environ: Mapping[str, str], lock: int) -> None:
        """Start the server where it is to run, and wait until it is healthy. Raises ``StateError`` with the result."""
        if not self._start:
            return
        try:
            planned = self._plan(environ)
            planned.deployment.commands.inherited = (lock,)
            journal = open_journal(self.request.bwdata, self.warnings.append, check_mode=False)
            self._note(apply(planned, journal=journal).result())
        except Terminated as signal:
            self._note(signal.keys)
            signal.keys = self.result(False)
            raise
        except EXPECTED as error:
            failed = result_of(error)
            self._note(failed)
            message = failed["msg"]
            if self.planned.changed:
                message = f"The server is installed, but not healthy: {message} Run again once it is corrected."
            raise StateError(message, self.result(False)) from error

    def _plan(self, environ: Mapping[str, str]) -> Plan:
        request = self.request
        deployment = Deployment(request.bwdata, request.script, environ, request.timeout)
        state = Request(wait=self._wait, wait_timeout=request.timeout, pull=request.pull)
        planned = plan(deployment, state)
        self._diff = planned.diff() if planned.changed else []
        return planned

    def _note(self, result: Mapping[str, Any]) -> None:
        self._server = {name: result[name] for name in ("changed", *_KEPT) if name in result}
        self.warnings += result.get("warnings", [])

    def result(self, with_diff: bool) -> Dict[str, Any]:
        """Return the module's return values."""
        planned, request = self.planned, self.request
        folder = planned.folder
        changed = planned.changed or bool(self._server.get("changed"))
        found: Dict[str, Any] = {
            "changed": changed,
            "installed": planned.changed,
            "version": planned.version,
            "url": request.url if planned.changed else self._installed_url(),
            "bwdata": request.bwdata,
            "script": request.script,
            "removed": [*folder.stages, *folder.leftovers] if planned.changed and not folder.complete else [],
            "restarted": planned.changed and self._start,
            **{name: self._server[name] for name in _KEPT if name in self._server},
            "warnings": [*self._differences(), *self.warnings],
        }
        if found["version"] is None:
            del found["version"]
        if with_diff and changed:
            own = self._difference
            found["diff"] = [*([own.diff(request.bwdata)] if own else []), *self._diff]
        return found

    def _installed_url(self) -> Optional[str]:
        with contextlib.suppress(*EXPECTED):
            path = os.path.join(self.request.bwdata, CONFIG)
            with open(path, "rb") as stream:
                return str(ConfigDocument.parse(stream.read(), path).values()["url"])
        return None

    def _differences(self) -> List[str]:
        """Return warnings where the server that is installed is not the one that is asked for."""
        if self.planned.changed:
            return []
        request, found = self.request, []
        url, identifier = self._installed_url(), self._installed_id()
        if url is not None and host_name_of(url) != request.domain:
            found.append(
                f"{request.bwdata} holds the server {url}, not one for {request.domain}. It stays as it is. To change "
                "its address set url in the option config of the module server."
            )
        if identifier is not None and identifier != request.installation_id:
            found.append(
                f"{request.bwdata} holds a server with the installation id {identifier}, not "
                f"{request.installation_id}. It stays as it is. To change it set id and key in the option "
                "secret_settings of the module server."
            )
        return found

    def _installed_id(self) -> Optional[str]:
        with contextlib.suppress(*EXPECTED):
            return guid_text(OverrideFile(self.request.bwdata, "global").read().get(INSTALLATION_ID))
        return None
