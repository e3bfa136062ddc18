# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of an update: everything is read and compared, and every problem is told at once. Nothing is changed."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .._backup.cron_jobs import self_updating_jobs
from .._backup.destination import space_problems
from .._backup.dump import backups_folder
from .._backup.manifest import BUILT_IN
from .._backup.plan import BackupPlan
from .._backup.plan import plan as plan_backup
from .._backup.sources import database_size, survey
from .._common.diff import Difference
from .._common.errors import EXPECTED, BitwardenError, RunError, message_of
from .._common.masking import mask_text
from .._common.problem import Problem
from .._database.connection_string import SERVICE
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._docker.images import image_problems, missing_images
from .._docker.inventory import EngineInventory
from .._restore.here import DATA, Here, read_here
from .._scripts.pair import DOWNLOAD, RUN, ScriptPair, Versions
from .._scripts.source import download, read_folder
from .._server_status.versions import installed_versions, script_versions
from .host_checks import content, host_problems
from .images import expected_images, foreign_images, pinned, predicted_images, tag_of
from .request import FAIL, UpdateRequest
from .versions import Step

_KEY_CONNECTOR = "key-connector"
# Whose versions are those of the server.
_PARTS = {"api", "web", _KEY_CONNECTOR}


class UpdateError(RunError):
    """The server was not updated. The message (masked) says why and what became of it."""


class UpdatePlan(NamedTuple):
    """An update that can be made, or none that is needed.

    ``scripts`` are the paths of scripts whose content differs, ``images`` those that are to be pulled, ``backup`` is
    None where the versions are those that are wanted.
    """

    deployment: Deployment
    request: UpdateRequest
    stack: Stack
    here: Here
    pair: ScriptPair
    step: Step
    scripts: Tuple[str, ...]
    images: Tuple[str, ...]
    backup: Optional[BackupPlan]
    secrets: FrozenSet[str]
    warnings: Tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether anything changes."""
        return self.step.is_needed or bool(self.scripts)

    @property
    def database(self) -> str:
        """The name of the database."""
        return self.backup.database.name if self.backup else ""

    def mask(self, text: str) -> str:
        """Hide every secret of the server in ``text``."""
        return mask_text(text, self.secrets)

    def result(self) -> Dict[str, Any]:
        """Return what is known before anything is changed."""
        now, then = self.step.engines
        current = self.backup.current if self.backup else None
        return {
            "changed": self.changed,
            "before": {part: was for part, was, _then in self.step.pairs},
            "after": {part: wanted for part, _was, wanted in self.step.pairs},
            "engine": {"before": now, "after": then},
            "images": list(self.images),
            "backup": current.path if current else None,
            "downtime": 0.0,
            "rolled_back": False,
            "proof": [],
            "kept": [],
        }

    def diff(self) -> Dict[str, str]:
        """Return Ansible's diff: versions, engine, scripts, images that are pulled and the backup."""
        difference = Difference()
        for part, was, wanted in self.step.pairs:
            difference.compare(part, was, wanted)
        difference.compare("database engine", *self.step.shown_engines)
        for path in self.scripts:
            difference.compare(path, "other content", f"of {self.pair.versions.core}")
        for image in self.images:
            difference.compare(image, None, "pulled")
        if self.backup is not None and self.backup.current is None:
            difference.compare("backup", None, f"a new set in {self.request.backup_dest}")
        return difference.diff("server")


def plan_update(deployment: Deployment, request: UpdateRequest, environ: Mapping[str, str]) -> UpdatePlan:
    """Plan it. Raises ``UpdateError`` with all that stands against it."""
    here = read_here(deployment)
    if here.stack is None:
        raise UpdateError(f"{here.fault} Nothing was changed.")
    return _Planning(deployment, request, here, here.stack).plan(environ)


class _Planning:
    """Gathers the problems of one plan."""

    def __init__(self, deployment: Deployment, request: UpdateRequest, here: Here, stack: Stack) -> None:
        self.deployment = deployment
        self.request = request
        self.here = here
        self.stack = stack
        self.secrets = frozenset(deployment.secrets(stack))
        self.inventory = EngineInventory(deployment.engine.client)
        self.predicted: Dict[str, str] = {}
        self.problems: List[BitwardenError] = []
        self.warnings: List[str] = []

    def plan(self, environ: Mapping[str, str]) -> UpdatePlan:
        """Return the plan. Raises ``UpdateError``."""
        try:
            pair = self._scripts(environ)
        except EXPECTED as error:
            self._fail([Problem(message_of(error))])
        step = Step(installed_versions(self.stack), pair.versions, _KEY_CONNECTOR in self.stack.services)
        self.problems += step.problems()
        backup: Optional[BackupPlan] = None
        images: List[str] = []
        if not self.problems and step.is_needed:
            step = self._settings_of_the_host(step)
            self.warnings += step.warnings()
            images = self._images(pair)
            backup = self._backup()
            self._space(step, backup)
        self._jobs(step)
        if self.problems:
            self._fail(self.problems)
        return UpdatePlan(
            self.deployment, self.request, self.stack, self.here, pair, step, tuple(self._stale_scripts(pair, step)),
            tuple(images), backup, self.secrets, tuple(self.warnings),
        )  # fmt: skip

    def _fail(self, problems: Sequence[BitwardenError]) -> None:
        text = " ".join([*map(str, problems), "Nothing was changed."])
        raise UpdateError(mask_text(text, self.secrets))

    def _scripts(self, environ: Mapping[str, str]) -> ScriptPair:
        commands, request = self.deployment.commands, self.request
        if request.source == DOWNLOAD:
            return download(commands, request.version, environ)
        return read_folder(commands, request.source, request.version)

    def _stale_scripts(self, pair: ScriptPair, step: Step) -> List[str]:
        """Return the scripts on the host that are replaced: all that differ, or those of other versions."""
        script, run = self.deployment.script.path, os.path.join(self.deployment.bwdata, "scripts", RUN)
        text = content(script)
        known = script_versions(text.decode("utf-8", "replace"))
        same = Versions(known["core"] or "", known["web"] or "", known["key_connector"] or "") == pair.versions
        if not step.is_needed and same and content(run):
            return []  # without an update, scripts of the same versions are as good
        return [path for path, new in ((script, pair.script), (run, pair.run)) if content(path) != new]

    def _pinned(self, step: Step) -> Step:
        """Check that the update will reach the services; return the step with what it does to the database."""
        try:
            self.predicted = predicted_images(self.deployment, self.stack.services, step.wanted)
        except EXPECTED as error:
            self.problems.append(Problem(message_of(error)))
            return step
        stay = pinned(self.predicted, step.wanted)
        named = ", ".join(f"{name} ({self.predicted[name]})" for name in stay)
        text = f"docker-compose.override.yml keeps these services on their images: {named}. "
        parts = _PARTS if step.has_key_connector else _PARTS - {_KEY_CONNECTOR}
        if parts & set(stay):
            self.problems.append(
                Problem(f"{text}The server would not be on the release after an update. Remove the images there.")
            )
        elif stay:
            self.warnings.append(f"{text}They are not updated.")
        now = self.stack.services[SERVICE].image if SERVICE in self.stack.services else ""
        return step._replace(database=(tag_of(now), tag_of(self.predicted.get(SERVICE, ""))))

    def _settings_of_the_host(self, step: Step) -> Step:
        """Check that the server is as it has to be for an update, and for the rollback; return the step in full."""
        step = self._pinned(step)
        self.problems += host_problems(self.deployment, self.stack)
        if step.is_engine_step and self.here.in_volume and self.request.rollback:
            self.problems.append(
                Problem(
                    f"SQL Server converts its files for {step.wanted.core}, and they are in a Docker volume "
                    "(database_docker_volume), which cannot be moved aside for a rollback. Set rollback to false, if "
                    "the backup is enough."
                )
            )
        conflicts = self.deployment.conflicts(self.stack, True, False, takes_down=True)
        self.problems += conflicts.problems
        self.warnings += [str(one) for one in conflicts.warnings]
        return step

    def _space(self, step: Step, backup: Optional[BackupPlan]) -> None:
        """Check the space for the dump, and for a second database in a rollback over a step of the engine.

        A backup that is made first is there by then, too.
        """
        bwdata = self.deployment.bwdata
        needs = {backups_folder(bwdata): (database_size(bwdata), "the dump for the rollback")}
        if step.is_engine_step and self.request.rollback:
            needs[os.path.join(bwdata, DATA)] = (database_size(bwdata, logs=True), "the database in a rollback")
        if backup is not None and backup.current is None:
            files = survey(bwdata, self.deployment.script.path).size
            needs[self.request.backup_dest] = (files + database_size(bwdata), "the backup before")
        self.problems += [Problem(one) for one in space_problems(needs, "backup_dest")]

    def _images(self, pair: ScriptPair) -> List[str]:
        self.problems += foreign_images(self.stack.services, [pair.setup_image])
        expected = expected_images(self.predicted, pair)
        self.problems += image_problems(self.inventory, expected, self.request.pull)
        return missing_images(self.inventory, expected)

    def _backup(self) -> Optional[BackupPlan]:
        """Plan the backup; a set that is encrypted cannot be used for a rollback, so it does not count."""
        now = datetime.now(timezone.utc)
        try:
            found = plan_backup(self.deployment, self.request.backup(self.request.backup_max_age), now)
            if found.current is not None and found.current.encryption is not None:
                found = plan_backup(self.deployment, self.request.backup(0.0), now)
        except EXPECTED as error:
            self.problems.append(Problem(f"The backup before the update: {message_of(error)}"))
            return None
        if found.kind != BUILT_IN:
            self.problems.append(
                Problem(
                    "The database of this server is external, so it can neither be backed up nor brought back from "
                    "here. Have it backed up, and update with bitwarden.sh."
                )
            )
        self.warnings += found.warnings
        return found

    def _jobs(self, step: Step) -> None:
        jobs = self_updating_jobs()
        if not jobs or (not step.is_needed and self.request.self_updating_jobs == FAIL):
            return
        text = (
            "Jobs of this host update the server by themselves, without rollback: "
            f"{', '.join(f'{one.path}, line {one.line} ({one.command})' for one in jobs)}. "
        )
        if self.request.self_updating_jobs == FAIL:
            self.problems.append(Problem(f"{text}Remove them, or set self_updating_jobs to warn."))
        else:
            self.warnings.append(f"{text}Remove them.")
