# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``sqlcmd`` with the options that this project uses, its output and its exit statuses."""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
from pathlib import Path
from typing import Any, Dict, List, NoReturn, Optional

from ..sql_client import Connection, Place, SqlError
from .engine import has_old_tools

_BAD = 10
_NOT_REACHED = (
    "Login timeout expired",
    "TCP Provider: Error code 0x2749",
    "A network-related or instance-specific error has occurred while establishing a connection to {host}. Server is "
    "not found or not accessible. Check if instance name is correct and if SQL Server is configured to allow remote "
    "connections. For more information see SQL Server Books Online.",
)
_NOT_TRUSTED = (
    "SSL Provider: [error:0A000086:SSL routines::certificate verify failed:self-signed certificate]",
    "Client unable to establish connection. For solutions related to encryption errors, see "
    "https://go.microsoft.com/fwlink/?linkid=2226722",
)


def main(arguments: Optional[List[str]] = None) -> int:
    """Run the statement of ``-Q`` or the file of ``-i``."""
    options = _options(arguments)
    old = has_old_tools(os.environ.get("STANDIN_VERSION", ""))
    driver = f"Microsoft ODBC Driver {17 if old else 18} for SQL Server"
    host, _comma, port = options.S.partition(",")
    place = Place(host, int(port or 1433), "master", options.U or "", _password(options))
    text = options.Q
    if options.i:
        try:
            text = Path(options.i).read_text(encoding="utf-8")
        except OSError:
            print(f"Sqlcmd: '{options.i}': Invalid filename.", file=sys.stderr)
            return 1
    try:
        connection = Connection(place, options.t or 86400)
    except SqlError as error:
        return _refused(driver, error.text)
    except OSError:
        return _refused(driver, *(line.format(host=host) for line in _NOT_REACHED))
    if not old and not options.C:
        connection.close()
        return _refused(driver, *_NOT_TRUSTED)
    try:
        return _print(connection, _with_variables(text or ""), options)
    except socket.timeout:
        print("Timeout expired")
        return 1 if options.b else 0
    except OSError:
        print(f"Msg 0, Level 11, State 0, Server {connection.server}, Line 0")
        print("Communication link failure", flush=True)
        return 1


def _options(arguments: Optional[List[str]]) -> argparse.Namespace:
    parser = _Parser(prog="Sqlcmd", add_help=False)
    for name in ("U", "P", "Q", "i"):
        parser.add_argument(f"-{name}")
    for name, default in (("S", "localhost"), ("h", "0"), ("s", " ")):
        parser.add_argument(f"-{name}", default=default)
    parser.add_argument("-t", type=int, default=0)
    for name in ("b", "W", "C"):
        parser.add_argument(f"-{name}", action="store_true")
    return parser.parse_args(_joined(sys.argv[1:] if arguments is None else arguments))


def _joined(arguments: List[str]) -> List[str]:
    """Join ``-h -1``: argparse would take the number for an option."""
    text = list(arguments)
    while "-h" in text[:-1]:
        at = text.index("-h")
        text[at : at + 2] = [f"-h{text[at + 1]}"]
    return text


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"Sqlcmd: Error: {message}. Enter '-?' for help.", file=sys.stderr)
        sys.exit(1)


def _password(options: argparse.Namespace) -> str:
    if options.P is not None:
        return str(options.P)
    known = os.environ.get("SQLCMDPASSWORD")
    if known is None:
        print("Password: ", end="", flush=True)
        return sys.stdin.readline().rstrip("\n")
    return known


def _with_variables(text: str) -> str:
    """Replace ``$(name)`` by the variable of the environment."""
    return re.sub(r"\$\((\w+)\)", lambda found: os.environ.get(found[1], found[0]), text)


def _refused(driver: str, *lines: str) -> int:
    for line in lines:
        print(f"Sqlcmd: Error: {driver} : {line}.", file=sys.stderr)
    return 1


def _print(connection: Connection, text: str, options: argparse.Namespace) -> int:
    status = 0
    for part in connection.batch(text):
        if "message" in part:
            print(part["message"])
        elif "error" in part:
            error = part["error"]
            place = f"Server {connection.server}, Line 1"
            print(f"Msg {error['number']}, Level {error['level']}, State {error['state']}, {place}")
            print(error["text"])
            status = 1 if options.b and error["level"] > _BAD else status
        else:
            _print_table(part, options)
    sys.stdout.flush()
    return status


def _print_table(table: Dict[str, Any], options: argparse.Namespace) -> None:
    rows = [["NULL" if value is None else str(value) for value in row] for row in table["rows"]]
    columns = table["columns"]
    widths = [
        max([len(name), 1, *(0 if options.W else len(row[number]) for row in rows)])
        for number, name in enumerate(columns)
    ]
    if options.h != "-1":
        print(_line(columns, widths, options))
        print(options.s.join("-" * width for width in widths))
    for row in rows:
        print(_line(row, widths, options))
    if table["count"]:
        print(f"\n({len(rows)} rows affected)")


def _line(values: List[str], widths: List[int], options: argparse.Namespace) -> str:
    cells = values if options.W else [value.ljust(width) for value, width in zip(values, widths)]
    return str(options.s).join(cells)


if __name__ == "__main__":
    sys.exit(main())
