# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that the steps of the role get on a host, checked as the steps check them, before any of them runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.validation import check_type_list
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import (
    ENVIRONMENT,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import organization
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.argspec import (
    CLOUD_ENVIRONMENT,
    cloud_urls,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync import variables
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.plan import Plan
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.settings import check_settings
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings import argspec as settings_argspec
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import find_file, located
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import (
    ArgumentError,
    settings_of,
    with_upper_case_region,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options, value_problems
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import RoleHost
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import read_decrypted

_SETTINGS = ("settings", "secret_settings")


class Files:
    """Files on the controller; hosts share many of them, and each is looked up once."""

    def __init__(self, action: ActionBase) -> None:
        self._action = action
        self._found: dict[tuple[str, str], str] = {}

    def find(self, path: str, host: RoleHost) -> str:
        """Return where a file is; empty where there is none."""
        key = (path, str(host.raw.get("inventory_dir")))
        if key not in self._found:
            self._found[key] = find_file(self._action, path, host.raw)
        return self._found[key]

    def unreadable(self, path: str) -> str:
        """Return why a license file that was found cannot be read; empty where it can."""
        key = (path, "read")
        if key not in self._found:
            self._found[key] = self._read(path)
        return self._found[key]

    def _read(self, path: str) -> str:
        try:
            return "" if read_decrypted(self._action._loader, path).strip() else "it is empty"
        except (AnsibleError, OSError) as error:
            return str(error)


def server_options(action: ActionBase, host: RoleHost) -> dict[str, Any]:
    """Return the options of module server on a host. Raises ``AnsibleError``."""
    defaults = host.module_defaults(action, "host", "server")
    return {**defaults, **host.options(variables.SERVER)}


def server_info_options(action: ActionBase, host: RoleHost) -> dict[str, Any]:
    """Return the options of module server_info on a host; none where nothing is to be gathered there.

    The cloud is not asked about an air-gapped server. Raises ``AnsibleError``.
    """
    gather = check_type_list(host.value(variables.GATHER) or [])
    if boolean(host.value("bitwarden_offline") or False, strict=False):
        gather = [one for one in gather if one != "available_versions"]
    if not gather:
        return {}
    defaults = host.module_defaults(action, "host", "server_info")
    return {**defaults, **host.options(variables.SERVER_INFO), "gather": gather, "show_settings": False}


def organization_options(action: ActionBase, host: RoleHost) -> dict[str, Any]:
    """Return the options of module organization for a host. Raises ``AnsibleError``."""
    defaults = host.module_defaults(action, "api", "organization")
    options = {**defaults, **host.options(variables.ORGANIZATION)}
    return located(action, options, host.raw)


def cloud_options(action: ActionBase, host: RoleHost, cloud: Any) -> dict[str, Any]:
    """Return the options of the account in the cloud of a host. Raises ``AnsibleError``."""
    defaults = host.module_defaults(action, "cloud", "billing_sync_token")
    found = {**defaults, **host.options(variables.CLOUD)}
    if "cloud" not in defaults or host.value("bitwarden_cloud") or host.value("bitwarden_region"):
        found["cloud"] = cloud
    return located(action, found, host.raw)


def option_faults(
    action: ActionBase, host: RoleHost, plan: Plan, server: Mapping[str, Any], cloud: Mapping[str, Any]
) -> list[str]:
    """Return what is wrong with the options of a host; ``server`` and ``cloud``: those of module and account.

    Raises ``AnsibleError``.
    """
    environment = {**os.environ, **host.environment(action)}
    faults = _server_faults(server)
    if plan.configure:
        faults += _faults(organization_options(action, host), organization.OPTIONS, ENVIRONMENT, environment)
    names = {**variables.SERVER, **variables.ORGANIZATION}
    faults = [variables.with_variables(text, names) for text in faults]
    if plan.update:
        # Only here, and below: what most runs do not need takes time to load.
        from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_update import (  # noqa: PLC0415
            update_faults,
        )

        faults += update_faults(action, host)
    if plan.with_account:
        found = _account_faults(cloud, bool(plan.token_source), environment)
        faults += [variables.with_variables(text, variables.CLOUD) for text in found]
    return faults


def settings_faults(plan: Plan, server: Mapping[str, Any], cloud: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return what is wrong with the settings of a host, and what to warn of; the options are as above."""
    options = with_upper_case_region(server)
    faults: list[str] = []
    settings: dict[str, dict[Any, Any]] = {}
    for name in _SETTINGS:
        try:
            settings[name] = settings_of(options, name)
        except ArgumentError as error:
            faults.append(variables.with_variables(str(error), variables.SERVER))

    def choice(name: str, otherwise: Any) -> Any:
        value = options.get(name)
        return value if value in HOST_MODULES["server"][name]["choices"] else otherwise

    request = SettingsRequest(
        file=choice("file", "global"),
        settings=settings.get("settings", {}),
        secret_settings=settings.get("secret_settings", {}),
        cloud_communication=plan.cloud_communication,
        region=choice("region", None),
        unknown_settings=choice("unknown_settings", "warn"),
    )
    known = cloud.get("cloud")
    wrong, warnings = check_settings(request, known.strip().upper() if isinstance(known, str) else "")
    return faults + wrong, warnings


def _server_faults(options: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with options of module server other than settings, those of ``module_defaults`` included."""
    others = {name: value for name, value in options.items() if name not in _SETTINGS}
    checked, faults = check_options("server", HOST_MODULES["server"], others)
    faults += settings_argspec.option_faults(checked)
    if checked.get("config"):
        from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.keys import (  # noqa: PLC0415
            checked_config,
        )

        faults += checked_config(checked["config"])[1]
    return faults


def _account_faults(cloud: Mapping[str, Any], for_token: bool, environment: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the options of the account in the cloud."""
    from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (  # noqa: PLC0415
        billing_sync_token,
    )

    found = _cloud_faults(cloud["cloud"])
    if found:
        # The rest is checked all the same.
        cloud = {**cloud, "cloud": "us"}
    found += _faults(cloud, billing_sync_token.OPTIONS, CLOUD_ENVIRONMENT, environment)
    if for_token and not (cloud.get("master_password") or environment.get("BW_CLOUD_PASSWORD")):
        found.append(
            "master_password is missing. Set it, or BW_CLOUD_PASSWORD in the environment of the controller, to "
            "the master password of the account in the cloud, or set bitwarden_billing_sync_token by hand."
        )
    return found


def _faults(
    options: Mapping[str, Any], spec: Mapping[str, Any], stand_ins: Mapping[str, str], environment: Mapping[str, str]
) -> list[str]:
    """Return what is wrong with shared options and durations; ``stand_ins`` are variables of the environment."""
    params = {name: one.get("default") for name, one in spec.items()}
    params.update({name: environment[variable] for name, variable in stand_ins.items() if environment.get(variable)})
    params.update(options)
    return [str(problem) for problem in value_problems(spec, params, sure=True)]


def _cloud_faults(cloud: Any) -> list[str]:
    """Return what is wrong with a cloud; nothing for one that is known."""
    try:
        cloud_urls(cloud)
    except BitwardenError as error:
        return [str(error)]
    return []


def with_license_file(plan: Plan, host: RoleHost, files: Files) -> tuple[Plan, list[str]]:
    """Return the plan, with the license file where it was found, and what is wrong with that file."""
    if not plan.license_file:
        return plan, []
    found = files.find(plan.license_file, host)
    if not found:
        return plan, [
            f"bitwarden_license_file: no file {plan.license_file} on the controller. Correct the path, or download the "
            "license to it. A relative one is searched in the folders of the playbook and of the inventory."
        ]
    if os.path.isdir(found):
        return plan, [f"bitwarden_license_file: {found} is a folder. Set it to the license file in it."]
    wrong = files.unreadable(found)
    if wrong:
        return plan, [f"bitwarden_license_file: {found} cannot be read: {wrong.rstrip('.')}."]
    return plan._replace(license_file=found), []
