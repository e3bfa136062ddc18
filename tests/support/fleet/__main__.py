# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``python -m tests.support.fleet``: set the fleet up, look at it, reset it, remove it."""

from __future__ import annotations

import argparse
import concurrent.futures
import sys

from . import api, base_image, containers, data, inventory, keys, locks, machine, names
from .progress import say, step
from .shell import FleetError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.fleet", description="A fleet of Bitwarden hosts")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="set everything up; what is there already is kept")
    down = commands.add_parser("down", help="remove containers, volumes and network")
    down.add_argument("--all", action="store_true", help="also the image, the cache and the generated files")
    commands.add_parser("status", help="what runs; exit status 1 if anything does not")
    reset = commands.add_parser("reset", help="bring hosts back to the state after set-up")
    reset.add_argument("host", nargs="+", choices=[*names.HOSTS, "all"])
    registry = commands.add_parser("registry", help="switch the registry off or on")
    registry.add_argument("what", choices=["stop", "start"])
    cloud = commands.add_parser("cloud", help="switch a region's cloud off or on")
    cloud.add_argument("region", choices=list(names.CLOUDS))
    cloud.add_argument("what", choices=["stop", "start"])
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except FleetError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.command == "up":
        with locks.setting_up(say):
            _up()
    elif options.command == "down":
        with locks.setting_up(say):
            _down(options.all)
    elif options.command == "status":
        return _status()
    elif options.command == "reset":
        _reset(list(names.HOSTS) if "all" in options.host else options.host)
    elif options.command == "registry":
        getattr(api.registry(), options.what)()
    elif options.command == "cloud":
        getattr(api.cloud(options.region), options.what)()
    return 0


def _up() -> None:
    machine.prepare()
    machine.check_memory()
    base = base_image.ensure()
    fleet = data.ensure()
    keys.ensure()
    containers.up(base, fleet)
    inventory.write(fleet)
    say(f"the fleet is up: {', '.join(names.HOSTS)}; inventory {inventory.FILE}")


def _down(everything: bool) -> None:
    if not machine.engine_answers():
        raise FleetError("no engine answers, so there is nothing to take down")
    with step("removing containers, volumes and network"):
        for fleet in containers.concurrent_fleets():
            containers.down(fleet)
    if everything:
        with step("removing image, cache and generated files"):
            base_image.remove()
            data.remove()


def _status() -> int:
    if not machine.engine_answers():
        print("no engine answers")
        return 1
    states = containers.states()
    wanted = [names.REGISTRY_CONTAINER, names.DOWNLOADS_CONTAINER]
    wanted += [cloud.container for cloud in names.CLOUDS.values()]
    wanted += [host.container for host in names.HOSTS.values()]
    unhealthy = 0
    servers = {host.container: name for name, host in names.HOSTS.items()}
    for container in wanted:
        state = states.get(container, "absent")
        if container in servers and state.startswith("Up"):
            answers = api.host(servers[container]).control.answers()
            state += ", server answers" if answers else ", server does not answer"
            unhealthy += not answers
        unhealthy += not state.startswith("Up")
        print(f"{container:18} {state}")
    return 1 if unhealthy else 0


def _reset(hosts: list[str]) -> None:
    with step(f"resetting {', '.join(hosts)}"):
        if len(hosts) == len(names.HOSTS):
            for region in names.CLOUDS:
                api.cloud(region).start()
                api.cloud(region).reset()
        with concurrent.futures.ThreadPoolExecutor(len(hosts)) as pool:
            for name, touched in zip(hosts, pool.map(lambda name: api.host(name).reset(), hosts)):
                say(f"{name}: {touched}")


if __name__ == "__main__":
    sys.exit(main())
