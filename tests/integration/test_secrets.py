# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No secret of the fleet is seen anywhere but where it belongs: every secret is random, so a hit is a leak."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Set

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.kdf import Kdf, master_password_hash
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import secret_values
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile

from tests.support.fleet import api, names

from .ansible_run import INVENTORY, ROOT, Run, playbook

HOST = "bw1"
# Made up here, so not among the fleet's own: a setting whose name tells that it is secret, given as a plain one,
# one whose name does not, given as a secret one, and a token that the cloud does not know.
PLAIN_SECRET = "Canary0PlainSettingSmtpPw"
GIVEN_SECRET = "Canary0GivenAsSecretValue"
BAD_TOKEN = "Canary0UnknownBillingToken"
BAD_PASSWORD = "Canary0WrongMasterPassword"
BAD_INSTALLATION_KEY = "Canary0InstallationKey"
BAD_LICENSE = "Canary0LicenseKeyOfNobody"
DOWNLOADED = "/tmp/bitwarden-test-secrets-license.json"  # where a license is kept on purpose
BACKUPS = "/var/backups/bitwarden"
# Where secrets are at home on the host.
AT_HOME = (
    "/run/docker/",
    "/opt/bitwarden/bwdata/env/",
    "/opt/bitwarden/bwdata/core/",
    "/opt/bitwarden/bwdata/docker/",
    "/opt/bitwarden/bwdata/mssql/data/",
    "/var/lib/docker/",
    f"{BACKUPS}/",
)

# The health check of the real mssql, too, has the password among its arguments.
BY_BITWARDEN = re.compile(r" -U sa -P \S+(?= -b -Q SELECT 1 )")

# On the host, where it takes the least that looks thirty times a second.
_LOOK = """
import os, sys, time
seen = set()
end = time.monotonic() + 600
while not os.path.exists("/var/tmp/watch-ended") and time.monotonic() < end:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/cmdline", "rb", buffering=0) as file:
                    seen.add(file.read())
            except OSError:
                pass
    time.sleep(0.03)
sys.stdout.buffer.write(b"\\n".join(seen).replace(b"\\0", b" "))
"""


class Watch:
    """Looks at the process lists of both sides while runs go on, and takes what is sent to the controller's syslog."""

    def __init__(self, host: api.Host, work: Path) -> None:
        self.host = host
        self.work = work
        self.seen: Set[str] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=loop, daemon=True) for loop in (self._here, self._there)]
        self._syslog: List[bytes] = []

    def __enter__(self) -> Watch:
        self.host.execute("sh", "-c", ": > /var/log/syslog; touch /var/tmp/watch-began")
        if not Path("/dev/log").exists():
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.bind("/dev/log")
            self._socket.settimeout(0.2)
            self._threads.append(threading.Thread(target=self._log, daemon=True))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        if hasattr(self, "_socket"):
            self._socket.close()
            Path("/dev/log").unlink()

    def _here(self) -> None:
        # What runs in containers, be it another fleet's, is not a process of the controller, and never becomes one.
        space = os.readlink("/proc/self/ns/pid")
        elsewhere: Set[str] = set()
        while not self._stop.is_set():
            processes = {entry.name for entry in os.scandir("/proc") if entry.name.isdigit()}
            elsewhere &= processes
            for process in processes - elsewhere:
                try:
                    if os.readlink(f"/proc/{process}/ns/pid") != space:
                        elsewhere.add(process)
                        continue
                    line = Path("/proc", process, "cmdline").read_bytes()
                    self.seen.add(line.replace(b"\0", b" ").decode("utf-8", "replace"))
                except OSError:
                    continue
            time.sleep(0.05)

    def _there(self) -> None:
        self.host.execute("rm", "-f", "/var/tmp/watch-ended")
        process = subprocess.Popen(
            ["docker", "exec", self.host.container, "python3", "-I", "-S", "-c", _LOOK],
            stdout=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        threading.Thread(
            target=lambda: (self._stop.wait(), self.host.execute("touch", "/var/tmp/watch-ended")), daemon=True
        ).start()
        assert process.stdout is not None
        self.seen.update(process.stdout)

    def _log(self) -> None:
        while not self._stop.is_set():
            try:
                self._syslog.append(self._socket.recv(65536))
            except socket.timeout:
                continue

    def secrets(self) -> Dict[str, str]:
        """Return name -> value of what clients and env files of the host keep secret."""
        found = dict(api.secrets())
        for name in ("global", "mssql"):
            path = f"env/{name}.override.env"
            values = secret_values([EnvFile.parse(self.host.read(path).encode(), path).values()])
            # The setup tool's placeholder is a word of T-SQL, too.
            found.update({f"in {path}: {value[:2]}": value for value in values if value != "REPLACE"})
        return found

    def places(self) -> Dict[str, str]:
        """Return place -> text, all that is to be free of secrets."""
        found = {
            "process lists": BY_BITWARDEN.sub("", "\n".join(self.seen)),
            "syslog of the host": self.host.execute("cat", "/var/log/syslog"),
            "syslog of the controller": b"\n".join(self._syslog).decode("utf-8", "replace"),
        }
        for file in self.work.rglob("*"):
            if file.is_file():
                found[f"file left on the controller: {file.name}"] = file.read_text(encoding="utf-8", errors="replace")
        listed = self.host.execute(
            "find", "/tmp", "/var", "/root", "/home", "/opt", "/run", "/etc", "-xdev", "-type", "f",
            "-newer", "/var/tmp/watch-began", "-size", "-4096k",
        )  # fmt: skip
        for path in listed.splitlines():
            if not path.startswith(AT_HOME):
                found[f"file left on the host: {path}"] = self.host.execute("cat", path, check=False)
        return found


def scenarios(core: str) -> Iterator[Callable[..., Run]]:
    """Yield runs that between them pass every secret through every plugin, going well and going wrong."""
    settings = {"globalSettings__mail__smtp__password": PLAIN_SECRET}
    flow: Dict[str, Any] = {
        "bitwarden_hosts": HOST,
        "bitwarden_settings": settings,
        "bitwarden_secret_settings": {"globalSettings__mail__replyToEmail": GIVEN_SECRET},
    }
    name = "selfhosted.bitwarden.families_sync"

    def tasks(*listed: Dict[str, Any]) -> Callable[..., Run]:
        play = {"hosts": HOST, "gather_facts": False, "tasks": [{"ignore_errors": True, **one} for one in listed]}
        # Not written into the play: newer ansible-core shows the lines around a task that fails.
        values = {
            "settings": settings,
            "plain_secret": PLAIN_SECRET,
            "bad_token": BAD_TOKEN,
            "bad_password": BAD_PASSWORD,
            "bad_installation": {"globalSettings__installation__key": BAD_INSTALLATION_KEY},
            "bad_license": json.dumps({"licenseKey": BAD_LICENSE, "token": f"x.{BAD_LICENSE}.y"}),
        }
        return lambda *options, **more: playbook([play], *options, **values, **more)

    api_options = {
        "url": "{{ bitwarden_url }}",
        "client_id": "{{ bitwarden_client_id }}",
        "client_secret": "{{ bitwarden_client_secret }}",
        "ca_path": "{{ bitwarden_ca_path }}",
    }
    yield tasks(
        {"selfhosted.bitwarden.server_info": {}},
        {"selfhosted.bitwarden.sync_log_info": {}},
        {"selfhosted.bitwarden.organization_info": {**api_options, "organization": "{{ bitwarden_organization }}"}},
        # Argument errors: the option is wrong, its neighbours hold secrets.
        {"selfhosted.bitwarden.override_env": {"settings": "{{ settings }}", "file": "nonsense"}},
        {"selfhosted.bitwarden.override_env": {"settings": "{{ settings | to_json | string }}", "no_such_option": 1}},
        {"selfhosted.bitwarden.server": {"settings": "{{ settings }}", "state": "nonsense"}},
        {
            "selfhosted.bitwarden.billing_sync": {
                **api_options,
                "billing_sync_token": "{{ bad_token }}",
                "state": "nonsense",
            }
        },
        {"selfhosted.bitwarden.organization_info": {**api_options, "organization": "nobody's", "run_on": "nowhere"}},
        # Values that are refused, and a key as value of an option that takes none.
        {
            "selfhosted.bitwarden.override_env": {
                "secret_settings": {"globalSettings__installation__id": "{{ plain_secret }}"}
            }
        },
        {
            "selfhosted.bitwarden.override_env": {
                "settings": {"globalSettings__mail__smtp__password": "{{ plain_secret }}\nx"}
            }
        },
        {"selfhosted.bitwarden.organization_info": {**api_options, "client_secret": "{{ plain_secret }}"}},
    )
    yield lambda *options, **more: playbook(name, "--check", *options, **flow, **more)
    yield lambda *options, **more: playbook(name, *options, **flow, **more)
    yield lambda *options, **more: playbook(
        name, *options, **{**flow, "bitwarden_billing_sync_token": BAD_TOKEN}, **more
    )
    cloud_options = {
        "cloud": "{{ bitwarden_cloud }}",
        "client_id": "{{ bitwarden_cloud_client_id }}",
        "client_secret": "{{ bitwarden_cloud_client_secret }}",
        "master_password": "{{ bitwarden_cloud_password }}",
        "ca_path": "{{ bitwarden_cloud_ca_path }}",
    }
    # Not by server_info here: it cannot know that a value set as secret above is one.
    installation = {"installation_id": api.host(HOST).data.installation["id"]}
    sponsorships = {"selfhosted.bitwarden.sponsorships_info": api_options}
    yield tasks(
        {"selfhosted.bitwarden.billing_sync_token": cloud_options, "register": "fetched"},
        {"selfhosted.bitwarden.billing_sync_token": {**cloud_options, "state": "rotated"}, "loop": [1]},
        {"selfhosted.bitwarden.billing_sync_token": {**cloud_options, "master_password": "{{ bad_password }}"}},
        {"selfhosted.bitwarden.billing_sync_token": {**cloud_options, "otp": "{{ bad_password }}"}},
        {"selfhosted.bitwarden.billing_sync_token": {**cloud_options, "state": "nonsense"}},
        {"selfhosted.bitwarden.cloud_license": {**cloud_options, **installation}, "register": "downloaded"},
        {"selfhosted.bitwarden.cloud_license": {**cloud_options, **installation, "dest": DOWNLOADED}},
        {"selfhosted.bitwarden.cloud_license": {**cloud_options, "installation_id": "{{ bad_password }}"}},
        {"selfhosted.bitwarden.license": {**api_options, "src": DOWNLOADED}},
        {"selfhosted.bitwarden.license": {**api_options, "content": "{{ downloaded.license }}"}},
        {"selfhosted.bitwarden.license": {**api_options, "content": "{{ downloaded.license | from_json }}"}},
        {"selfhosted.bitwarden.license": {**api_options, "content": "{{ downloaded.license }}x"}},
        {"selfhosted.bitwarden.license": {**api_options, "content": "{{ bad_license }}", "nonsense": 1}},
        {"selfhosted.bitwarden.license": {**api_options, "content": "{{ bad_license }}"}},
        {"selfhosted.bitwarden.license": {**api_options, "content": "{{ downloaded.license }}", "run_on": "host",
                                          "validate_certs": False, "ca_path": ""}},
        {"selfhosted.bitwarden.cloud_connectivity_info": {}},
        {"selfhosted.bitwarden.cloud_connectivity_info": {}, "vars": {"ansible_user": "root"}},
        {"selfhosted.bitwarden.cloud_connectivity_info": {"secret_settings": "{{ bad_installation }}"}},
        {"selfhosted.bitwarden.cloud_connectivity_info": {"settings": "{{ bad_installation }}", "timeout": "nonsense"}},
        sponsorships,
        {"selfhosted.bitwarden.sponsorships_info": {**api_options, "client_secret": "{{ plain_secret }}"}},
    )  # fmt: skip
    yield lambda *options, **more: playbook(name, *options, **{**flow, "bitwarden_rotate": True}, **more)
    yield tasks(
        *(
            {
                f"selfhosted.bitwarden.{action}": {
                    **api_options,
                    **more,
                    "run_on": "host",
                    "ca_path": "{{ bitwarden_ca_path_on_host | default(omit) }}",
                    "validate_certs": False,
                }
            }
            for action, more in (
                ("organization_info", {}),
                ("billing_sync", {"billing_sync_token": "{{ fleet_token }}"}),
                ("license_sync", {}),
            )
        )
    )
    if core == "oldest":
        return  # a restore takes long, and its secrets go the ways of the others
    key = {name: api_options[name] for name in ("client_id", "client_secret")}
    restore = {"set": "{{ made.path }}", "confirm": "{{ made.installation_id }}", "safety_backup": False, "pull": False}
    as_root = {"become": True, "vars": {"ansible_user": "admin"}}
    wrong = {"client_secret": "{{ plain_secret }}", "state": "nonsense"}
    yield tasks(
        {"selfhosted.bitwarden.backup": {}, "register": "made", **as_root},
        {"selfhosted.bitwarden.restore": {**restore, **key, **wrong}},
        {"selfhosted.bitwarden.restore": {**restore, **key}, **as_root},
    )


@pytest.fixture
def home() -> Iterator[Path]:
    """Yield a home whose path is short enough for the sockets that ssh makes in it."""
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        yield Path(folder)


def password_hash(host: api.Host) -> str:
    """Return what the cloud is shown of its owner's master password."""
    kdf = {name: value for name, value in names.KDFS[names.HOSTS[HOST].company].items() if name != "type"}
    owner = host.data.cloud_owner
    kind = names.KDFS[names.HOSTS[HOST].company]["type"]
    return master_password_hash(owner["password"], owner["email"], Kdf(kind, *kdf.values()))


def rotated_token(host: api.Host) -> str:
    state: Any = host.cloud.control("state")
    organization = host.data.organization["cloud_id"]
    (found,) = [one for one in state["organization"] if one["id"] == organization]
    return str(found["api_keys"]["billing_sync"]["key"])


@pytest.mark.fleet
@pytest.mark.parametrize("core", ["newest", "oldest"])
def test_no_secret_is_seen(fresh: Callable[[str], api.Host], home: Path, core: str) -> None:
    host = fresh(HOST)
    license_path = f"core/licenses/organization/{host.data.organization['id']}.json"
    license_file = json.loads(host.read(license_path))
    secrets = {
        **api.secrets(),
        "plain setting": PLAIN_SECRET,
        "secret setting": GIVEN_SECRET,
        "unknown token": BAD_TOKEN,
        "wrong password": BAD_PASSWORD,
        "wrong installation key": BAD_INSTALLATION_KEY,
        "key of a license that is none": BAD_LICENSE,
        "hash of the master password": password_hash(host),
    }
    secrets["license token"] = license_file["Token"]
    environment = {
        "HOME": str(home),
        "TMPDIR": str(home),
        "ANSIBLE_PIPELINING": "false",  # with it the modules would not be copied to the host
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(home / "facts"),
        "ANSIBLE_LOG_PATH": str(home / "ansible.log"),
    }
    with Watch(host, home) as watch:
        runs = [run("-vvvv", "--diff", core=core, environment=environment, cold=True) for run in scenarios(core)]
    places = watch.places()
    secrets["rotated token"] = rotated_token(host)
    assert secrets["rotated token"] != secrets[f"{HOST}.billing_sync_token"]
    for name, text in (("downloaded", Path(DOWNLOADED).read_text()), ("on disk", host.read(license_path))):
        license_ = {key.lower(): value for key, value in json.loads(text).items()}
        secrets.update({f"{member} of the license {name}": license_[member] for member in ("token", "signature")})
    Path(DOWNLOADED).unlink()
    host.execute("rm", "-rf", BACKUPS)
    for number, run in enumerate(runs):
        places[f"output of run {number}"] = run.output
        places[f"results of run {number}"] = json.dumps([one.result for one in run.tasks])
    leaks = [
        f"{name} in {place}" for place, text in places.items() for name, secret in secrets.items() if secret in text
    ]
    assert not leaks, "\n".join(leaks)
    # The watch did see something: what is not there must not be missed for want of looking.
    assert "AnsiballZ" in places["process lists"] or "ansible-tmp" in places["process lists"]
    assert "ansible" in places["syslog of the host"].lower()
    changed = runs[2].result(HOST, "server")["changes"]
    assert {"key": "globalSettings__mail__smtp__password", "action": "changed"} in changed
    assert "********" in runs[2].output
    assert runs[2].status == 0 and runs[3].status != 0
    if core == "newest":
        (proof,) = [one.result["proof"] for one in runs[-1].of(HOST, "restore") if one.result.get("changed")]
        assert [one["ok"] for one in proof if one["check"] == "login"] == [True]


def test_the_inventory_is_where_its_secrets_are(fleet: dict[str, api.Host]) -> None:
    """What the test above looks for exists in the form in which it looks for it."""
    text = INVENTORY.read_text()
    assert api.secrets()[f"{HOST}.billing_sync_token"] in text
    assert str(ROOT) in text
