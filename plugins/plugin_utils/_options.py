# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of a task, checked on the controller; what is wrong with them is said without their values."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.basic import env_fallback
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import NoLogError, UnsupportedError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api import argspec
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.argspec import duration_option
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._cloud.argspec import read_cloud_options
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import is_document
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.text_values import options_not_text
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import given
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import CERTIFICATES
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import plain

# Python's name of a type, and what Ansible says of a value, which ends in it.
_TYPE = re.compile(r"(?:argument|Elements value for option) '(\w+)' is of type .* and we were unable to convert to")
_VALUE = re.compile(r"(?:, got: |\. Got no match for: |(?<=unable to convert to )(\w+): ).*", re.DOTALL)


# Options for a length of time. The shared one, timeout, is checked with the shared ones.
_DURATION = re.compile(r"(?:timeout|max_age|expiry_warning)\Z")


class OptionError(ApiError):
    """Options that cannot be used. The message names them all, and no value."""


def read_options(
    arguments: Mapping[str, Any],
    options: Mapping[str, Any],
    required_if: Sequence[Any],
    environment: Mapping[str, str],
    module: str,
) -> tuple[dict[str, Any], list[str]]:
    """Return the values of all ``options``, with defaults, and what is wrong with them.

    ``environment``: the variables that stand in for options. ``module``: its short name.
    """
    values = _given({name: _decrypted(name, value) for name, value in arguments.items()}, options)
    documents = dict(documents_for_paths(options, values))
    faults = [*options_not_text(options, values), *documents.values()]
    # What is wrong with a date is said already, and Ansible's check stumbles over it.
    values = {name: str(value) if isinstance(value, date) else value for name, value in values.items()}
    checked, more = check_options(module, _with_environment(options, environment), values, required_if)
    # A text that is not a path is not searched for.
    return {**values, **checked, **dict.fromkeys(documents)}, faults + more


def check_options(
    module: str, options: Mapping[str, Any], values: Mapping[str, Any], required_if: Sequence[Any] = ()
) -> tuple[Mapping[str, Any], list[str]]:
    """Return the values with their types and defaults, and what is wrong with them: sentences that show no value.

    A value of a wrong type is null.
    A module that is sent options which it does not know returns them as they were given, secret or not.
    """
    result = ArgumentSpecValidator(options, required_if=list(required_if)).validate(dict(values))
    faults = []
    unknown = sorted(str(name) for name in values if name not in options)
    if unknown:
        named = ", ".join(name + _nearest(name, options) for name in unknown)
        faults.append(f"Unknown options: {named}. The options of {module} are {', '.join(sorted(options))}.")
    values = dict(result.validated_parameters)
    for error in result.errors.errors:
        values.update(dict.fromkeys(_TYPE.findall(str(error.msg))))
        text = _TYPE.sub(r"\1 is not of type", _VALUE.sub(r"\1", str(error.msg))).rstrip(".")
        # Unknown suboptions are named nowhere else; what keeps Ansible from finding secrets is named by other errors.
        if not isinstance(error, NoLogError) and not (unknown and isinstance(error, UnsupportedError)):
            faults.append(f"{text}.")
    return values, list(dict.fromkeys(faults))


def value_problems(options: Mapping[str, Any], params: Mapping[str, Any], sure: bool) -> list[ApiError]:
    """Return what is wrong with the values of the options that API and cloud modules share, and with durations.

    ``sure``: whether the values have their types.
    """
    present = given(params)
    durations = [name for name in options if _DURATION.search(name) and name != "timeout" and name in present]
    on_host = dict.fromkeys(CERTIFICATES) if params.get("run_on") == "host" else {}
    read: Callable[[Mapping[str, Any]], Any] = read_cloud_options if "cloud" in options else argspec.read_options
    checks: list[Callable[[], object]] = [partial(read, {**params, **on_host})]
    checks += [partial(duration_option, params, name) for name in durations]
    problems = []
    for check in checks:
        try:
            check()
        except ApiError as error:
            problems.append(error)
        except (AttributeError, KeyError, TypeError, ValueError):
            if sure:
                raise
    return problems


def _nearest(name: str, options: Mapping[str, Any]) -> str:
    near: list[str] = difflib.get_close_matches(name, options, n=1, cutoff=0.75)
    return f" (did you mean {near[0]}?)" if near else ""


def _decrypted(name: str, value: Any) -> Any:
    """Return the value of an option as text where it is encrypted (``!vault``), at any depth.

    Before ansible-core 2.19 such a text is an object that Ansible's checks of options do not take.
    """
    try:
        return plain(value)
    except AnsibleError as error:
        raise OptionError(REQUEST, f"{name} cannot be decrypted: {error}") from error


def _given(values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are set, suboptions alike."""
    return {
        name: _given(value, options[name]["options"])
        if isinstance(value, Mapping) and options.get(name, {}).get("options")
        else value
        for name, value in given(values).items()
    }


def documents_for_paths(options: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options that hold the text of a file (a license, a key) instead of its path, and what to do."""
    for name, spec in options.items():
        value = values.get(name)
        if isinstance(value, Mapping) and spec.get("options"):
            yield from documents_for_paths(spec["options"], value)
        # Before ansible-core 2.19 a template makes a mapping of a license's text.
        elif spec.get("type") == "path" and (isinstance(value, (Mapping, list)) or is_document(str(value or ""))):
            instead = ", or give the text in content" if name == "src" else ""
            yield name, f"{name} holds the text of a file, not a path. Write the path of the file{instead}."


def _with_environment(options: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the argument specification with the fallback to the controller's environment, which modules lack."""
    spec: dict[str, Any] = copy.deepcopy(dict(options))
    for name, variable in environment.items():
        spec[name]["fallback"] = (env_fallback, [variable])
    return spec
