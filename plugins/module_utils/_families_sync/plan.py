# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the variables of the role families_sync to what its tasks are to do (action families_sync_plan)."""

from __future__ import annotations

import json
import re
from typing import Any, Collection, Dict, List, Mapping, NamedTuple, Optional, Union

from .._cloud.argspec import cloud_urls
from .._common.durations import DurationError, parse_duration
from .._common.errors import BitwardenError
from .check import Claim
from .steps import LICENSE, LICENSE_SYNC, ORGANIZATION_STEPS, PREFLIGHT, TOKEN, WAIT
from .variables import CLOUD, with_variables

Cloud = Union[str, Mapping[str, Any]]

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Variables(NamedTuple):
    """The variables of the role that decide what is done, each named as its variable without ``bitwarden_``."""

    license_only: bool = False
    offline: bool = False
    region: str = ""
    pull: Optional[bool] = None
    preflight: str = ""
    cloud: Cloud = ""
    cloud_client_id: str = ""
    cloud_organization: str = ""
    billing_sync_token_given: bool = False
    rotate: bool = False
    license: str = ""
    license_file: str = ""
    #: Whether a server is updated that is too old for its license, and where the scripts of the release come from.
    update: bool = False
    update_source: str = ""
    durations: Mapping[str, Optional[str]] = {}

    @property
    def with_cloud(self) -> bool:
        """Return whether the server, and the controller for it, may communicate with the cloud."""
        return not self.offline and not self.license_only


class Plan(NamedTuple):
    """What the tasks of the role are to do on one host."""

    #: What the settings of the server say of cloud communication; ``None`` leaves it as it is.
    cloud_communication: Optional[bool]
    #: ``None`` and an empty text: not set, so the module's default holds, or what the play set as its default.
    pull: Optional[bool]
    preflight: str
    cloud: Cloud
    #: Whether the API is asked, and whether a server that does not answer yet is waited for.
    configure: bool
    wait: bool
    #: The steps of the module organization.
    steps: List[str]
    #: Where the license comes from: ``none``, ``file`` or ``cloud``.
    license: str
    #: Which token the host shares with others; empty where none is fetched.
    token_source: str
    #: Whether that token is fetched as it is, or replaced by a new one.
    fetch: bool
    rotate: bool
    #: The license file, as it was found on the controller.
    license_file: str = ""
    #: Whether the server is updated where it is too old for its license.
    update: bool = False

    @property
    def second_pass(self) -> bool:
        """Return whether the host may need the second pass: for a license from the cloud, a rotation, an update."""
        return self.rotate or self.license == "cloud" or self.update

    @property
    def with_account(self) -> bool:
        """Return whether the account in the cloud is used, or may be."""
        return bool(self.token_source) or self.license == "cloud"

    def facts(self) -> Dict[str, Any]:
        """Return the plan as a task's result holds it."""
        return dict(self._asdict())


def make_plan(variables: Variables, selected: Collection[str]) -> Plan:
    """Decide what is to be done with the ``selected`` steps; the variables are without fault."""
    cloud = _cloud(variables)
    license_source = _license_source(variables) if LICENSE in selected else "none"
    fetches = TOKEN in selected and variables.with_cloud and not variables.billing_sync_token_given
    source = _token_source(variables, cloud) if fetches else ""
    return Plan(
        cloud_communication=None if variables.license_only else variables.with_cloud,
        pull=False if variables.offline else variables.pull,
        preflight=variables.preflight if PREFLIGHT in selected and variables.with_cloud else "skip",
        cloud=cloud,
        configure=bool({WAIT, LICENSE} & set(selected))
        or (variables.with_cloud and bool({TOKEN, LICENSE_SYNC} & set(selected))),
        wait=WAIT in selected,
        steps=[
            name
            for step, name in ORGANIZATION_STEPS.items()
            if step in selected and (license_source != "none" if step == LICENSE else variables.with_cloud)
        ],
        license=license_source,
        token_source=source,
        fetch=bool(source) and not variables.rotate,
        rotate=bool(source) and variables.rotate,
        license_file=variables.license_file if license_source == "file" else "",
        update=variables.update and bool({LICENSE, TOKEN, LICENSE_SYNC} & set(selected)),
    )


def claim(variables: Variables, selected: Collection[str]) -> Optional[Claim]:
    """Return what the host does with its organization's token; ``None`` where it has nothing to do with one."""
    if not variables.with_cloud or TOKEN not in selected:
        return None
    source = _token_source(variables, _cloud(variables))
    return Claim(source, variables.rotate, variables.billing_sync_token_given)


def _cloud(variables: Variables) -> Cloud:
    if isinstance(variables.cloud, Mapping):
        return variables.cloud
    return (variables.cloud or variables.region or "us").lower()


def _license_source(variables: Variables) -> str:
    """Return where the license comes from. Where the cloud is out of the question there is only the file."""
    by_default = "file" if variables.license_file else "none"
    if variables.license_only:
        return "file"
    return (variables.license or by_default) if variables.with_cloud else by_default


def _token_source(variables: Variables, cloud: Cloud) -> str:
    """Return a text that is the same for hosts that share a token.

    An id is one organization for every account; a name can be that of several, so the account counts, too. The text
    must not look like a list: ansible-core before 2.19 would make one of it.
    """
    organization = variables.cloud_organization
    parts = [cloud, organization.lower()]
    if not _ID.fullmatch(organization):
        parts = [cloud, variables.cloud_client_id, organization]
    return f"of {json.dumps(parts, sort_keys=True)}"


def plan_faults(variables: Variables, selected: Collection[str]) -> List[str]:
    """Return what is wrong with the variables of a host, each as a sentence or two."""
    faults: List[str] = []
    for name, text in variables.durations.items():
        try:
            parse_duration("0s" if text is None else text)
        except DurationError as error:
            faults.append(f"bitwarden_{name}: {error}")
    if variables.with_cloud:
        try:
            cloud_urls(_cloud(variables))
        except BitwardenError as error:
            faults.append(with_variables(str(error), CLOUD))
    if LICENSE in selected and _license_source(variables) == "file" and not variables.license_file:
        faults.append(
            "bitwarden_license_file is not set, but bitwarden_license is file. Set it to a file on the controller."
        )
    return faults + _contradictions(variables)


def _contradictions(variables: Variables) -> List[str]:
    """Return which variables contradict each other, so that what one of them asks for would silently not be done."""
    faults: List[str] = []
    if variables.update and variables.offline and not variables.update_source:
        faults.append(
            "bitwarden_update is if_needed and bitwarden_offline is true, but bitwarden_update_source is not set, so "
            "that the release would be downloaded. Set it to a folder with the scripts of the release."
        )
    if variables.license_only:
        return faults
    if variables.rotate and variables.offline:
        faults.append(
            "bitwarden_rotate and bitwarden_offline are both true, but an offline server has no token of the cloud. "
            "Leave one of them out."
        )
    elif variables.rotate and variables.billing_sync_token_given:
        faults.append(
            "bitwarden_rotate is true, but bitwarden_billing_sync_token is set: a rotation replaces the token, and "
            "this host would keep one that no longer works. Leave one of them out."
        )
    if not variables.rotate and variables.durations.get("token_max_age") is not None:
        faults.append(
            "bitwarden_token_max_age is set, but bitwarden_rotate is not true, so no token is rotated. Set both, or "
            "leave it out."
        )
    cloud = variables.cloud
    if isinstance(cloud, str) and cloud and variables.region and cloud.lower() != variables.region.lower():
        faults.append(
            f"bitwarden_cloud is {cloud}, but bitwarden_region is {variables.region}: the server would sync with "
            "another cloud than the one that the token comes from. Make them the same, or leave bitwarden_cloud out."
        )
    return faults
