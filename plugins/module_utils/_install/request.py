# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of an installation: the options of module ``install`` as one value."""

from __future__ import annotations

import os
from typing import Any, Mapping, NamedTuple, Optional

from .._common.setting_names import CLOUD_REGION, INSTALLATION_ID, INSTALLATION_KEY
from .._config_yml.keys import Value, read_config
from .._scripts.pair import DOWNLOAD, LATEST
from .._settings.regions import REGION_URLS
from .._settings.types import guid_text

SELF_SIGNED, FILES, LETS_ENCRYPT, NO_CERTIFICATE = "self_signed", "files", "lets_encrypt", "none"


class CertificateFiles(NamedTuple):
    """The content of the certificate's files (PEM). ``key`` is a secret; ``ca`` may be empty."""

    cert: str
    key: str
    ca: str = ""


class InstallRequest(NamedTuple):
    """What the user asks for. ``installation_key`` is a secret; ``timeout`` in seconds is that of each step."""

    bwdata: str
    script: str
    domain: str
    installation_id: str
    installation_key: str
    region: str = "US"
    database_name: str = "vault"
    certificate: str = SELF_SIGNED
    certificate_files: Optional[CertificateFiles] = None
    config: Mapping[str, Value] = {}
    version: str = LATEST
    source: str = DOWNLOAD
    owner: Optional[str] = None
    verify_installation: bool = True
    pull: bool = True
    timeout: float = 600.0

    @property
    def parent(self) -> str:
        """The folder that contains bwdata."""
        return os.path.dirname(self.bwdata)

    @property
    def url(self) -> str:
        """The address of the server to be."""
        given = str(self.config.get("url") or "")
        return given or f"{'http' if self.certificate == NO_CERTIFICATE else 'https'}://{self.domain}"

    def cloud_setting(self, name: str) -> Optional[str]:
        """Return a setting of the connection to the cloud as the server is to have it."""
        urls = REGION_URLS[self.region] if self.region != "US" else {}
        own = {INSTALLATION_ID: self.installation_id, INSTALLATION_KEY: self.installation_key}
        return {**urls, **own, CLOUD_REGION: self.region}.get(name)


def install_request(params: Mapping[str, Any], timeout: float) -> InstallRequest:
    """Return the request of a module's parameters. Raises ``ConfigError``."""
    bwdata = os.path.abspath(params["bwdata"])
    files = params["certificate_files"] if params["certificate"] == FILES else None
    return InstallRequest(
        bwdata=bwdata,
        script=os.path.abspath(params["script"] or os.path.join(os.path.dirname(bwdata), "bitwarden.sh")),
        domain=params["domain"].strip().lower(),
        installation_id=guid_text(params["installation_id"]) or params["installation_id"].strip().lower(),
        installation_key=params["installation_key"].strip(),
        region=params["region"],
        database_name=params["database_name"],
        certificate=params["certificate"],
        certificate_files=CertificateFiles(files["cert"], files["key"], files["ca"] or "") if files else None,
        config=read_config(params["config"] or {}),
        version=params["version"],
        source=params["source"],
        owner=params["owner"],
        verify_installation=params["verify_installation"],
        pull=params["pull"],
        timeout=timeout,
    )
