# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Starts the stand-in: ``python3 -m standin --face … --service … --data …``."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, List, Optional

from .settings_binding import FatalSetting, Settings, bind

_THREADS = 12
# For the database. The real ones start without it, too; the first start has the schema to make.
_FIRST_WAIT = 30
_WAIT = 5
_PROGRAMS = {"api": "Api", "identity": "Identity"}


def main(arguments: Optional[List[str]] = None) -> None:
    """Bind the settings, plant the seed, serve until SIGTERM."""
    options = _options(arguments)
    _end_on_signals()
    services = ["api", "identity"] if options.service == "both" else [options.service]
    settings = _settings(_PROGRAMS[services[0]], options)
    serve(options, services, settings)


def serve(options: argparse.Namespace, services: List[str], settings: Settings) -> None:
    """Run the services. Imports are late, so that a bad setting kills at once, but before the user changes."""
    import encodings.idna  # noqa: F401, PLC0415 (loaded by the first look-up of a host otherwise)
    import functools  # noqa: PLC0415

    import waitress  # type: ignore[import-untyped]  # noqa: PLC0415

    from .app import build  # noqa: PLC0415
    from .console import Console  # noqa: PLC0415
    from .context import VERSION, Server  # noqa: PLC0415
    from .front import Front  # noqa: PLC0415
    from .seed import plant_and_remove, plant_once, read  # noqa: PLC0415
    from .state import State  # noqa: PLC0415
    from .vault import Vault  # noqa: PLC0415

    seed = read(options.seed)
    _take_over(options.data)
    console = Console()
    vault = None
    if options.database:
        connection = settings.text("globalSettings__sqlServer__connectionString") or ""
        vault = Vault(connection, options.data / "aspnet-dataprotection", VERSION)
        vault.tell = functools.partial(console.entry, "fail", "Bit.Migrator.DbMigrator")
    state = State(options.data / "standin.sqlite3", vault)
    applications: dict[str, Any] = {}
    for service in services:
        instance = Server(
            self_hosted=options.face == "self-hosted",
            service=service,
            settings=settings,
            state=state,
            console=console,
            data=options.data,
            delay_scale=float(os.environ.get("STANDIN_DELAY_SCALE", "1")),
            cloud_timeout=float(os.environ.get("STANDIN_CLOUD_TIMEOUT", "30")),
        )
        if vault is None:
            plant_once(instance, seed)
        else:
            vault.plant = functools.partial(plant_and_remove, instance, seed, options.seed)
        applications[service] = build(
            instance,
            with_control=os.environ.get("STANDIN_CONTROL") == "1",
            limits=os.environ.get("STANDIN_LIMITER", "1") != "0",
            limits_scale=float(os.environ.get("STANDIN_LIMITER_SCALE", "1")),
        )
    if vault is not None:
        vault.wait(_FIRST_WAIT if seed else _WAIT)
    application = (
        applications[services[0]] if len(services) == 1 else Front(applications["api"], applications["identity"])
    )
    server = waitress.create_server(application, host=options.host, port=options.port, threads=_THREADS, ident=None)
    console.started(f"http://{options.host}:{server.effective_port}")
    server.run()


def _options(arguments: Optional[List[str]]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="standin")
    parser.add_argument("--face", choices=["self-hosted", "cloud"], required=True)
    parser.add_argument("--service", choices=["api", "identity", "both"], required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--seed", type=Path)
    parser.add_argument("--database", action="store_true", help="keep the data in the database of the settings")
    parser.add_argument("--certificate", type=Path, help="Identity's own; it does not start without")
    return parser.parse_args(arguments)


def _settings(program: str, options: argparse.Namespace) -> Settings:
    try:
        settings = bind(os.environ, program, options.face == "self-hosted")
        if options.certificate:
            from .identity_certificate import require  # noqa: PLC0415 (late, as all that takes time)

            require(options.certificate, settings.text("globalSettings__identityServer__certificatePassword"))
        return settings
    except FatalSetting as death:
        print("\n".join(death.lines), file=sys.stderr, flush=True)
        # .NET aborts; a core file would only fill the disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.abort()


def _end_on_signals() -> None:
    """End the process on SIGTERM and SIGINT: as process 1 it ends by no signal that it does not handle itself."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))


def _take_over(data: Path) -> None:
    """Own the data and drop to the user that is named, if started as root, as the image's entry point does."""
    data.mkdir(parents=True, exist_ok=True)
    user, group = os.environ.get("LOCAL_UID"), os.environ.get("LOCAL_GID")
    if os.geteuid() != 0 or not user or not group:
        return
    for path in [data, *data.rglob("*")]:
        os.chown(path, int(user), int(group), follow_symlinks=False)
    os.setgroups([])
    os.setgid(int(group))
    os.setuid(int(user))


if __name__ == "__main__":
    main()
