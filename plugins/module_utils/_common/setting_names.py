# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of the settings that the code itself reads or writes, each once. The catalog has every other."""

from __future__ import annotations

CLOUD_COMMUNICATION = "globalSettings__enableCloudCommunication"
VAULT_URL = "globalSettings__baseServiceUri__vault"
LICENSE_DIRECTORY = "globalSettings__licenseDirectory"

INSTALLATION_ID = "globalSettings__installation__id"
INSTALLATION_KEY = "globalSettings__installation__key"

CLOUD_REGION = "globalSettings__baseServiceUri__cloudRegion"
IDENTITY_URL = "globalSettings__installation__identityUri"
API_URL = "globalSettings__installation__apiUri"
PUSH_URL = "globalSettings__pushRelayBaseUri"
CLOUD_URLS = (IDENTITY_URL, API_URL, PUSH_URL)

SMTP_HOST = "globalSettings__mail__smtp__host"

SQL_CONNECTION_STRING = "globalSettings__sqlServer__connectionString"
IDENTITY_CERTIFICATE_PASSWORD = "globalSettings__identityServer__certificatePassword"
KEY_CONNECTOR_CERTIFICATE_PASSWORD = "keyConnectorSettings__certificate__filesystemPassword"
