# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A quoted text and the advice after it."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import CLOUD, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.license_diagnosis import Diagnosis
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.license_failure import explain


@pytest.mark.parametrize(("message", "expected"), [
    ("The sync failed: Name or service not known", "The sync failed: Name or service not known. Check it."),
    ('The server said: "no"', 'The server said: "no". Check it.'),
    ('The server said: "No."', 'The server said: "No." Check it.'),
    ("It failed. ", "It failed. Check it."),
    ("It failed (500)", "It failed (500). Check it."),
])  # fmt: skip
def test_two_sentences(message, expected):
    assert str(ApiError(CLOUD, message, advice="Check it.")) == expected
    assert str(ApiError(CLOUD, message)) == message.rstrip()


def test_a_failed_sync_with_the_line_of_the_log():
    found = Diagnosis("dns", "Name or service not known (api.bitwarden.com:443)", "Check the DNS.", False)
    failure = explain(ApiError(CLOUD, "", 400, text="An error has occurred."), lambda *_arguments: found)
    assert str(failure).endswith("(api.bitwarden.com:443). Check the DNS.")
