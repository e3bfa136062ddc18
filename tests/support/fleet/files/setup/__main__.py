# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The setup tool of the fleet: what ``bitwarden.sh`` runs in the setup image, on the tree mounted at /bitwarden.

``python3 -m setup /app/Setup -name value …``. What a restart does not need of it is imported where it is used.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Dict

from . import configuration, env_files
from .configuration import Configuration
from .generated_files import Versions, app_id, compose_file
from .nginx_site import nginx_site
from .questions import Crash, confirm, credentials, is_domain

ROOT = Path(os.environ.get("BWFLEET_SETUP_ROOT", "/bitwarden"))
# What .NET ends with when nothing catches an exception.
CRASHED = 134
_CERTIFICATE_PASSWORD = "globalSettings__identityServer__certificatePassword"


class Setup:
    """One run of the tool."""

    def __init__(self, parameters: Dict[str, str]) -> None:
        self.parameters = parameters
        self.quiet = parameters.get("q") in {"1", "true"} and "install" not in parameters
        self.stub = parameters.get("stub") in {"1", "true"}
        self.versions = Versions(*(parameters.get(f"{part}v") or "latest" for part in ("core", "web", "keyconnector")))

    def run(self) -> None:
        """Run the first of the commands that is given."""
        if "install" in self.parameters:
            self._install()
        elif "update" in self.parameters:
            self._update()
        elif "printenv" in self.parameters:
            config = self._load()
            self._say(f"\nBitwarden is up and running!\n{'=' * 51}\n\nvisit {config.url}")
            self._say("to update, run `./bitwarden.sh updateself` and then `./bitwarden.sh update`\n")
        else:
            self._say("No top-level command detected. Exiting...")

    def _say(self, text: str) -> None:
        if not self.quiet:
            print(text, flush=True)

    def _install(self) -> None:
        domain = self.parameters.get("domain", "").lower()
        if "domain" in self.parameters and not is_domain(domain):
            print("(!) Domain is invalid. A valid domain name is required (e.g. bitwarden.example.com).")
            return
        found = None if self.stub else credentials(self.parameters)
        if found is None and not self.stub:
            return
        config = Configuration()
        password = self._certificates(config, domain)
        config.values["url"] = f"{'https' if config.flag('ssl') else 'http'}://{domain}"
        config.values["database_docker_volume"] = self.parameters.get("os") == "mac"
        self._say("Building nginx config.")
        (ROOT / "nginx/default.conf").write_text(nginx_site(config))
        database_name = self.parameters.get("dbname", "vault")
        zero = "00000000-0000-0000-0000-000000000000"
        identifier, key, region = found if found else (zero, "SECRET_INSTALLATION_KEY", "US")
        new = env_files.Installation(identifier, key, region, database_name, password, self.stub)
        self._say("Building docker environment files.")
        env_files.write(ROOT, config, new)
        self._write_app_id(config)
        self._say("Building docker-compose.yml.")
        (ROOT / "docker/docker-compose.yml").write_text(compose_file(config, self.versions))
        self._save(config)
        print("\nInstallation complete")
        print("\nIf you need to make additional configuration changes, you can modify the settings in")
        print("`./bwdata/config.yml` and then run `./bitwarden.sh rebuild` or `./bitwarden.sh update`")
        print("\nNext steps, run:\n`./bitwarden.sh start`\n", flush=True)

    def _certificates(self, config: Configuration, domain: str) -> str:
        """Make the certificates, set what config.yml says of them, return the password of identity.pfx."""
        from . import certificates  # noqa: PLC0415

        if self.stub:
            self._own_certificate(config, f"/etc/ssl/{domain}", trusted=True)
            return "IDENTITY_CERT_PASSWORD"
        managed = self.parameters.get("letsencrypt", "").lower() == "y"
        config.values["ssl"] = config.values["ssl_managed_lets_encrypt"] = managed
        if managed:
            certificates.write_parameters(ROOT / "letsencrypt/live" / domain)
        elif self.parameters.get("skip-ssl") not in {"1", "true"}:
            self._ask_for_certificate(config, domain)
        self._say("Generating key for IdentityServer.")
        password = env_files.made_up(32)
        certificates.write_bundle(ROOT / "identity/identity.pfx", "Bitwarden IdentityServer", password)
        if not config.flag("ssl"):
            self._say("!!!!!!!!!! WARNING !!!!!!!!!!\nYou are not using a SSL certificate.\n")
        return password

    def _ask_for_certificate(self, config: Configuration, domain: str) -> None:
        from . import certificates  # noqa: PLC0415

        if confirm("Do you have a SSL certificate to use?"):
            (ROOT / "ssl" / domain).mkdir(parents=True, exist_ok=True)
            self._say("!!!!!!!!!! NOTE !!!!!!!!!!\nMake sure 'certificate.crt' and 'private.key' are provided.\n")
            trusted = confirm("Is this a trusted SSL certificate (requires ca.crt, see docs)?")
            self._own_certificate(config, f"/etc/ssl/{domain}", trusted)
        elif confirm("Do you want to generate a self-signed SSL certificate?"):
            self._say("Generating self signed SSL certificate.")
            certificates.write_self_signed(ROOT / "ssl/self" / domain, domain)
            self._own_certificate(config, f"/etc/ssl/self/{domain}", trusted=False)
            self._say("!!!!!!!!!! WARNING !!!!!!!!!!\nYou are using an untrusted SSL certificate.\n")

    @staticmethod
    def _own_certificate(config: Configuration, folder: str, trusted: bool) -> None:
        config.values["ssl"] = True
        config.values["ssl_certificate_path"] = f"{folder}/certificate.crt"
        config.values["ssl_key_path"] = f"{folder}/private.key"
        if trusted:
            config.values["ssl_ca_path"] = f"{folder}/ca.crt"

    def _update(self) -> None:
        """Generate all files, as ``update``, ``rebuild`` and ``updateconf`` do; or migrate the database."""
        from . import certificates, database  # noqa: PLC0415

        password = env_files.value_of(ROOT, "global", _CERTIFICATE_PASSWORD)
        certificates.renew_bundle(ROOT / "identity/identity.pfx", password)
        if "db" in self.parameters:
            database.migrate(ROOT)
            return
        config = self._load()
        self._say("Building docker environment files.")
        env_files.write(ROOT, config)
        bundle = ROOT / "key-connector/bwkc.pfx"
        if config.flag("enable_key_connector") and not bundle.exists():
            key = "keyConnectorSettings__certificate__filesystemPassword"
            password = env_files.value_of(ROOT, "key-connector", key)
            certificates.write_bundle(bundle, "Bitwarden Key Connector", password or "")
        self._write(config, "generate_nginx_config", "nginx/default.conf", nginx_site(config))
        self._write_app_id(config)
        compose = compose_file(config, self.versions)
        self._write(config, "generate_compose_config", "docker/docker-compose.yml", compose)
        self._save(config)

    def _write(self, config: Configuration, key: str, name: str, content: str) -> None:
        self._say(f"Building {name}.")
        if config.flag(key):
            (ROOT / name).write_text(content)
        else:
            self._say("...skipped")

    def _write_app_id(self, config: Configuration) -> None:
        self._say("Building FIDO U2F app id.")
        (ROOT / "web").mkdir(exist_ok=True)
        (ROOT / "web/app-id.json").write_text(app_id(config.url))

    def _load(self) -> Configuration:
        path = ROOT / "config.yml"
        if not path.exists():
            self._say("No existing `config.yml` detected. Let's generate one.")
            guessed = env_files.url_of_old_files(ROOT)
            if guessed is None:
                self._say("Unable to determine existing installation url.")
                raise Crash(f"System.IO.FileNotFoundException: Could not find file '{path}'.")
            site = ROOT / "nginx/default.conf"
            self._save(configuration.of_old_files(guessed, site.read_text() if site.exists() else None))
        try:
            return configuration.read(path.read_text())
        except configuration.Malformed as error:
            raise Crash(f"YamlDotNet.Core.YamlException: {error}") from error

    @staticmethod
    def _save(config: Configuration) -> None:
        (ROOT / "config.yml").write_text(config.write())


def parameters_of(arguments: list[str]) -> Dict[str, str]:
    """Return the options, in pairs ``-name value``; pass over what does not begin with a dash, and what follows."""
    found: Dict[str, str] = {}
    for index in range(0, len(arguments), 2):
        name = arguments[index]
        if not name.startswith("-"):
            continue
        if index + 1 == len(arguments):
            raise Crash("System.IndexOutOfRangeException: Index was outside the bounds of the array.")
        if name[1:] in found:
            raise Crash("System.ArgumentException: An item with the same key has already been added.")
        found[name[1:]] = arguments[index + 1]
    return found


def main(arguments: list[str]) -> int:
    """Take the program's name, and its options."""
    try:
        Setup(parameters_of(arguments[1:])).run()
    except Crash as error:
        print(f"Unhandled exception. {error}", file=sys.stderr)
        return CRASHED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
