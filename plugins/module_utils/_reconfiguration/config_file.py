# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""config.yml on the disk: read, planned and replaced as the override files are."""

from __future__ import annotations

import os

from .._config_yml.document import NAME, ConfigDocument
from .._settings.override_file import OverrideFile


class ConfigFile(OverrideFile):
    """The config.yml of the server whose data folder is ``bwdata``."""

    def __init__(self, bwdata: str) -> None:
        super().__init__(bwdata, "global")
        self.name = "config"
        self.path = os.path.realpath(os.path.join(bwdata, NAME))

    def document(self) -> ConfigDocument:
        """Read and parse the file. Raises ``OverrideFileError`` and ``ConfigFileError``."""
        return ConfigDocument.parse(self.read_bytes(), self.path)

    def _missing(self) -> str:
        return (
            f"{self.path} does not exist. Have Bitwarden create it (bitwarden.sh rebuild, then start), or set bwdata "
            "to the data folder of an installed server."
        )
