# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What module server_info gathers beside the deployment itself; what cannot be known is null, with the reason."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import urlsplit

from .._certificates.pem import CertificateError
from .._common.dates import format_date
from .._common.errors import EXPECTED, message_of
from .._common.setting_names import INSTALLATION_ID, VAULT_URL
from .._connectivity.http import Network
from .._connectivity.tls import context_of, given_certificates
from .._deployment.deployment import Deployment
from .._deployment.drift import Stack
from .._deployment.facts import override_settings
from .._docker.running import running_container
from .._settings.types import guid_text
from .backup import backup_facts, last_backup
from .certificate import Certificate, certificate_path, is_in_file, served_certificate
from .versions import available_versions, installed_versions, script_versions

AVAILABLE_VERSIONS, CERTIFICATE, BACKUP = "available_versions", "certificate", "backup"
#: What is warned of.
NOT_AVAILABLE = "The available version is not known: {reason}"
NOT_LOADED = (
    "nginx serves another certificate than the one in {path}. Reload it (docker exec bitwarden-nginx nginx -s reload)."
)
_NGINX = "nginx"
_DAY = 86400


class Request(NamedTuple):
    """What is gathered. ``timeout`` in seconds is for each question over the network; ``environ`` names proxies."""

    gather: Tuple[str, ...]
    timeout: float
    backup_dest: str
    environ: Mapping[str, str]


class StatusFacts:
    """The facts about one deployment; ``now`` is the moment that ages count from."""

    def __init__(self, deployment: Deployment, request: Request, now: Optional[datetime] = None) -> None:
        self._deployment = deployment
        self._request = request
        self._now = now or datetime.now(timezone.utc)
        self._unknown: Dict[str, str] = {}
        self._warnings: List[str] = []

    def gather(self, stack: Stack) -> Dict[str, Any]:
        """Return the facts; ``stack`` is what could be read of it. No expected error is raised."""
        facts: Dict[str, Any] = {
            "versions": installed_versions(stack),
            "script_versions": self._known("script_versions", self._script_versions),
            AVAILABLE_VERSIONS: self._if_asked(AVAILABLE_VERSIONS, self._available_versions),
            CERTIFICATE: self._if_asked(CERTIFICATE, lambda: self._certificate(stack)),
            BACKUP: self._if_asked(BACKUP, lambda: self._backup(stack)),
        }
        if AVAILABLE_VERSIONS in self._unknown:
            self._warnings.append(NOT_AVAILABLE.format(reason=self._unknown[AVAILABLE_VERSIONS]))
        return {**facts, "unknown": self._unknown, "warnings": self._warnings}

    def _if_asked(self, name: str, read: Callable[[], Dict[str, Any]]) -> Optional[Dict[str, Any]]:
        return self._known(name, read) if name in self._request.gather else None

    def _known(self, name: str, read: Callable[[], Dict[str, Any]]) -> Optional[Dict[str, Any]]:
        try:
            return read()
        except EXPECTED as error:
            self._unknown[name] = message_of(error)
            return None

    def _script_versions(self) -> Dict[str, Any]:
        return dict(script_versions(_text(self._deployment.script.path)))

    def _available_versions(self) -> Dict[str, Any]:
        trusted = context_of(given_certificates(self._deployment.bwdata), defaults=True)
        return dict(available_versions(Network(self._request.environ, trusted), self._request.timeout))

    def _certificate(self, stack: Stack) -> Dict[str, Any]:
        nginx = stack.services.get(_NGINX)
        if running_container(stack.containers, _NGINX) is None:
            raise CertificateError("nginx is not running, so no certificate is served.")
        name = urlsplit(stack.setting(VAULT_URL) or "").hostname or ""
        found = served_certificate(nginx.ports if nginx else (), name, self._request.timeout)
        path = self._certificate_path()
        expires = datetime.fromtimestamp(found.expires, timezone.utc)
        return {
            "expires": format_date(expires),
            "days_left": int((expires - self._now).total_seconds() // _DAY),
            "names": list(found.names),
            "issuer": found.issuer,
            "path": path,
            "loaded": self._is_loaded(found, path),
        }

    def _certificate_path(self) -> Optional[str]:
        try:
            site = _text(os.path.join(self._deployment.bwdata, _NGINX, "default.conf"))
        except OSError:
            return None
        return certificate_path(self._deployment.bwdata, site)

    def _is_loaded(self, found: Certificate, path: Optional[str]) -> Optional[bool]:
        """Tell whether nginx serves what its file holds, and warn where it does not; None where that is not known."""
        try:
            loaded = is_in_file(found, _text(path)) if path else None
        except OSError:
            return None
        if loaded is False:
            self._warnings.append(NOT_LOADED.format(path=path))
        return loaded

    def _backup(self, stack: Stack) -> Dict[str, Any]:
        setting = stack.setting(INSTALLATION_ID) or override_settings(self._deployment).get(INSTALLATION_ID)
        return backup_facts(last_backup(self._request.backup_dest, guid_text(setting)), self._now)


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as stream:
        return stream.read()
