# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An update, step by step: all that can be done while the old version serves comes first; what fails is taken back."""

from __future__ import annotations

import os
import shutil
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Union

from .._backup.make import back_up
from .._common.begun import Begun
from .._common.errors import EXPECTED, BitwardenError, Terminated, message_of
from .._compose.composition import Composition
from .._database.connection_string import SERVICE
from .._database.inspection import begin_row_counts, database_container, migrations, running_server
from .._deployment.drift import Stack
from .._docker.images import missing_images, not_local, pull_images
from .._docker.inventory import EngineInventory
from .._restore.journal import DATABASE, REPLACING
from .._restore.proof import Proof, report
from .._restore.server import Server
from .._scripts.pair import RUN
from .._scripts.script_file import exchange
from . import proof
from .health_check import own_health_check
from .journal import SERVING, UpdateJournal
from .new_server import NewServer, start_together
from .old_server import OldServer
from .plan import UpdateError, UpdatePlan
from .rollback import Rollback
from .serving import Serving
from .setup_tool import SetupTool
from .trial import Trial
from .workspace import Workspace

_FULL = 1 << 20  # bytes
_ENDED_WELL = ", though the setup tool ended well"


class Tools(NamedTuple):
    """What an update works with; ``now`` is a clock that only goes on, in seconds."""

    journal: UpdateJournal
    server: Server
    now: Callable[[], float] = time.monotonic


class Update:
    """One update as planned. Carry it out with ``run``, once."""

    def __init__(self, plan: UpdatePlan, tools: Tools) -> None:
        self._plan = plan
        self._request = plan.request
        self._deployment = plan.deployment
        self._journal = tools.journal
        self._server = tools.server
        self._now = tools.now
        self._workspace = Workspace(plan.deployment, tools.journal)
        self._setup = SetupTool(plan.deployment, plan.pair, plan.request.wait_timeout)
        self._expected: Optional[List[str]] = None
        self._changed_files: List[str] = []
        self._composition: Optional[Composition] = None
        self._start_together = False
        self._old: Optional[OldServer] = None
        self._found: Dict[str, Any] = {"changed": False, "images": []}
        self._proofs: List[Proof] = []
        self._stopped: Optional[float] = None
        self.warnings: List[str] = []

    def result(self) -> Dict[str, Any]:
        """Return what became of the run so far."""
        return {**self._found, "proof": report(self._proofs)}

    def run(self) -> Dict[str, Any]:
        """Update; return the result. Raises ``UpdateError`` with the result so far, and ``Terminated`` with it."""
        try:
            return self._run()
        except Terminated as signal:
            # The next run takes back what is replaced, or completes it.
            signal.keys = self.result()
            raise

    def _run(self) -> Dict[str, Any]:
        try:
            self._prepare()
        except EXPECTED as error:
            self._journal.remove()
            raise UpdateError(f"{self._reason(error)} The server was not touched.", self.result()) from error
        except Terminated:
            self._journal.remove()
            raise
        try:
            self._change()
        except EXPECTED as error:
            raise UpdateError(self._undo(self._reason(error)), self.result()) from error
        self._journal.close()
        return self.result()

    def replace_scripts(self) -> Dict[str, Any]:
        """Replace only the scripts, where the versions are those that are wanted; return the result.

        Raises ``UpdateError`` and ``Terminated`` with the result so far.
        """
        plan = self._plan
        contents = {self._deployment.script.path: plan.pair.script}
        contents[os.path.join(self._deployment.bwdata, "scripts", RUN)] = plan.pair.run
        try:
            for path in plan.scripts:
                exchange(path, contents[path])
                self._found["changed"] = True
        except OSError as error:
            done = "one script was replaced, and the other was not" if self._found["changed"] else "nothing was changed"
            raise UpdateError(
                f"{self._told(error)} The server is on the release, and {done}.", self.result()
            ) from error
        except Terminated as signal:
            signal.keys = self.result()
            raise
        return self.result()

    def _reason(self, error: Union[BitwardenError, OSError]) -> str:
        """Return why a step failed, and that the disk is full where it is: services tell only what they cannot do."""
        bwdata = self._deployment.bwdata
        free = shutil.disk_usage(bwdata).free
        full = f" The file system of {bwdata} is full: {free} bytes are free." if free < _FULL else ""
        return f"{self._told(error)}{full}"

    def _told(self, error: Union[BitwardenError, OSError]) -> str:
        return f"{self._plan.mask(message_of(error)).rstrip('.')}."

    def _prepare(self) -> None:
        """Do all that can be done while the old version is serving."""
        plan, request, journal = self._plan, self._request, self._journal
        inventory = EngineInventory(self._deployment.engine.client)
        self._pull(inventory, [plan.pair.setup_image])
        journal.begin(plan.pair.versions.core)
        journal.describe(
            before=plan.step.installed["core"], after=plan.pair.versions.core, database=plan.database,
            engine_step=plan.step.is_engine_step, in_volume=plan.here.in_volume,
        )  # fmt: skip
        journal.reserve()
        self._workspace.fill(plan.pair.run)
        self._setup.generate(self._workspace.folder)
        self._workspace.name_database(plan.database)
        self._composition = self._workspace.composition()
        services = self._composition.services
        self._proofs.append(proof.settings_proof(self._workspace.lost_settings()))
        proof.require(self._proofs)
        self._pull(inventory, [one.image for one in services.values()])
        described = self._workspace.described()
        if request.try_database and SERVICE in services:
            image, check = services[SERVICE].image, own_health_check(described)
            with Trial(self._deployment, journal, image, request.wait_timeout, check) as trial:
                self._expected = trial.migrations(self._setup)
            journal.describe(migrations=self._expected)
        self._start_together = start_together(described)
        self._back_up()
        self._old = OldServer.ask(self._server.deployment(), request.database_timeout)
        self._changed_files = self._workspace.changed()
        os.sync()
        journal.note(phase=REPLACING)

    def _pull(self, inventory: EngineInventory, images: List[str]) -> None:
        if self._request.pull:
            pulled = pull_images(self._deployment.commands, inventory, images, self._request.pull_timeout)
            self._found["images"] += pulled
            self._found["changed"] = self._found["changed"] or bool(pulled)
        left = missing_images(inventory, images)
        if left:
            raise UpdateError(str(not_local(left)))

    def _back_up(self) -> None:
        planned = self._plan.backup
        if planned is None:
            return
        if planned.current is None:
            self._found["backup"] = back_up(self._deployment, self._request.backup(0.0)).path
            self._found["changed"] = True
        else:
            self._found["backup"] = planned.current.path
        self._journal.note(safety=self._found["backup"])

    def _change(self) -> None:
        """Stop the server, replace what is to be replaced, migrate the database, and start the new version."""
        journal, server, request = self._journal, self._server, self._request
        self._found["changed"], self._stopped = True, self._now()
        old = self._old or OldServer.ask(server.deployment(), request.database_timeout)
        old.stop(request.wait_timeout)
        counts = old.dump(journal, self._plan.database, request.wait_timeout)
        journal.replace(*self._changed_files)
        journal.put_script(self._deployment.script.path, self._plan.pair.script)
        journal.note(phase=DATABASE)
        database = server.database(self._composition)
        new = NewServer(server, database.deployment, self._start_together, request.wait_timeout)
        with Begun() as begun:
            new.create(database.services)
            begun.add(new.wait_until_created)
            database.start()
        with Begun() as begun:
            new.start_independent()
            begun.add(new.wait_until_started)
            self._migrate(counts, database.wait())
        journal.note(phase=SERVING)
        serving = Serving(server, self._found.get("backup"))
        self._found["services"] = serving.start(new.begun)
        self._found["downtime"] = self._downtime()
        self._proofs += serving.proofs()
        proof.require(self._proofs)

    def _downtime(self) -> float:
        return round(self._now() - self._stopped, 1) if self._stopped is not None else 0.0

    def _migrate(self, before: Mapping[str, int], stack: Stack) -> None:
        """Migrate the database that was started, and prove that."""
        deployment, name, timeout = self._server.deployment(), self._plan.database, self._request.database_timeout
        container = database_container(stack)
        tool = SetupTool(deployment, self._plan.pair, timeout)
        with Begun() as begun:
            begun.add(tool.begin_migration(deployment.bwdata, container.id))
            database = running_server(deployment, stack, timeout)
            database.find_tool()
        with Begun() as begun:
            counting = begun.add(begin_row_counts(database, name, proof.KEPT_TABLES))
            found = migrations(database, name)
            self._proofs += [
                proof.migration_proof(self._expected, found, _ENDED_WELL),
                proof.row_proof(before, counting()),
            ]
        proof.require(self._proofs)

    def _undo(self, reason: str) -> str:
        """Go back to the old version where that is asked for; return what to say."""
        before = self._plan.step.installed["core"]
        saved = self._found.get("backup")
        backup = f" The backup from before is {saved}." if saved else ""
        if not self._request.rollback:
            self._found["downtime"] = self._downtime()
            return f"{reason} Nothing was taken back (rollback=false).{self._keep_old()}{backup}"
        rollback = Rollback(self._journal, self._server)
        try:
            self._found["services"] = rollback.go()
        except EXPECTED as error:
            return (
                f"{reason} The server was to go back to {before}, but then: {self._told(error)} Correct that and run "
                f"update again, which goes back first.{backup}"
            )
        finally:
            self._found["kept"], self._found["downtime"] = rollback.kept, self._downtime()
        self._found["rolled_back"] = True
        return f"{reason} The server is running on {before} again, with the database as it was when it was stopped."

    def _keep_old(self) -> str:
        """End the update as it is, with the old files kept; return what to say of them."""
        try:
            kept = self._journal.keep_old()
        except OSError as error:
            return f" The old files are left in {self._journal.folder}: {message_of(error)}"
        self._found["kept"] = [kept] if kept else []
        return f" The old files are in {kept}." if kept else ""
