#!/usr/bin/python
# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server: documentation, options and the call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server
short_description: Manage the state and settings of a self-hosted Bitwarden server
version_added: 0.1.0
author:
  - selfhosted.bitwarden contributors (@selfhosted)
description:
  - Writes the settings of a self-hosted server, starts, restarts or stops it, and waits until all services are healthy.
  - Also changes C(config.yml) and installs certificates.
  - Rolls back settings that make the server unhealthy.
extends_documentation_fragment:
  - selfhosted.bitwarden.attributes
  - selfhosted.bitwarden.attributes.host
  - selfhosted.bitwarden.host
  - selfhosted.bitwarden.host.unreachable
  - selfhosted.bitwarden.settings
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Values of settings whose names look secret, and those of O(secret_settings), are masked.
  idempotent:
    support: partial
    details:
      - With O(state=restarted) every run restarts the server.
options:
  script:
    description:
      - Path of C(bitwarden.sh).
      - The default is C(bitwarden.sh) in the folder that contains O(bwdata).
    type: path
  state:
    description:
      - V(started) starts the server if a service is missing, and restarts it if a service runs on settings other than
        those in the files. A service that is unhealthy on the current settings is reported, but not restarted.
      - If only a service that is not one of Bitwarden's own is missing, V(started) starts just that service. One that
        has exited is not started again.
      - V(restarted) always restarts the server. V(stopped) stops it and removes its containers.
    type: str
    choices:
      - started
      - restarted
      - stopped
    default: started
  config:
    version_added: 0.2.0
    description:
      - Keys of C(config.yml), from which Bitwarden's setup tool generates C(docker-compose.yml), the nginx site and
        more. Other keys stay as they are. Null leaves a key empty.
      - If a value differs, or the generated files do not match these keys, C(bitwarden.sh rebuild) generates the files
        again, with about a minute of downtime.
      - An empty mapping changes no key, and rebuilds a server whose generated files do not match C(config.yml).
      - The keys are C(url), C(generate_compose_config), C(generate_nginx_config), C(http_port), C(https_port), C(ssl),
        C(ssl_versions), C(ssl_ciphersuites), C(ssl_curves), C(ssl_managed_lets_encrypt), C(ssl_certificate_path),
        C(ssl_key_path), C(ssl_ca_path), C(ssl_diffie_hellman_path), C(nginx_header_content_security_policy),
        C(push_notifications), C(database_docker_volume), C(real_ips), C(enable_key_connector), C(enable_scim) and
        C(enable_built_in_ms_sql).
    type: dict
  certificate:
    version_added: 0.2.0
    description:
      - The certificate for nginx. It is written to the paths that C(config.yml) names, readable by the nginx user, and
        nginx reloads without downtime.
      - It is checked on the controller first. The key must match, the chain must be in order, nothing may have expired,
        and it must be valid for the host of the server's URL. If it expires within 30 days, the module warns.
      - Fails for a server whose certificate is managed with Let's Encrypt.
    type: dict
    suboptions:
      cert:
        description:
          - Path on the controller of the certificate in PEM, followed by those of its issuers.
          - A relative path is searched as M(ansible.builtin.copy) searches its sources, also for O(certificate.key) and
            O(certificate.ca).
        type: str
        required: true
      key:
        description:
          - Path on the controller of the private key in PEM, without a passphrase. A file encrypted with
            C(ansible-vault) is decrypted in memory.
        type: str
        required: true
      ca:
        description:
          - Path on the controller of the authority's certificates, for C(ssl_ca_path) in C(config.yml). With it
            Bitwarden turns on OCSP stapling, which sends requests to the Internet.
        type: str
  preflight:
    version_added: 0.2.0
    description:
      - What to do about problems found by the checks of M(selfhosted.bitwarden.cloud_connectivity_info). They run
        before this module changes a server with cloud communication on, or to be turned on, also in check mode. An
        unchanged run checks nothing.
      - V(auto) fails before any change if a problem is certain (see RV(preflight.certain)) and the run would put the
        settings concerned into effect. It warns of all others, as those may pass.
      - V(fail) fails for every problem. V(warn) only warns. V(skip) skips the checks.
    type: str
    choices:
      - auto
      - fail
      - warn
      - skip
    default: auto
  wait:
    description:
      - Wait until every service passes its health check, and those without one are running.
      - A service that crash-loops is reported at once, with its last log lines.
      - A service that was missing or unhealthy before, and uses no file that this run changes, causes only a warning.
        Without a change of settings this applies only to services that are not Bitwarden's own.
    type: bool
    default: true
  wait_timeout:
    description:
      - How long each step may take, as V(<n>[s|m|h|d|w]). A step is a call of C(bitwarden.sh) or Docker Compose, or the
        wait for healthy services.
      - A command that takes longer is killed, and the message names it. Pulling images over a slow connection can take
        longer than the default.
    type: str
    default: 600s
  rollback:
    description:
      - If the server does not become healthy on the settings that this run wrote, restore the file, start the server on
        it, and fail. With O(config), C(config.yml) and the generated files are restored, too.
      - Other settings stay as they are, except those of an earlier run that was interrupted before the server was
        healthy on them. This run completes the earlier one or rolls it back, and warns.
    type: bool
    default: true
  pull:
    description:
      - Whether a restart pulls the images of the installed version.
      - With V(false) Docker Compose starts the server from local images instead of C(bitwarden.sh), and recreates only
        the services whose settings changed.
    type: bool
    default: true
notes:
  - Manages standard deployments (C(bitwarden.sh), Docker Compose).
  - A server is restarted only if containers are missing, or were created with other settings than Compose would give
    them now. C(docker-compose.override.yml) counts, and so do files that were edited by hand or written by an
    interrupted run.
  - C(bitwarden.sh restart) is run as the owner of O(bwdata), and pulls the images of the installed version. If services
    are down afterwards, the module starts the server from local images on the desired settings, and warns.
  - Before anything is stopped, the module checks that the server can start again, also in check mode. It fails if a
    container name or port is taken, a network, volume or image is missing, or Compose cannot read a file.
  - M(selfhosted.bitwarden.server_unchanged) is run on the host first. If it finds nothing to do, the task ends there.
  - With O(config) the module fails before any change if the server could not start again, because a port is taken, a
    certificate is missing, or C(bitwarden.sh) is of another version than the server, so that a rebuild would be an
    update.
  - The setup tool removes your comments from C(config.yml), and keys that it does not know. The module warns of both.
  - After O(certificate) was installed, the certificate that nginx serves is compared with it. If they differ,
    O(rollback) restores the old one.
  - With O(wait), services are asked directly after a change, and where Docker still reports them as starting. Otherwise
    the state that Docker reports is enough. The service C(icons) only has to be running, as its health check requires
    the Internet.
  - The Docker engine is that of the owner of O(bwdata), with the owner's permissions. It is found by E(DOCKER_HOST),
    the current Docker context, C(/var/run/docker.sock), or the socket of a rootless engine.
  - Only containers that Compose created from C(bwdata/docker) are touched. Compose itself distinguishes projects by
    name, which is C(docker) for every server. For a second server on a host set C(COMPOSE_PROJECT_NAME) in its
    C(bwdata/docker/.env).
seealso:
  - module: selfhosted.bitwarden.override_env
  - module: selfhosted.bitwarden.server_info
  - module: selfhosted.bitwarden.cloud_connectivity_info
  - module: selfhosted.bitwarden.sync_log_info
"""

EXAMPLES = r"""
- name: Allow communication with the cloud of the European Union
  selfhosted.bitwarden.server:
    cloud_communication: true
    region: EU
  become: true

- name: Set a mail server without pulling images
  selfhosted.bitwarden.server:
    settings:
      globalSettings__mail__smtp__host: mail.example.com
      globalSettings__mail__smtp__port: 587
    secret_settings:
      globalSettings__mail__smtp__password: "{{ bitwarden_smtp_password | default('correct horse battery staple') }}"
    pull: false
    wait_timeout: 10m
  become: true

- name: Start the server, or restart it where it runs on other settings than those in the files
  selfhosted.bitwarden.server:
    state: started
  become: true

- name: Allow cloud communication only if the cloud can be reached
  selfhosted.bitwarden.server:
    cloud_communication: true
    preflight: fail
  become: true

- name: Publish HTTP on another port, and trust the proxy in front
  selfhosted.bitwarden.server:
    config:
      http_port: 8080
      real_ips:
        - 10.10.0.0/24
  become: true

- name: Renew the certificate without downtime
  selfhosted.bitwarden.server:
    certificate:
      cert: "certificates/{{ inventory_hostname }}.pem"
      key: "certificates/{{ inventory_hostname }}.key"
  become: true

- name: Stop the server
  selfhosted.bitwarden.server:
    state: stopped
  become: true
"""

RETURN = r"""
restarted:
  description: Whether containers were started or restarted, or would be in check mode.
  returned: always
  type: bool
  sample: true
changes:
  description: What changes in the settings file, without values.
  returned: always
  type: list
  elements: dict
  sample:
    - key: globalSettings__enableCloudCommunication
      action: added
  contains:
    key:
      description: Name of the setting.
      type: str
      returned: always
    action:
      description: V(added), V(changed), V(removed), or V(normalized) where the same value is written differently.
      type: str
      returned: always
preflight:
  description:
    - What the connectivity checks found, see O(preflight). Null when they did not run.
  returned: always
  type: dict
  contains:
    ok:
      description: Whether they found no problem.
      type: bool
      returned: always
    problems:
      description: One line for each problem, with what to do about it.
      type: list
      elements: str
      returned: always
    certain:
      description:
        - Those of RV(preflight.problems) that neither waiting nor a change of the network can solve. The cloud does not
          know the installation, has disabled it, or refuses its key, or it is of the other region.
      type: list
      elements: str
      returned: always
    checks:
      description: All checks, as M(selfhosted.bitwarden.cloud_connectivity_info) returns them.
      type: list
      elements: dict
      returned: always
    region:
      description: The region that the server is to have.
      type: str
      returned: always
    installation:
      description: The installation in the cloud, as M(selfhosted.bitwarden.cloud_connectivity_info) returns it.
      type: dict
      returned: always
config:
  description:
    - The changes of C(config.yml). Null where O(config) is not set and no earlier run has to be completed.
  returned: always
  type: dict
  sample:
    changes:
      - key: https_port
        action: changed
    rebuilt: true
  contains:
    changes:
      description: The keys that change, without values.
      type: list
      elements: dict
      returned: always
      contains:
        key:
          description: Name of the key.
          type: str
          returned: always
        action:
          description: V(added) or V(changed).
          type: str
          returned: always
    rebuilt:
      description:
        - Whether the files generated from C(config.yml) are generated again.
      type: bool
      returned: always
certificate:
  description:
    - The certificate in O(certificate). Null without that option.
  returned: always
  type: dict
  sample:
    subject: CN=vault.example.com
    issuer: CN=Example CA
    names:
      - vault.example.com
    not_before: "2026-11-01T00:00:00Z"
    not_after: "2027-01-30T00:00:00Z"
    days_left: 65
    fingerprint: 0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9:0A:1B:2C:3D:4E:5F:60:71:82:93:A4:B5:C6:D7:E8:F9
    changed: true
  contains:
    subject:
      description: Whom it was issued to.
      type: str
      returned: always
    issuer:
      description: Who issued it.
      type: str
      returned: always
    names:
      description: The hosts that it is for.
      type: list
      elements: str
      returned: always
    not_before:
      description: When it becomes valid.
      type: str
      returned: always
    not_after:
      description: When it ends.
      type: str
      returned: always
    days_left:
      description:
        - How many whole days it remains valid.
      type: int
      returned: always
    fingerprint:
      description: Its SHA-256 fingerprint.
      type: str
      returned: always
    changed:
      description:
        - Whether its files change, or nginx reloads them.
      type: bool
      returned: always
stale_services:
  description: The services that did not run on their settings before this run, with the names of those settings.
  returned: when the deployment could be read
  type: dict
  sample:
    api:
      - globalSettings__enableCloudCommunication
services:
  description: The services after the run, sorted by name.
  returned: when the deployment could be read
  type: list
  elements: dict
  sample:
    - name: api
      state: running
      health: healthy
      image: ghcr.io/bitwarden/api:2026.8.0
  contains:
    name:
      description: Name of the service.
      type: str
      returned: always
    state:
      description: State of its container as Docker names it, or V(absent).
      type: str
      returned: always
    health:
      description: V(healthy), V(unhealthy), V(starting), or null where the service has no health check.
      type: str
      returned: always
    image:
      description: The image of its container, or the one that Compose would use.
      type: str
      returned: always
version:
  description:
    - Version of Bitwarden, from the image of the service C(api). Null where the image does not tell.
  returned: when the deployment could be read
  type: str
  sample: 2026.8.0
cloud_communication:
  description:
    - Whether the server's settings enable cloud communication, or would in check mode.
  returned: when the deployment could be read
  type: bool
  sample: true
installation_id:
  description: The installation id in the server's settings.
  returned: when the deployment could be read
  type: str
  sample: b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b
backup_file:
  description: Path of the copy that O(backup) made.
  returned: when the deployment could be read
  type: str
  sample: /opt/bitwarden/bwdata/env/global.override.env.2026-11-22T10-00-00Z.bak
rolled_back:
  description:
    - Whether settings of this run, or of an interrupted earlier run, were rolled back because the server was unhealthy
      with them.
  returned: always
  type: bool
  sample: false
rc:
  description: Exit status of C(bitwarden.sh), or of Compose with O(pull=false). Null when neither ran.
  returned: when the deployment could be read
  type: int
  sample: 0
stdout:
  description:
    - Output of that command, with secrets masked. At most the last 256 KiB.
  returned: when the deployment could be read
  type: str
  sample: ""
stderr:
  description:
    - Error output of that command, with secrets masked. At most the last 256 KiB.
  returned: when the deployment could be read
  type: str
  sample: ""
"""

import os
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.setting_names import (
    CLOUD_COMMUNICATION,
    CLOUD_REGION,
    CLOUD_URLS,
    INSTALLATION_ID,
    INSTALLATION_KEY,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._config_yml.keys import read_config
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.apply import apply
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import (
    LEFT_BEHIND,
    Journal,
    open_journal,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.outcome import Outcome
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.plan import (
    STOPPED,
    Plan,
    Request,
    SettingsChange,
    StateError,
    plan,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import canonical
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import (
    HOST_MODULES,
    read_durations,
    request_from,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.types import is_true

if TYPE_CHECKING:
    from ansible_collections.selfhosted.bitwarden.plugins.module_utils._reconfiguration.change import Change

# What a failed result has where the run did not get so far.
FAILURE = {
    "restarted": False,
    "changes": [],
    "rolled_back": False,
    "preflight": None,
    "config": None,
    "certificate": None,
}

_CLOUD_SETTINGS = frozenset(
    map(canonical, (CLOUD_COMMUNICATION, CLOUD_REGION, *CLOUD_URLS, INSTALLATION_ID, INSTALLATION_KEY))
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=HOST_MODULES["server"], supports_check_mode=True)
    settings = request_from(module.params)
    run_host_module(module, lambda module: run(module, settings), FAILURE)


def run(module: AnsibleModule, settings: SettingsRequest) -> Dict[str, Any]:
    """Bring the server to the state that the options describe, and return the result."""
    params = module.params
    durations = read_durations(params)
    config = None if params["config"] is None else read_config(params["config"])
    request = Request(
        state=params["state"],
        settings=SettingsChange.requested(settings, params["bwdata"]),
        wait=params["wait"],
        wait_timeout=durations["wait_timeout"],
        rollback=params["rollback"],
        pull=params["pull"],
        backup=params["backup"],
        backup_count=params["backup_count"],
    )
    deployment = open_deployment(params)
    with server_lock(params["bwdata"], durations["lock_timeout"]) as lock:
        # Should this run be killed, bitwarden.sh goes on; the next run waits for it.
        deployment.commands.inherited = (lock,)
        journal = open_journal(deployment.bwdata, module.warn, module.check_mode)
        change = change_of(params, request, config, lock)
        planned = change.plan() if change else plan(deployment, request)
        if planned.file is not None and planned.writes:
            planned.file.file.require_writable(planned.file.plan)
        restarts, needed = (change.restarts, change.needed) if change else (False, False)
        diff = {}
        if module._diff and (planned.changed or needed):
            diff = {"diff": change.diff(planned) if change else planned.diff()}
        preflight: Optional[Dict[str, Any]] = None
        warnings: List[str] = []
        if params["preflight"] != "skip" and needs_preflight(planned, restarts):
            preflight, warnings = run_preflight(planned, params["preflight"])
        shown = {"preflight": preflight, **diff}
        try:
            result = carry_out(planned, journal, change, module.check_mode)
        except StateError as error:
            error.keys = with_shown(error.keys, shown, warnings)
            raise
    if not result["changed"]:
        shown.pop("diff", None)
    return with_shown(result, shown, warnings)


def open_deployment(params: Mapping[str, Any], lock: Optional[int] = None) -> Deployment:
    """Open the deployment that the options name; its commands inherit the descriptor of the ``lock``."""
    deployment = Deployment(params["bwdata"], params["script"], os.environ, read_durations(params)["wait_timeout"])
    if lock is not None:
        deployment.commands.inherited = (lock,)
    return deployment


def change_of(
    params: Mapping[str, Any], request: Request, config: Optional[Mapping[str, Any]], lock: int
) -> Optional[Change]:
    """Return what is asked of config.yml and certificate, or was left by a run that was cut off; None for nothing."""
    files = params["certificate"]
    if config is None and not files and not os.path.lexists(os.path.join(params["bwdata"], LEFT_BEHIND)):
        return None
    # Only here: most runs do not need it.
    from ansible_collections.selfhosted.bitwarden.plugins.module_utils._reconfiguration.change import (  # noqa: PLC0415
        Change,
    )

    return Change(lambda: open_deployment(params, lock), request, config, files or None)


def carry_out(planned: Plan, journal: Journal, change: Optional[Change], check_mode: bool) -> Dict[str, Any]:
    """Carry the plan out, or predict its result, and return that. Raises ``StateError``."""
    if change is not None:
        if check_mode:
            return change.predicted(planned)
        # Only here: as above.
        from ansible_collections.selfhosted.bitwarden.plugins.module_utils._reconfiguration.steps import (  # noqa: PLC0415
            apply_change,
        )

        return apply_change(change, planned, journal)
    outcome = Outcome(planned) if check_mode else apply(planned, journal=journal)
    return {**outcome.result(), "config": None, "certificate": None}


def needs_preflight(planned: Plan, restarts: bool) -> bool:
    """Tell whether the run is about to change a server that is to communicate with the cloud."""
    switched_on = is_true(planned.stack.setting(CLOUD_COMMUNICATION))
    return (planned.changed or restarts) and planned.request.state != STOPPED and switched_on


def changes_cloud(planned: Plan) -> bool:
    """Tell whether the run puts the server on other settings of the connection to the cloud."""
    names = [change["key"] for change in planned.changes()]
    names += [name for stale in planned.stack.stale().values() for name in stale]
    return any(canonical(name) in _CLOUD_SETTINGS for name in names)


def run_preflight(planned: Plan, mode: str) -> Tuple[Dict[str, Any], List[str]]:
    """Check the connections to the cloud; return the report and what to warn of.

    Raises ``StateError`` for a problem for which ``mode``, the option ``preflight``, says so.
    """
    # Only here: an unchanged run does not need it.
    from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.run import (  # noqa: PLC0415
        check_connectivity,
    )

    report = check_connectivity(planned.deployment, planned.stack, planned.removed, environ=os.environ)
    result: Dict[str, Any] = report.result(planned.mask)
    fatal = {"fail": result["problems"], "auto": result["certain"] if changes_cloud(planned) else []}.get(mode)
    if fatal:
        message = f"The cloud connectivity checks failed, and nothing was changed: {' '.join(fatal)}"
        raise StateError(f"{message} To change the server nevertheless, set preflight to warn.", {"preflight": result})
    return result, [f"Cloud connectivity: {problem}" for problem in result["problems"]]


def with_shown(result: Dict[str, Any], shown: Dict[str, Any], warnings: List[str]) -> Dict[str, Any]:
    """Return the result of a run with the keys and warnings that this module adds."""
    return {**result, **shown, "warnings": [*warnings, *result.get("warnings", [])]}


if __name__ == "__main__":
    main()
