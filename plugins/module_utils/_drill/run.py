# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A drill, step by step: the set restored into its own folder, cut off, proven; and taken away again."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from datetime import datetime, timezone
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from .._common.dates import format_date
from .._common.errors import EXPECTED, BitwardenError, Terminated, message_of
from .._database.key_ring import key_ids_on_disk
from .._deployment.deployment import Deployment
from .._deployment.lock import server_lock
from .._docker.images import pull_images
from .._install.host import InstallHost
from .._install.made_folders import put_whole, remove_unfinished
from .._restore import proof
from .._restore.links import Links
from .._restore.login import CHECK, log_in
from .._restore.run import Open
from .._restore.server import Server
from .._restore.server_proof import server_proofs
from .._restore.source import Source
from .engine import find, remove
from .folder import Folder, drill_script, remove_folder
from .isolation import read_isolated, still_open
from .mark import Mark, digest_of, project_of, write_mark
from .plan import (
    DrillError,
    DrillPlan,
    Standing,
    absence_problem,
    described,
    difference,
    read_standing,
)

_ISOLATION = "isolation"


class Drill:
    """One drill by its plan. Carry it out with ``run``, once."""

    def __init__(self, planned: DrillPlan, opened: Open, environ: Mapping[str, str], lock: Optional[int]) -> None:
        """``lock`` is that of the folder, None where that does not exist yet."""
        self._plan = planned
        self._request = planned.request
        self._host = planned.host
        self._opened = opened
        self._environ = environ
        self._lock = lock
        self._bwdata = planned.request.bwdata
        self._project = project_of(self._bwdata)
        self._proofs: List[proof.Proof] = []
        self._services: List[Dict[str, object]] = []
        self._changed = False
        self._rolled_back = False
        self._duration: Optional[int] = None

    def result(self) -> Dict[str, Any]:
        """Return what became of the run so far."""
        return {
            "changed": self._changed,
            "rolled_back": self._rolled_back,
            "proof": proof.report(self._proofs),
            "duration": self._duration,
            "services": self._services,
        }

    def run(self) -> Dict[str, Any]:
        """Restore and prove, unless that is done; return the result. Raises ``DrillError`` with the result so far."""
        with contextlib.ExitStack() as stack:
            try:
                if self._plan.source is None:
                    return {"proof": self._proof_again()}
                mark = self._make_folder(stack, self._plan.source)
                self._change(self._plan.source, mark)
            except EXPECTED as error:
                raise DrillError(self._undo(f"{self._told(error)}."), self.result()) from error
            except Terminated as signal:
                # The next run takes it away.
                signal.keys = self.result()
                raise
            return self.result()

    @property
    def warnings(self) -> List[str]:
        """What the user should know, masked."""
        return [self._plan.mask(one) for one in self._plan.warnings]

    def _told(self, error: Union[BitwardenError, OSError]) -> str:
        return self._plan.mask(message_of(error)).rstrip(".")

    def _proof_again(self) -> List[Dict[str, Any]]:
        """Return the proof of a drill that is running, with a login now: the key may be another one than then."""
        mark = self._plan.standing.mark
        rows = list(mark.proof) if mark else []
        if self._request.login is None:
            return rows
        deployment = self._server().deployment()
        self._proofs = [log_in(deployment, self._request.login, self._plan.backup.manifest.url or "")]
        proof.require(self._proofs)
        return [one for one in rows if one["check"] != CHECK] + proof.report(self._proofs)

    def _make_folder(self, stack: contextlib.ExitStack, source: Source) -> Mark:
        """Make the folder where it does not exist, with its mark in it, and lock it; return the mark.

        Raises ``LockError`` and ``OSError`` where another run was quicker.
        """
        before, begun = self._plan.standing.mark, str(format_date(datetime.now(timezone.utc)))
        made = self._lock is None or (before is not None and before.made)
        mark = Mark(source.backup.path, digest_of(source.backup), made, begun)
        if self._lock is None:

            def fill(path: str) -> None:
                os.mkdir(path, 0o700)
                write_mark(path, mark)

            if not put_whole(self._bwdata, fill, 0.0):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), self._bwdata)
            self._changed = True
            self._lock = stack.enter_context(server_lock(self._bwdata, 0.0))
        self._host.commands.inherited = (self._lock,)
        return mark

    def _change(self, source: Source, mark: Mark) -> None:
        clock = time.monotonic()
        self._changed = True
        if self._plan.standing:
            take_away(self._bwdata, self._host, self._plan.standing, False)
        write_mark(self._bwdata, mark)
        folder = self._prepared(source)
        self._prove(source, folder)
        self._duration = round(time.monotonic() - clock)
        proven = mark._replace(
            duration=self._duration, proof=tuple(proof.report(self._proofs)), warnings=tuple(self.warnings)
        )
        write_mark(self._bwdata, proven)

    def _prepared(self, source: Source) -> Folder:
        """Unpack the set, and put a project in place that has no way out."""
        folder = Folder(self._bwdata)
        with self._opened(source.backup) as stream:
            folder.unpack(source, stream)
        links = Links.of(source.files, self._bwdata)
        found = read_isolated(self._deployment().project, self._project, self._bwdata, links)
        folder.make_folders(found.folders)
        folder.write_project(found.project, self._project)
        if self._request.pull:
            pull_images(self._host.commands, self._host.inventory, found.images, self._request.wait_timeout)
        return folder

    def _prove(self, source: Source, folder: Folder) -> None:
        server, manifest = self._server(), source.manifest
        server.start_database()
        self._require_isolation()
        server.check_dump(folder.dump, manifest.database.name)
        server.restore_database(folder.dump, manifest.database.name)
        folder.remove_dump()
        found = server.facts(manifest.database.name)
        self._proofs += proof.database_proofs(manifest.database, found, key_ids_on_disk(self._bwdata))
        proof.require(self._proofs)
        self._services = server.start()
        self._proofs += server_proofs(server, manifest, found.enabled_organizations, self._request.login)
        self._proofs.append(self._isolation())
        proof.require(self._proofs)

    def _require_isolation(self) -> None:
        """Raise ``NotProven`` before more is started than the database, where that has a way out."""
        proof.require([self._isolation()])

    def _isolation(self) -> proof.Proof:
        found = find(self._host.engine, self._project)
        environments = {one.service: one.environment for one in self._deployment().containers()}
        ways = [*found.open_ways(), *still_open(environments)]
        cut_off = (
            f"{len(found.containers)} containers, only in an internal network, without published ports, cloud "
            "communication, push relay and mail"
        )
        return proof.Proof(_ISOLATION, not ways, "; ".join(ways) or cut_off)

    def _deployment(self) -> Deployment:
        found = Deployment(self._bwdata, drill_script(self._bwdata), self._environ, self._request.wait_timeout)
        found.commands.inherited = () if self._lock is None else (self._lock,)
        return found

    def _server(self) -> Server:
        return Server(
            self._bwdata,
            drill_script(self._bwdata),
            self._environ,
            self._request.wait_timeout,
            self._request.database_timeout,
            False,
            self._lock,
        )

    def _undo(self, reason: str) -> str:
        """Take the drill away where that is asked for; return what to say."""
        if not self._changed:
            return f"{reason} Nothing was changed."
        if not self._request.rollback:
            return f"{reason} The drill stays in {self._bwdata} (rollback=false); state=absent takes it away."
        self._services = []
        try:
            take_away(self._bwdata, self._host, read_standing(self._bwdata, self._host), True)
        except EXPECTED as error:
            return f"{reason} The drill was to be taken away, but then: {self._told(error)}. Run state=absent."
        self._rolled_back = True
        return f"{reason} The drill was taken away."


def take_away(bwdata: str, host: InstallHost, standing: Standing, whole: bool) -> None:
    """Remove what there is of a drill: with ``whole`` also the folder itself, if it was made.

    Raises ``EngineError`` and ``OSError``.
    """
    remove(host.engine, standing.found)
    if standing.mark is not None:
        remove_folder(bwdata, standing.mark if whole else standing.mark._replace(made=False))


def remove_drill(bwdata: str, host: InstallHost, check_mode: bool) -> Tuple[Dict[str, Any], Dict[str, str]]:
    """Remove the drill in ``bwdata``; return the result and Ansible's diff. Raises ``DrillError``."""
    standing = read_standing(bwdata, host)
    problem = absence_problem(bwdata, standing)
    if problem is not None:
        raise problem
    if standing and not check_mode:
        take_away(bwdata, host, standing, True)
    if not check_mode:
        remove_unfinished(os.path.dirname(bwdata))
    return {"changed": bool(standing)}, difference(bwdata, described(standing), None)
