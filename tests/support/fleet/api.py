# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests use of the running fleet: hosts, clouds, the registry, and the faults that can be switched on."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import Any, Dict, cast

from . import data, inventory, keys, names
from .containers import seeds
from .control import Control
from .downloads import downloads
from .installation import Entry, tar
from .registry import Registry, registry
from .shell import FleetError, docker, run

__all__ = ["Cloud", "FleetError", "Host", "Registry", "cloud", "downloads", "host", "hosts", "registry", "secrets"]
_CLOUD_NGINX = ("nginx", "-c", "/opt/cloud/nginx.conf")
_INITIAL_STATE = "/usr/local/lib/bwfleet/initial_state.py"
_FAULTS = "/run/container-faults"
# In one go: each `docker exec` costs as much as a probe.
_RESTORE = f"""set -e
engine start
containers-network open
if [ -e {_FAULTS} ]; then sh {_FAULTS}/container-faults off || true; rm -r {_FAULTS}; fi
exec python3 {_INITIAL_STATE} restore"""

_WRITE = """set -e
[ -e "$1" ] || { owner=$(stat -c %U "$(dirname "$1")"); install -m 0600 -o "$owner" -g "$owner" /dev/null "$1"; }
cat > "$1\""""
_DESCRIBE = 'ids=$(docker ps -aq --filter "$1"); [ -z "$ids" ] || docker inspect $ids'
_BRING_ABOUT = f"""set -e
mkdir -p {_FAULTS}
tar -C {_FAULTS} -xf -
exec sh {_FAULTS}/container-faults "$@\""""


class Host:
    """A host of the fleet, for instance ``host("bw1")``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._name = names.HOSTS[name]
        self.ip = self._name.address
        self.url = self._name.url
        self.region = self._name.region
        self.container = self._name.container
        #: Control endpoints of its own server: ``host.control("last-sync", {"organization": …, "days_ago": 8})``.
        self.control = Control(self.ip)

    @property
    def data(self) -> data.HostData:
        """Its users, organization, installation and secrets."""
        return data.load().hosts[self.name]

    @property
    def variables(self) -> dict[str, Any]:
        """All inventory variables, also those of its groups."""
        region = {"bitwarden_region": self.region.upper()}
        return {**inventory.common(), **region, **inventory.host_variables(data.load(), self.name)}

    @property
    def cloud(self) -> Cloud:
        """The cloud of its region."""
        return Cloud(self.region)

    def ssh(
        self, command: str, user: str = "root", stdin: str = "", check: bool = True, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run ``command`` over SSH, as Ansible would come. A failure is a `FleetError` unless ``check`` is false."""
        options = shlex.split(inventory.common()["ansible_ssh_common_args"])
        login = ["ssh", "-i", str(keys.SSH_KEY), "-o", "BatchMode=yes", *options, f"{user}@{self.ip}", command]
        done = run(login, stdin=stdin.encode(), check=check, timeout=timeout)
        return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())

    def execute(self, *command: str, user: str = "root", stdin: bytes | None = None, check: bool = True) -> str:
        """Run a program on the host past SSH (quicker); returns its standard output."""
        done = docker("exec", "-i", f"--user={user}", self.container, *command, stdin=stdin or b"", check=check)
        return done.stdout.decode("utf-8", "surrogateescape")

    def read(self, path: str) -> str:
        """Return the content of a file on the host; a relative path is below ``bwdata``."""
        return self.execute("cat", self._absolute(path))

    def write(self, path: str, content: str | bytes) -> None:
        """Replace the content of a file on the host; owner and mode stay (a new one belongs to its folder's owner)."""
        data_ = content.encode() if isinstance(content, str) else content
        self.execute("sh", "-c", _WRITE, "sh", self._absolute(path), stdin=data_)

    def docker(self, *arguments: str, check: bool = True) -> str:
        """Run a command of the host's own engine; return its output."""
        return self.execute("docker", *arguments, check=check)

    def container_env(self, service: str) -> dict[str, str]:
        """Return the environment that a service's container was created with."""
        found = json.loads(self.docker("inspect", f"bitwarden-{service}"))[0]["Config"]["Env"]
        return dict(cast(str, line).split("=", 1) for line in found)

    def containers(self) -> dict[str, dict[str, object]]:
        """Return service -> ``id``, ``status``, ``health`` (None: no check), ``restarts``, ``started``, ``image``."""
        label = f"label=com.docker.compose.project.working_dir={names.BWDATA}/docker"
        told = self.execute("sh", "-c", _DESCRIBE, "sh", label)
        described: list[dict[str, dict[str, object]]] = json.loads(told) if told else []
        return {
            str(cast(Dict[str, str], one["Config"]["Labels"])["com.docker.compose.service"]): {
                "id": one["Id"],
                "status": one["State"]["Status"],
                "health": cast(Dict[str, str], one["State"].get("Health") or {}).get("Status"),
                "restarts": one["RestartCount"],
                "started": one["State"]["StartedAt"],
                "image": one["Config"]["Image"],
            }
            for one in described
        }

    def script(self, *arguments: str, user: str = "bitwarden", stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``bitwarden.sh`` over SSH, whatever its exit status."""
        command = f"cd {names.BITWARDEN} && ./bitwarden.sh {shlex.join(arguments)}"
        return self.ssh(command, user=user, stdin=stdin, check=False, timeout=300)

    def containers_network(self, mode: str) -> None:
        """``refuse`` or ``drop`` what containers send out (the host itself still can), or ``open`` the way again."""
        self.execute("containers-network", mode)

    def containers_names(self, mode: str) -> None:
        """Set what name servers do for containers: ``refuse``, ``drop``, or answer (``open``) again."""
        self._container_faults("names", mode)

    def containers_proxy(self, mode: str) -> str:
        """Run a proxy: ``open``, one to ``deny`` every name, one with a ``login``, or ``off``; return its URL."""
        self._container_faults("proxy", mode)
        return f"http://{self.ip}:3128"

    def containers_tls(self, mode: str) -> str:
        """``intercept`` port 443 of containers, or ``open`` it again; return the other authority's certificate."""
        self._container_faults("tls", mode)
        return self.read(f"{_FAULTS}/ca.pem") if mode == "intercept" else ""

    def air_gap(self, mode: str) -> list[int]:
        """``drop`` what host and containers send out by themselves, or ``open`` the way again.

        ``count`` returns how many packets were dropped since: UDP (name servers), others.
        """
        return [int(one) for one in self._container_faults("air", mode).split()]

    def engine(self, what: str) -> None:
        """``stop`` or ``start`` the engine of the host."""
        self.execute("engine", what)

    def stop(self) -> None:
        """Switch the host off: nobody answers at its address."""
        docker("stop", "-t", "3", self.container)

    def start(self) -> None:
        """Switch it on; its stack comes up by itself."""
        docker("start", self.container)
        self.wait()

    def wait(self, seconds: float = 90) -> None:
        """Wait until Api and Identity respond."""
        self.control.wait(self.name, seconds)

    def use_version(self, version: str) -> None:
        """Put the installation on another version (`names.RELEASES`), as if it had never been updated."""
        for path in (f"{names.BITWARDEN}/bitwarden.sh", "docker/docker-compose.yml"):
            self.write(path, self.read(path).replace(names.VERSION, version))
        self.script("stop")
        self.execute("sh", "-c", f"rm -rf {names.BWDATA}/mssql/data/*")
        self.script("restart")
        self.wait()
        self.reset_data()

    def reset(self) -> str:
        """Go back to the state after set-up, here and in the cloud; return what had to be restarted, or ``kept``."""
        registry().start()
        downloads().reset()
        self.cloud.start()
        try:
            touched = self.execute("sh", "-c", _RESTORE).strip()
        except FleetError:
            # It may be switched off.
            docker("start", self.container)
            touched = self.execute("sh", "-c", _RESTORE).strip()
        try:
            self.wait(20)
        except FleetError:
            # Containers as they should be, made by a test at addresses that nginx does not know.
            self.docker("restart", "--time", "2", "bitwarden-nginx")
            self.wait()
        try:
            self.reset_data()
        except FleetError:
            # Its database cannot be put right any more.
            touched = self.execute("python3", _INITIAL_STATE, "empty-database").strip()
            self.wait()
            self.reset_data()
        if "mssql" in touched.split():
            self.execute("python3", _INITIAL_STATE, "remember-database")
        return touched

    def reset_data(self) -> None:
        """Go back to no connection and never synced, here and in the cloud; settings and containers stay (quick)."""
        self.control("reset", {"seed": seeds(data.load())[self.name]})
        self.control("requests", method="DELETE")
        self.cloud.forget(self)

    def _container_faults(self, *arguments: str) -> str:
        """Run `files/faults/container-faults`, which is on a host only while it is needed."""
        files = [file for file in sorted((names.FILES / "faults").glob("[!.]*")) if file.is_file()]
        archive = tar([Entry(file.name, file.read_bytes(), 0o644) for file in files])
        return self.execute("sh", "-c", _BRING_ABOUT, "sh", *arguments, stdin=archive)

    def _absolute(self, path: str) -> str:
        return path if path.startswith("/") else f"{names.BWDATA}/{path}"


class Cloud:
    """The cloud of a region (``us``, ``eu``)."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.container = names.CLOUDS[region].container
        self.ip = names.CLOUDS[region].address
        #: Control endpoints: ``cloud.control("faults", {"path": "/connect/token", "status": 503})``.
        self.control = Control(self.ip)

    def stop(self, how: str = "refused") -> None:
        """Stop the cloud. ``refused``: connections to it are; ``unknown``: its names are not known any more."""
        if how == "unknown":
            docker("stop", "-t", "1", self.container)
        else:
            docker("exec", self.container, *_CLOUD_NGINX, "-s", "stop", check=False)

    def start(self) -> None:
        """Make it available again (its data is kept)."""
        if self.control.answers():
            return
        docker("start", self.container)
        if not self.control.answers():
            docker("exec", self.container, *_CLOUD_NGINX, check=False)
        self.control.wait(self.container, 30)

    def reset(self) -> None:
        """Go back to the state after set-up with everything."""
        self.control("reset", {"seed": seeds(data.load())[self.container]})
        self.limiter()
        self.control("requests", method="DELETE")

    def limiter(self, scale: float = 0.1) -> None:
        """Begin to count from zero, in periods of ``scale`` times the real ones."""
        for service in ("api", "identity"):
            self.control("limiter", {"on": True, "scale": scale}, service=service)

    def forget(self, one: Host) -> None:
        """Undo what tests did to a host's organization and installation; clear the faults and the limiter."""
        fleet = data.load()
        organization = data.cloud_organization(fleet, one.name)
        changed = {key: organization[key] for key in ("enabled", "subscription", "license_key", "expires", "api_keys")}
        self.control("organization", {"organization": organization["id"], **changed})
        installation = one.data.installation
        body = {"installation": installation["id"], "enabled": True, "key": installation["key"]}
        self.control("installation", body)
        self.control("faults", method="DELETE")
        self.control("clock", {"shift": 0})
        self.limiter()


def host(name: str) -> Host:
    """Return the host ``bw1`` … ``bw4``."""
    return Host(name)


def hosts() -> list[Host]:
    """Return all hosts."""
    return [Host(name) for name in names.HOSTS]


def cloud(region: str) -> Cloud:
    """Return the cloud ``us`` or ``eu``."""
    return Cloud(region)


def secrets() -> dict[str, str]:
    """Return every secret of the fleet by name, for instance ``bw1.billing_sync_token``."""
    return cast(Dict[str, str], json.loads(data.SECRETS.read_text()))
