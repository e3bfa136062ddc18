# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the real server prints when a setting aborts its start."""

from __future__ import annotations

from typing import List

_TYPES = {
    "boolean": "System.Boolean",
    "integer": "System.Int32",
    "number": "System.Double",
    "guid": "System.Guid",
    "timespan": "System.TimeSpan",
    "enum": "System.Enum",
}
_CONVERT = "ConvertFrom(ITypeDescriptorContext context, CultureInfo culture, Object value)"
_INNER_END = "   --- End of inner exception stack trace ---"
_BINDER = "   at Microsoft.Extensions.Configuration.ConfigurationBinder."
_BIND_INSTANCE = (
    _BINDER + "BindInstance(Type type, BindingPoint bindingPoint, IConfiguration config, BinderOptions options, "
    "Boolean isParentCollection)"
)
_BIND_PROPERTIES = (
    _BINDER + "BindProperty(PropertyInfo property, Object instance, IConfiguration config, BinderOptions options)",
    _BINDER + "BindProperties(Object instance, IConfiguration configuration, BinderOptions options, "
    "ParameterInfo[] constructorParameters)",
    _BIND_INSTANCE,
)
_SETTINGS = "   at Bit.SharedWeb.Utilities.GlobalSettingsServiceCollectionExtensions."
_INVOKER = "   at System.Reflection.MethodBaseInvoker."
_HOSTING = "   at Microsoft.AspNetCore.Hosting."
_HOST = [
    _INVOKER + "InterpretedInvoke_Method(Object obj, IntPtr* args)",
    _INVOKER + "InvokeDirectByRefWithFewArgs(Object obj, Span`1 copyOfArgs, BindingFlags invokeAttr)",
    _INVOKER + "InvokeWithOneArg(Object obj, BindingFlags invokeAttr, Binder binder, Object[] parameters, "
    "CultureInfo culture)",
    "   at System.Reflection.RuntimeMethodInfo.Invoke(Object obj, BindingFlags invokeAttr, Binder binder, "
    "Object[] parameters, CultureInfo culture)",
    _HOSTING + "ConfigureServicesBuilder.InvokeCore(Object instance, IServiceCollection services)",
    _HOSTING + "GenericWebHostBuilder.UseStartup(Type startupType, HostBuilderContext context, "
    "IServiceCollection services, Object instance)",
    _HOSTING + "GenericWebHostBuilder.<>c__DisplayClass7_0.<UseStartup>b__0(HostBuilderContext context, "
    "IServiceCollection services)",
    "   at Microsoft.Extensions.Hosting.HostBuilder.InitializeServiceProvider()",
    "   at Microsoft.Extensions.Hosting.HostBuilder.Build()",
]


def not_converted(name: str, kind: str, value: str, program: str) -> List[str]:
    """Return the lines for a value that setting ``name`` of type ``kind`` does not take."""
    path = ":".join(part[:1].upper() + part[1:] for part in name.split("__"))
    return [
        f"Unhandled exception. System.InvalidOperationException: Failed to convert configuration value '{value}' at "
        f"'{path}' to type '{_TYPES[kind]}'.",
        *_reasons(kind, value),
        _BINDER + "TryConvertValue(Type type, String value, String path, Object& result, Exception& error)",
        _INNER_END,
        _BIND_INSTANCE,
        *_BIND_PROPERTIES * path.count(":"),
        _SETTINGS + "CreateGlobalSettings(IConfiguration configuration, IHostEnvironment environment)",
        *_host(program),
    ]


def no_installation(program: str) -> List[str]:
    """Return the lines for a missing or all-zero installation id."""
    return [
        "Unhandled exception. System.InvalidOperationException: "
        "Installation Id must be set for self-hosted installations.",
        *_host(program),
    ]


def _reasons(kind: str, value: str) -> List[str]:
    if kind == "guid":
        return [
            " ---> System.FormatException: Unrecognized Guid format.",
            f"   at System.ComponentModel.GuidConverter.{_CONVERT}",
        ]
    if kind in ("integer", "number"):
        number = _TYPES[kind].partition(".")[2]
        lines = [f" ---> System.ArgumentException: {value} is not a valid value for {number}. (Parameter 'value')"]
        if value.strip():
            lines += [
                f" ---> System.FormatException: The input string '{value}' was not in a correct format.",
                "   at System.Number.ThrowFormatException[TChar](ReadOnlySpan`1 value)",
            ]
        else:
            lines += [" ---> System.IndexOutOfRangeException: Index was outside the bounds of the array."]
        converter = f"   at System.ComponentModel.BaseNumberConverter.{_CONVERT}"
        return [*lines, converter, _INNER_END, converter]
    name = _TYPES[kind].partition(".")[2]
    converter = f"   at System.ComponentModel.{name}Converter.{_CONVERT}"
    return [
        f" ---> System.FormatException: {value} is not a valid value for {name}.",
        f" ---> System.FormatException: String '{value}' was not recognized as a valid {name}.",
        f"   at {_TYPES[kind]}.Parse(String value)",
        converter,
        _INNER_END,
        converter,
    ]


def _host(program: str) -> List[str]:
    return [
        _SETTINGS + "AddGlobalSettingsServices(IServiceCollection services, IConfiguration configuration, "
        "IHostEnvironment environment)",
        f"   at Bit.{program}.Startup.ConfigureServices(IServiceCollection services)",
        *_HOST,
        f"   at Bit.{program}.Program.Main(String[] args)",
    ]
