# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Options of the modules that set values in the override files.
    DOCUMENTATION = r"""
options:
  file:
    description:
      - Which of the files in C(env) below O(bwdata) the settings belong to.
      - V(global) is C(global.override.env), which most services read, V(mssql) is C(mssql.override.env), and
        V(key_connector) is C(key-connector.override.env).
    type: str
    choices: [global, mssql, key_connector]
    default: global
  settings:
    description:
      - Settings by name, for instance C(globalSettings__mail__smtp__host).
      - A value is a string, a number, a boolean (written as V(true) or V(false)), or null to have the setting absent.
      - Names match in any case, as the server reads them, and C(:) counts as C(__). Several lines of one setting become one.
      - A value that the server would not start or sync with is refused, and so is one that Bitwarden's update would lose,
        such as one with a line break. The settings that Bitwarden fills in by itself cannot be removed.
      - Settings whose names promise a secret are handled as if given in O(secret_settings).
    type: dict
    default: {}
  secret_settings:
    description:
      - The same as O(settings), for secrets. Their values never show in output, differences or logs.
    type: dict
    default: {}
  cloud_communication:
    description:
      - Whether the server may talk to Bitwarden's cloud, which the sync of license and sponsorships needs.
      - Short for C(globalSettings__enableCloudCommunication).
    type: bool
  region:
    description:
      - The cloud that the installation id and key of the server came from.
      - V(EU) sets the region and the three URLs of that cloud. V(US) sets the region and removes the three URLs of the EU
        where they stand, since those of the US are the server's defaults.
      - The URL of a proxy stays as it is, and so does V(REPLACE) as C(globalSettings__pushRelayBaseUri), which turns push off.
      - What O(settings) says explicitly about a URL wins. Another C(globalSettings__baseServiceUri__cloudRegion) there is an
        error.
    type: str
    choices: [EU, US]
  unknown_settings:
    description:
      - What to do about a C(globalSettings__) or C(adminSettings__) name that the server does not know. It would ignore the
        setting without a word, so this is mostly a typing error; the message names the nearest known name.
    type: str
    choices: [warn, fail, ignore]
    default: warn
  backup:
    description:
      - Keep a copy of the file as it was beside it, readable by its owner only, whenever it changes.
    type: bool
    default: false
  lock_timeout:
    description:
      - How long to wait while another run is working on the same server, as V(<n>[s|m|h|d|w]).
    type: str
    default: 15m
"""
