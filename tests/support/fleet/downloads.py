# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests use of the sites that the scripts are downloaded from."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import List, Union, cast

from . import keys, names
from .shell import FleetError, docker

Fault = Union[int, str, None]


class Downloads:
    """Bitwarden's sites in the fleet: which version they give, how they fail, what they were asked."""

    def offer(self, version: str, announced: str | None = None) -> None:
        """Give the scripts of ``version`` (`names.RELEASES`); ``version.json`` may announce another one."""
        self._ask("PUT", {"version": version, "announced": announced or version})

    def fail(self, what: str, fault: Fault) -> None:
        """Let ``self`` (bitwarden.sh), ``run``, ``version`` or ``raw`` fail: a status, ``html``, ``empty``, ``cut``."""
        self._ask("PUT", {"faults": {what: fault}})

    def requests(self) -> list[str]:
        """Return the URLs that were requested since the last reset."""
        return cast(List[str], json.loads(self._ask("GET")))

    def stop(self, how: str = "refused") -> None:
        """Stop them. ``refused``: connections are; ``unknown``: the sites' names are not known any more (curl: 6)."""
        if how == "unknown":
            docker("stop", "-t", "1", names.DOWNLOADS_CONTAINER)
        else:
            docker("kill", "--signal=USR1", names.DOWNLOADS_CONTAINER)

    def reset(self) -> None:
        """Make them available, with the release of set-up, without faults."""
        try:
            self._ask("DELETE")
        except OSError:
            # In this order: one that has just been started would not yet wait for signals.
            docker("kill", "--signal=USR2", names.DOWNLOADS_CONTAINER, check=False)
            docker("start", names.DOWNLOADS_CONTAINER)
            self.wait(20)

    def wait(self, seconds: float) -> None:
        """Wait until they respond, then `reset`; a `FleetError` after ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._ask("DELETE")
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    raise FleetError(f"the downloads do not answer after {seconds:.0f} s: {error}") from error
                time.sleep(0.05)

    @staticmethod
    def _ask(method: str, body: object | None = None) -> bytes:
        context = ssl.create_default_context(cafile=str(keys.CA))
        connection = http.client.HTTPSConnection(names.DOWNLOADS_ADDRESS, timeout=10, context=context)
        try:
            connection.request(method, "/_control", json.dumps(body).encode() if body is not None else None)
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                raise FleetError(f"downloads: {method}: {response.status}")
            return response.read()
        finally:
            connection.close()


def downloads() -> Downloads:
    """Return Bitwarden's sites."""
    return Downloads()
