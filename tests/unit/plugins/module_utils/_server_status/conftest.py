# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The loopback stand-ins of the tests of connectivity."""

from __future__ import annotations

from .._connectivity.conftest import addresses, authority, network, serve

__all__ = ["addresses", "authority", "network", "serve"]
