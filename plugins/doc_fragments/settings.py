# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options about settings."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that set values in the override files."""

    DOCUMENTATION = r"""
options:
  file:
    description:
      - The file in C(env) below O(bwdata) for the settings.
      - V(global) is C(global.override.env), which most services read. V(mssql) is C(mssql.override.env).
        V(key_connector) is C(key-connector.override.env).
    type: str
    choices: [global, mssql, key_connector]
    default: global
  settings:
    description:
      - Settings by name, for instance C(globalSettings__mail__smtp__host).
      - A value is a string, a number, a boolean (written as V(true) or V(false)), or null to remove the setting.
        Secrets, ids and time spans must be quoted where YAML takes them for a number, boolean or date.
      - Names match in any case, as the server reads them, and C(:) counts as C(__). Several lines of one setting are
        reduced to one.
      - A value with which the server would not start or sync is an error, and so is one that Bitwarden's update would
        lose, such as one with a line break. Settings that Bitwarden fills in by itself cannot be removed.
      - A setting whose name stands for a secret, such as a password or key, is treated as if given in
        O(secret_settings). So is one whose value was encrypted with C(ansible-vault encrypt_string), or contains such a
        variable.
    type: dict
    default: {}
  secret_settings:
    description:
      - The same as O(settings), for secrets. Their values never appear in output, diffs or logs.
    type: dict
    default: {}
  cloud_communication:
    description:
      - Whether the server may contact Bitwarden's cloud, which syncing the license and sponsorships requires.
      - Short for C(globalSettings__enableCloudCommunication).
    type: bool
  region:
    description:
      - The cloud that issued the server's installation id and key, V(EU) or V(US), in any case.
      - V(EU) sets the region and the three URLs of that cloud. V(US) sets the region and removes the three URLs of the
        EU, since those of the US are the server's defaults.
      - Other URLs than those of Bitwarden's clouds, such as that of a proxy, stay as they are, with a warning where one
        looks wrong. So does V(REPLACE) as C(globalSettings__pushRelayBaseUri), which turns push off.
      - An explicit URL in O(settings) takes precedence. Another C(globalSettings__baseServiceUri__cloudRegion) there is
        an error.
    type: str
    choices: [EU, US]
  unknown_settings:
    description:
      - What to do about a setting that the server does not know, or whose section is mistyped, missing or of another
        file. The server would silently ignore it, so it is most likely a typo. The message names the nearest known
        name.
      - Names that resemble no setting of Bitwarden, such as V(HTTP_PROXY), are accepted as they are.
    type: str
    choices: [warn, fail, ignore]
    default: warn
  backup:
    description:
      - Whether to keep a copy of the previous file next to it when it changes, readable only by its owner.
    type: bool
    default: false
  backup_count:
    version_added: 0.2.0
    description:
      - How many backups of the file to keep, the new one included. When O(backup) makes another, older ones that it
        made are removed. V(0) keeps all of them.
    type: int
    default: 10
  lock_timeout:
    description:
      - How long to wait while another run works on the same server, as V(<n>[s|m|h|d|w]).
    type: str
    default: 15m
"""
