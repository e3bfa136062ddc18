# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the desired keys of config.yml to a plan: the new content, whether to rebuild, and what speaks against it."""

from __future__ import annotations

import os
import re
from typing import Container, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._common.diff import Difference
from .._common.masking import mask_text
from .._common.problem import Problem
from .._common.setting_names import SQL_CONNECTION_STRING
from .._compose.composition import Service
from .._config_yml.document import ConfigDocument
from .._config_yml.keys import (
    CONFIG_KEYS,
    Value,
    contradictions,
    host_name_of,
    path_below_bwdata,
    shown,
    without_effect,
)
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._env_files.document import canonical
from .._settings.override_file import FilePlan
from .._settings.resolve import DesiredSettings
from .config_file import ConfigFile
from .generated import Generated, ports_of
from .kept_files import KeptFiles

_VERSION = re.compile(rb"^(COREVERSION|WEBVERSION)=[\"']?([\w.-]+)", re.MULTILINE)
_SERVICE_OF = {"COREVERSION": "api", "WEBVERSION": "web"}
_SSL_PATHS = ("ssl_certificate_path", "ssl_key_path", "ssl_ca_path", "ssl_diffie_hellman_path")
_BUILT_IN_DATABASE = "tcp:mssql,"


class ConfigPlan(NamedTuple):
    """What becomes of config.yml: its content before and after, the difference, and all values then.

    ``deviations`` are the keys that the generated files do not follow; ``resumes``: an earlier run was cut off while
    it rebuilt. ``setup_image`` is the image of the setup tool, empty where it is not known.
    """

    file: ConfigFile
    before: bytes
    after: bytes
    difference: Difference
    values: Dict[str, Value]
    deviations: List[str]
    resumes: bool
    setup_image: str
    problems: List[Problem]
    warnings: List[str]

    @property
    def rebuilds(self) -> bool:
        """Whether the generated files are to be made again."""
        return bool(self.difference or self.deviations) or self.resumes

    def to_write(self) -> FilePlan:
        """Return the change of the file as the file's own methods take it."""
        return FilePlan(self.before, self.after, self.difference, DesiredSettings({}, frozenset(), []))

    def diff(self) -> List[Dict[str, str]]:
        """Return Ansible's diffs: that of config.yml, and that of the generated files where only they change."""
        found = [self.difference.diff(self.file.path)] if self.difference else []
        if self.rebuilds and not self.difference:
            why = ", ".join(self.deviations) or "an interrupted rebuild"
            generated = Difference()
            generated.compare("generated files", f"not as in config.yml ({why})", "as in config.yml")
            found.append(generated.diff("bwdata/docker and bwdata/nginx"))
        return found


def plan_config(
    deployment: Deployment, desired: Optional[Mapping[str, Value]], kept: KeptFiles, brings: Container[str] = ()
) -> ConfigPlan:
    """Plan what ``desired`` changes; None asks for nothing, and only an earlier run's rebuild is finished.

    ``brings`` are the keys whose files this run writes itself. Raises ``BitwardenError`` for what cannot be
    read; what speaks against the plan is in its ``problems``.
    """
    file = ConfigFile(deployment.bwdata)
    before = file.read_bytes()
    document = ConfigDocument.parse(before, file.path)
    after, difference = document.change(desired or {})
    values = ConfigDocument.parse(after, file.path).values()
    resumes = kept.left_over and kept.rebuilds
    generated = Generated.read(deployment, values)
    checked = set(desired or CONFIG_KEYS) if desired is not None else set()
    deviations = [name for name in generated.deviations(values) if name in checked]
    planned = ConfigPlan(file, before, after, difference, values, deviations, resumes, "", [], [])
    if not planned.rebuilds:
        return planned
    script = _versions(deployment)
    images = generated.images()
    problems = [
        *(Problem(text) for text in contradictions(values)),
        *_missing_files(deployment, values, brings),
        *_database_problems(difference, generated),
        *_script_problems(deployment, script, images),
    ]
    warnings = [*_costs(difference), *without_effect(desired or {}, values), *_lost_keys(document)]
    image = _setup_image(images, script)
    return planned._replace(setup_image=image, problems=problems, warnings=warnings)


def port_problems(deployment: Deployment, stack: Stack, plan: ConfigPlan) -> List[Problem]:
    """Return the problems of ports that nginx is to publish and that are taken; ``stack`` was just inspected."""
    nginx = stack.services.get("nginx")
    changed = {change.key for change in plan.difference.changes} | set(plan.deviations)
    ports = tuple(port for name, port in ports_of(plan.values).items() if name in changed)
    if nginx is None or not ports:
        return []
    # Only the ports: the rest of the service is checked as it is now.
    service = Service("nginx", nginx.image, {}, ports=ports)
    return deployment.obstacles_of(service)


def _versions(deployment: Deployment) -> Dict[str, str]:
    """Return the versions that bitwarden.sh has in it."""
    try:
        with deployment.commands.account.assumed(), open(deployment.script.path, "rb") as stream:
            found = _VERSION.findall(stream.read())
    except OSError:
        return {}
    return {name.decode(): value.decode() for name, value in found}


def _setup_image(images: Mapping[str, str], versions: Mapping[str, str]) -> str:
    image, core = images.get("nginx", ""), versions.get("COREVERSION", "")
    name = image.rsplit("/", 1)[-1].partition(":")[0]
    return f"{image[: image.rfind('/') + 1]}setup:{core}" if name == "nginx" and core else ""


def _script_problems(deployment: Deployment, versions: Mapping[str, str], images: Mapping[str, str]) -> List[Problem]:
    script = deployment.script
    if not script.exists():
        return [Problem(f"{script.path} does not exist, which is to rebuild the server. Set script to its path.")]
    found = [
        Problem(f"This needs bitwarden.sh: {text}")
        for text in script.problems(lambda text: mask_text(text, deployment.secrets()))
    ]
    others = []
    for name, service in _SERVICE_OF.items():
        tag = images.get(service, "").rsplit("/", 1)[-1].partition(":")[2].partition("@")[0]
        if tag and versions.get(name) and tag != versions[name]:
            others.append(f"{service} {tag} (the script's {name} is {versions[name]})")
    if others:
        found.append(
            Problem(
                f"{script.path} is of another version than the server, which has {', '.join(others)}: bitwarden.sh "
                "rebuild would write the script's versions into docker-compose.yml, which is an update without a "
                "backup. Update the server first, or put the script of its version back."
            )
        )
    # The setup tool always runs under this name.
    setup = Service("setup", "", {}, container_name="setup")
    return found + deployment.obstacles_of(setup)


def _missing_files(deployment: Deployment, values: Mapping[str, Value], brings: Container[str]) -> List[Problem]:
    """Return the problems of files without which nginx would not start."""
    if not values["ssl"]:
        return []
    if values["ssl_managed_lets_encrypt"]:
        live = os.path.join(deployment.bwdata, "letsencrypt", "live", host_name_of(str(values["url"])))
        missing = f"config: ssl_managed_lets_encrypt is true, and {live} does not exist."
        advice = "Have the certificate issued at the installation, or give one of your own (certificate)."
        return [] if os.path.isdir(live) else [Problem(f"{missing} {advice}")]
    found = []
    for name in _SSL_PATHS:
        path = path_below_bwdata(str(values[name])) if values[name] else None
        if path and name not in brings and not os.path.exists(os.path.join(deployment.bwdata, path)):
            found.append(
                Problem(
                    f"config: {name} is {values[name]}, and {os.path.join(deployment.bwdata, path)} does not exist: "
                    "nginx would not start. Write it with the option certificate, or correct the path."
                )
            )
    return found


def _database_problems(difference: Difference, generated: Generated) -> List[Problem]:
    changed = {change.key: change.after for change in difference.changes}
    found = []
    if "database_docker_volume" in changed:
        found.append(
            Problem(
                "config: database_docker_volume cannot change on a server with data: it would start with an empty "
                "database. Leave it as it is, or restore a backup into a new installation."
            )
        )
    connection = generated.settings.get(canonical(SQL_CONNECTION_STRING), "")
    if changed.get("enable_built_in_ms_sql") == "false" and _BUILT_IN_DATABASE in connection:
        found.append(
            Problem(
                "config: enable_built_in_ms_sql is to be false, and the server's connection string still names the "
                f"built-in database (tcp:mssql). Set {SQL_CONNECTION_STRING} to the other one in secret_settings first."
            )
        )
    return found


def _costs(difference: Difference) -> List[str]:
    """Return what a change of the URL means to those who use the server."""
    found = []
    for change in difference.changes:
        before, after = host_name_of(change.before or ""), host_name_of(change.after or "")
        if change.key == "url" and before != after:
            found.append(
                f"config: url changes from {change.before or shown(CONFIG_KEYS['url'].default)} to {change.after}. "
                "Passkeys and security keys that were registered for the old host name stop working, every app and "
                "browser extension needs the new URL, and so do SSO (metadata), SCIM and the certificate."
            )
    return found


def _lost_keys(document: ConfigDocument) -> List[str]:
    unknown = document.unknown()
    if not unknown:
        return []
    return [f"{document.path} has keys that the setup tool does not know and drops: {', '.join(unknown)}."]


def lost_comments(before: bytes, after: bytes) -> Tuple[str, ...]:
    """Return the comments that a rebuild has dropped."""
    left = set(ConfigDocument.parse(after).comments())
    return tuple(one for one in ConfigDocument.parse(before).comments() if one.strip("# ") and one not in left)
