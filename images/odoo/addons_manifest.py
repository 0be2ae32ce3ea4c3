"""Judges a manifest that can be read: what Odoo accepts of its keys."""

import os
import re

from addons_data import LOADED
from addons_files import is_file_inside
from addons_reads import are_texts

# Odoo refuses to list a module with another key: the selection of ir.module.module.license, the same since 16.0.
LICENSES = {
    "GPL-2", "GPL-2 or any later version", "GPL-3", "GPL-3 or any later version", "AGPL-3", "LGPL-3",
    "Other OSI approved licence", "OEEL-1", "OPL-1", "Other proprietary",
}
KEY_TYPES = {
    "name": str, "version": str, "license": str, "depends": (list, tuple, set), "data": (list, tuple),
    "demo": (list, tuple), "auto_install": (bool, int, list, tuple, set), "assets": dict, "external_dependencies": dict,
    "init_xml": (list, tuple), "update_xml": (list, tuple),
}
#: Keys of which Odoo takes whatever is empty, such as None, for nothing; since 19.0 `depends`, too, which is base then.
MAY_BE_EMPTY = {"license", "demo", "auto_install", "external_dependencies"}


def judge(check, module, content):
    """Tells `check` what is wrong with a manifest's content, and `module` what the content says."""
    def invalid(key, message, remedy, severity="error"):
        check.invalid(module.name, module.manifest, module.lines.get(key), message, remedy, severity)

    since_19 = float(check.series) >= 19
    if isinstance(content.get("version"), (int, float)) and since_19:
        # As Odoo reads it since then.
        content["version"] = str(content["version"])
    for key in ("author", "license"):
        if not content.get(key):
            invalid(key, f"the manifest has no `{key}`", f"add `{key}`", "warning")
    if isinstance(content.get("installable"), str):
        invalid("installable", "`installable` is a text, which counts as True", "write True or False", "warning")
    for key, types in KEY_TYPES.items():
        if not content.get(key) and (key in MAY_BE_EMPTY or key == "depends" and since_19):
            content.pop(key, None)
        elif key in content and not isinstance(content[key], types):
            invalid(key, f"`{key}` is a {type(content[key]).__name__}",
                    f"make it a {getattr(types, '__name__', None) or types[0].__name__}")
            del content[key]
    for key in ("depends", "demo", *data_keys(check.series)):
        values = content.get(key) or []
        if not all(isinstance(value, str) for value in values):
            invalid(key, f"`{key}` holds something else than texts", "list names as texts")
        content[key] = [value for value in values if isinstance(value, str)]
    module.depends = sorted(set(content["depends"]))
    module.version, module.license = content.get("version", ""), content.get("license", "")
    module.installable = bool(content.get("installable", True))
    module.external = content.get("external_dependencies") or {}
    if module.license and module.license not in LICENSES:
        invalid("license", f"`{module.license}` is no license key that Odoo accepts",
                f"use one of {', '.join(sorted(LICENSES - {'OEEL-1'}))}")
    triggers = content.get("auto_install")
    depends = content["depends"] or (["base"] if since_19 else [])
    if isinstance(triggers, (list, tuple, set)) and not all(name in depends for name in triggers):
        invalid("auto_install", "`auto_install` names modules that are not in `depends`", "add them to `depends`")
    if not module.installable:
        return
    for kind in ("python", "bin"):
        if not are_texts(module.external.get(kind, [])):
            invalid("external_dependencies", f"`external_dependencies` has no list of texts for `{kind}`",
                    "list names as texts")
    if "version" in content:
        version(check, module)
    for key in data_keys(check.series):
        data_files(check, module, key, content[key], "error")
    data_files(check, module, "demo", content["demo"], "warning")


def data_files(check, module, key, names, severity):
    for name in names:
        def invalid(message, remedy, name=name):
            check.invalid(module.name, module.manifest, module.lines.get((key, name)), message, remedy, severity)

        if not is_file_inside(module.path, name):
            invalid(f"`{key}` names {name}, which is no file of the module", "add the file or remove the line")
        elif os.path.splitext(name)[1].lower() not in LOADED:
            invalid(f"`{key}` names {name}, and Odoo loads no file of that kind", f"name {', '.join(LOADED)} alone")
        else:
            module.read.append((os.path.normpath(os.path.join(module.path, name)), severity))


def version(check, module):
    line, judged = module.lines.get("version"), judged_version(module.version, check.series)
    if judged == "wrong":
        check.invalid(module.name, module.manifest, line, f"`{module.version}` is no version that Odoo accepts",
                      f"write 1.0.0 or {check.series}.1.0.0")
    elif judged == "foreign":
        module.installable = False
        check.add("SERIES_MISMATCH", module.name, module.manifest, line,
                  f"version {module.version} is not of series {check.series}: Odoo will not install it",
                  f"port the module and set {check.series}.1.0.0", "warning")


def data_keys(series):
    """Keys of a manifest whose files are loaded, in Odoo's order. It warns of the first, and of the second one."""
    return ("init_xml", "data") if float(series) >= 19 else ("init_xml", "update_xml", "data")


def judged_version(version, series):
    """What Odoo makes of a version: "taken"; "foreign", of another series; or "wrong"."""
    parts = version.split(".")
    if not 2 <= len(parts) <= 5 or not all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts):
        return "wrong"
    ours = version.startswith(series + ".")
    if float(series) < 19:
        if not ours and len(parts) > 3:
            return "foreign"
        return "taken" if len(parts) - 2 * ours in (2, 3) else "wrong"
    # What begins with the series' digits gets no series put before it.
    return "taken" if ours or len(parts) <= 3 and not version.startswith(series) else "foreign"
