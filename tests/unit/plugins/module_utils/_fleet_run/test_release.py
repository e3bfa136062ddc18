# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The release that all hosts of a run get."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_run.release import (
    RELEASE,
    release_of,
    wanted_version,
)

DONE = {"after": {"core": "2026.8.0"}}
LATEST, FOLDER = {}, {"source": "/srv/release"}
EXACT, ON_HOST = {"version": "2026.7.0"}, {"source": "/srv/release", "remote_src": True}


@pytest.mark.parametrize(
    ("before", "options", "version"),
    [
        (LATEST, LATEST, "2026.8.0"),
        (LATEST, {"version": "latest", "source": "download"}, "2026.8.0"),
        (FOLDER, FOLDER, "2026.8.0"),
        (LATEST, EXACT, "2026.7.0"),
        (EXACT, LATEST, "latest"),
        (FOLDER, LATEST, "latest"),
        (ON_HOST, ON_HOST, "latest"),
    ],
)
def test_a_host_gets_what_one_before_it_found_for_the_same_request(before, options, version):
    earlier = [{}, {RELEASE: release_of(before, {"failed": True})}, {RELEASE: release_of(before, DONE)}]
    assert wanted_version(options, earlier) == version
    assert wanted_version(options, []) == (options.get("version") or "latest")
