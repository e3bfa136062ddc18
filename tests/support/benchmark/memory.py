# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory of the controller with very many hosts. All is real but hosts and API, which answer without being asked.

What they answered the first time, on the fleet, they answer always.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Dict, List

from tests.support.fleet import api

from . import turns
from .figures import ratios
from .runs import EMPTY, FLOW, ROOT, Controller

# What asks hosts and API: file of the collection -> the method in it. Role, action plugins and libraries stay.
_ASKING = {
    "plugins/plugin_utils/_host_action.py": "HostActionModule._run_module",
    "plugins/action/organization.py": "ActionModule.perform",
}
_ANSWERING = """

def _answering(method):
    import json
    from pathlib import Path

    def answer(self, *arguments, **named):
        what = arguments[0] if isinstance(arguments[0], str) else "organization"
        file = Path("{folder}") / (what + ".json")
        if not file.exists():
            file.write_text(json.dumps(method(self, *arguments, **named)))
        return json.loads(file.read_text())

    return answer


{method} = _answering({method})
"""


def measure(controller: Controller, rounds: int, size: int) -> Dict[str, List[float]]:
    """Return the figures of the group ``memory``."""
    collections = answering_collection(controller)
    controller.write_inventory({f"vault{number}": _host(number) for number in range(size)})
    runs = turns.take(
        rounds,
        {
            "flow": lambda: controller.run(FLOW, ANSIBLE_COLLECTIONS_PATH=str(collections)),
            "empty": lambda: controller.run(EMPTY, ANSIBLE_COLLECTIONS_PATH=str(collections)),
        },
    )
    return {"memory": ratios(*([run.memory for run in runs[name]] for name in ("flow", "empty")))}


def answering_collection(controller: Controller) -> Path:
    """Make a copy of the collection that answers what a host of the fleet has answered it; return where it is."""
    base = controller.home / "collections"
    collection = base / "ansible_collections" / "selfhosted" / "bitwarden"
    for part in ("roles", "playbooks", "meta", "plugins"):
        shutil.copytree(ROOT / part, collection / part)
    for file, method in _ASKING.items():
        with (collection / file).open("a", encoding="utf-8") as stream:
            stream.write(_ANSWERING.format(folder=base, method=method))
    host = api.hosts()[0]
    controller.write_inventory({host.name: host.variables})
    controller.run(FLOW, ANSIBLE_COLLECTIONS_PATH=str(base))
    return base


def _host(number: int) -> Dict[str, Any]:
    return {
        "bitwarden_url": f"https://vault{number}.example.com",
        "bitwarden_client_id": f"user.00000000-0000-4000-8000-{number:012}",
        "bitwarden_client_secret": "not used",
        "bitwarden_billing_sync_token": "not used",
    }
