# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers as the engine describes them."""

from __future__ import annotations

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.containers import Container


def make_container(service, **changes):
    """Return a running container of a service without a health check."""
    values = {
        "id": service, "service": service, "state": "running", "health": None, "restarts": 0, "created": 100.0,
        "started": 100.0, "finished": 0.0, "image": "i", "image_id": "sha", "labels": {}, "environment": {},
        "health_check": None,
    }  # fmt: skip
    return Container(**{**values, **changes})
