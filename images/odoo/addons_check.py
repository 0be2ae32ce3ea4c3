#!/usr/bin/env python3
"""Checks directories of Odoo addons before an image is built from them, and reports everything at once.

Manifests and sources are data here: they are parsed and compiled, never run. Only the standard library is used, because
the check also runs inside the image build.

    addons_check.py [--json] [--series 18.0] [--base DIR[:DIR…]|IMAGE] [--require NAME…] DIR…

`--require` ends at the first argument that cannot be a module name (`./addons`, `/opt/x`), or put the directories
first.
Exit code: 0 fine or warnings only, 1 errors found, 2 used wrongly.
"""

import argparse
import ast
import json
import os
import re
import sys
import warnings

sys.dont_write_bytecode = True
from addons_files import UsageError, base_modules, cycles, is_file_inside, leaves, listing, problem, read  # noqa: E402
from addons_module import KEY_TYPES, LICENSES, MODULE_NAME, Module, enterprise_modules  # noqa: E402

NO_MODULES = {"__pycache__", "doc", "docs", "node_modules", "setup"}


class Check:
    """Collects modules and findings over all directories, then judges the modules together."""

    def __init__(self, series, base, enterprise):
        self.series, self.base, self.enterprise = series, base, enterprise - (base or set())
        self.modules, self.findings = {}, []

    def add(self, code, module, path, line, message, remedy, severity="error"):
        self.findings.append({
            "code": code, "severity": severity, "module": module, "path": path, "line": line, "message": message,
            "remedy": remedy,
        })

    def invalid(self, module, path, line, message, remedy, severity="error"):
        self.add("ADDON_INVALID", module, path, line, message, remedy, severity)

    def directory(self, directory):
        try:
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError as error:
            return self.invalid(None, directory, None, f"the directory cannot be read: {error.strerror}",
                                "name an existing directory of addons")
        if any(entry.name == "__manifest__.py" for entry in entries):
            return self.invalid(None, directory, None, "is a module, not a directory of modules",
                                "name the directory that contains it")
        before = len(self.modules), len(self.findings)
        for entry in entries:
            if entry.is_symlink() and leaves(entry.path, directory):
                self.invalid(entry.name, entry.path, None, "is a symbolic link that leaves the directory",
                             "copy the target here: a build sees only this directory")
            elif entry.is_dir() and not entry.name.startswith("."):
                self.folder(directory, entry)
        if before == (len(self.modules), len(self.findings)):
            self.invalid(None, directory, None, "contains no module", "put a module there or leave the directory out",
                         "warning")
        return None

    def folder(self, directory, entry):
        name, path = entry.name, os.path.normpath(entry.path)
        if not os.path.lexists(os.path.join(path, "__manifest__.py")):
            if name not in NO_MODULES:
                nested = any(os.path.exists(os.path.join(path, child, "__manifest__.py")) for child in listing(path))
                self.invalid(name, path, None, "is no module: it has no __manifest__.py",
                             "name this folder as an addons directory of its own" if nested
                             else "add the manifest or move the folder away")
            return
        if not MODULE_NAME.fullmatch(name):
            self.invalid(name, path, None, "Odoo ignores a module of this name",
                         "use letters, digits and underscores only")
        elif name in self.modules:
            self.invalid(name, path, None, f"the module exists twice, also as {self.modules[name].path}",
                         "keep one of the two")
            return
        elif self.base and name in self.base:
            self.invalid(name, path, None, "hides the module of the same name that the base contains",
                         "rename it, unless that is meant", "warning")
        # A module whose manifest is broken still counts as present: one mistake, one finding.
        module = self.modules[name] = Module(name, path)
        content, lines = self.literal(module)
        module.lines = lines
        if content is not None:
            self.manifest(module, content)
        if module.installable:
            self.files(module, directory)

    def literal(self, module):
        """The manifest's dict and the line of each key and dependency; (None, {}) after a finding."""
        def refuse(message, line=None, remedy="write one plain Python dict, as Odoo reads it"):
            self.invalid(module.name, module.manifest, line, message, remedy)
            return None, {}

        data = read(module.manifest, 1 << 20)
        if isinstance(data, str):
            return refuse(data)
        try:
            tree = ast.parse(data.decode("utf-8").lstrip(" \t"), mode="eval").body
            content = ast.literal_eval(tree)
        except SyntaxError as error:
            return refuse(f"the manifest is not valid Python: {error.msg}", error.lineno)
        except UnicodeDecodeError:
            return refuse("the manifest is not UTF-8 text", remedy="save it as UTF-8")
        except (ValueError, TypeError, RecursionError, MemoryError, OverflowError) as error:
            return refuse(f"the manifest is no plain literal: {str(error)[:120] or 'nested too deeply'}")
        if not isinstance(content, dict):
            return refuse(f"the manifest is a {type(content).__name__}, not a dict", 1)
        lines = {}
        for key, value in zip(tree.keys, tree.values):
            lines[getattr(key, "value", None)] = key.lineno
            for item in getattr(value, "elts", []):
                lines[getattr(key, "value", None), getattr(item, "value", None)] = item.lineno
        return content, lines

    def manifest(self, module, content):
        def invalid(key, message, remedy, severity="error"):
            self.invalid(module.name, module.manifest, module.lines.get(key), message, remedy, severity)

        for key in ("name", "version", "author", "license"):
            if not content.get(key):
                invalid(key, f"the manifest has no `{key}`", f"add `{key}`", "warning")
        for key, types in KEY_TYPES.items():
            if key in content and not isinstance(content[key], types):
                invalid(key, f"`{key}` is a {type(content[key]).__name__}",
                        f"make it a {getattr(types, '__name__', None) or types[0].__name__}")
                del content[key]
        for key in ("depends", "data", "demo"):
            values = content.get(key) or []
            if not all(isinstance(value, str) for value in values):
                invalid(key, f"`{key}` holds something else than texts", "list names as texts")
            content[key] = [value for value in values if isinstance(value, str)]
        module.depends = sorted(set(content["depends"]))
        module.version, module.license = content.get("version", ""), content.get("license", "")
        module.installable = bool(content.get("installable", True))
        if module.license and module.license not in LICENSES:
            invalid("license", f"`{module.license}` is no license key that Odoo accepts",
                    f"use one of {', '.join(sorted(LICENSES - {'OEEL-1'}))}")
        triggers = content.get("auto_install")
        if isinstance(triggers, (list, tuple, set)) and not all(name in content["depends"] for name in triggers):
            invalid("auto_install", "`auto_install` names modules that are not in `depends`", "add them to `depends`")
        if not module.installable:
            return
        self.version(module)
        for key, severity in (("data", "error"), ("demo", "warning")):
            for name in content[key]:
                if not is_file_inside(module.path, name):
                    line = module.lines.get((key, name))
                    self.invalid(module.name, module.manifest, line,
                                 f"`{key}` names {name}, which is no file of the module",
                                 "add the file or remove the line", severity)

    def version(self, module):
        line, parts = module.lines.get("version"), module.version.split(".")
        if not module.version:
            return
        if not 2 <= len(parts) <= 5 or not all(re.fullmatch(r"[0-9]{1,9}", part) for part in parts):
            self.invalid(module.name, module.manifest, line, f"`{module.version}` is no version that Odoo accepts",
                         f"write 1.0.0 or {self.series}.1.0.0")
        elif len(parts) > 3 and not module.version.startswith(self.series + "."):
            message = f"version {module.version} is not of series {self.series}: Odoo will not install it"
            self.add("SERIES_MISMATCH", module.name, module.manifest, line, message,
                     f"port the module and set {self.series}.1.0.0", "warning")

    def files(self, module, directory):
        if not os.path.lexists(os.path.join(module.path, "__init__.py")):
            self.invalid(module.name, module.path, None, "has no __init__.py", "add an empty one")
        for folder, children, names in os.walk(module.path):
            children[:] = sorted(child for child in children if child not in NO_MODULES - {"doc", "docs", "setup"}
                                 and not child.startswith("."))
            for name in sorted(children + names):
                path = os.path.join(folder, name)
                if os.path.islink(path) and leaves(path, directory):
                    self.invalid(module.name, path, None,
                                 "is a symbolic link that leaves the addons directory, or leads nowhere",
                                 "copy the target here")
                elif name in names and path != module.manifest and name.endswith((".py", ".xml", ".csv")):
                    self.source(module, path)

    def source(self, module, path):
        if path.endswith(".xml") and "tests" in path.split(os.sep):
            return  # samples for tests are often broken on purpose, as in Odoo's own l10n_it_edi
        line, message = problem(path, read(path))
        if message:
            self.invalid(module.name, path, line, message, "correct the file")

    def judge(self, required):
        """What can be said only when all modules are known."""
        for module in self.modules.values():
            self.licence(module)
            if module.installable:
                self.dependencies(module)
        for names in cycles(self.modules):
            module = self.modules[names[0]]
            self.invalid(module.name, module.manifest, module.lines.get("depends"),
                         f"depends on itself: {' → '.join(names + names[:1])}", "remove one of these dependencies")
        for name in sorted(set(required)):
            if name in self.modules or (self.base and name in self.base):
                continue
            if name in self.enterprise:
                self.add("ENTERPRISE_MODULE", name, "--require", None,
                         f"{name} is required and belongs to Odoo Enterprise",
                         "take it off the list: only Community is supported")
            else:
                self.absent(name, "--require", None, f"{name} is required", [name])

    def licence(self, module):
        remedy = "remove it, or replace it by a Community module: Enterprise code may not be shipped"
        if module.license == "OEEL-1":
            line = module.lines.get("license")
            self.add("ENTERPRISE_MODULE", module.name, module.manifest, line,
                     "has the license OEEL-1 of Odoo Enterprise", remedy)
        elif module.name in self.enterprise:
            self.add("ENTERPRISE_MODULE", module.name, module.path, None, "has the name of a module of Odoo Enterprise",
                     "rename it if it is your own; else remove it")

    def dependencies(self, module):
        unknown = []
        for name in module.depends:
            line = module.lines.get(("depends", name))
            if name in self.modules:
                if not self.modules[name].installable:
                    self.add("MISSING_ADDONS", module.name, module.manifest, line,
                             f"depends on {name}, which is not installable", "port that module or drop the dependency")
            elif name in self.enterprise:
                message = f"depends on {name}, a module of Odoo Enterprise"
                self.add("ENTERPRISE_MODULE", module.name, module.manifest, line, message,
                         "replace the dependency by a Community module")
            elif name not in (self.base or {"base"}):
                unknown.append(name)
        if self.base is None and unknown:
            self.absent(module.name, module.manifest, module.lines.get("depends"), f"depends on {', '.join(unknown)}",
                        unknown)
        for name in unknown if self.base is not None else []:
            self.absent(module.name, module.manifest, module.lines.get(("depends", name)), f"depends on {name}", [name])

    def absent(self, module, path, line, message, names):
        which = "which is" if len(names) == 1 else "which are"
        if self.base is None:
            self.add("MISSING_ADDONS", module, path, line, f"{message}, {which} not in the given directories",
                     "`--base` tells whether Odoo itself has it", "warning")
        else:
            self.add("MISSING_ADDONS", module, path, line, f"{message}, {which} nowhere",
                     "add the module to an addons directory, or correct the name")


def report(check, as_json):
    findings = sorted(check.findings, key=lambda f: (f["severity"], f["path"], f["line"] or 0, f["code"], f["message"]))
    keys = ("name", "path", "version", "depends", "license", "installable")
    modules = [{key: getattr(module, key) for key in keys} for _, module in sorted(check.modules.items())]
    if as_json:
        print(json.dumps({"series": check.series, "modules": modules, "findings": findings}, indent=2))
        return
    for finding in findings:
        place = ":".join(str(part) for part in (finding["path"], finding["line"]) if part)
        block = (f"{finding['severity']} {finding['code']} {place}\n  {finding['message']}\n"
                 f"  remedy: {finding['remedy']}")
        # File names and manifests may hold terminal control characters.
        print("".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in block), end="\n\n")
    errors = sum(finding["severity"] == "error" for finding in findings)
    counts = ((len(modules), "module"), (errors, "error"), (len(findings) - errors, "warning"))
    print(", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts))


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print a machine-readable report")
    parser.add_argument("--series", default="18.0", help="Odoo series, 18.0 by default")
    parser.add_argument("--base", help="directories of Odoo's own addons, separated by `:`, or an Odoo image")
    parser.add_argument("--require", nargs="*", action="extend", default=[], metavar="NAME",
                        help="modules that must be there")
    parser.add_argument("directories", nargs="*", metavar="DIR", help="directory of addons")
    options = parser.parse_args(argv)
    # argparse lets --require swallow what follows; only names are meant.
    directories = options.directories + [word for word in options.require if not MODULE_NAME.fullmatch(word)]
    if not directories or not re.fullmatch(r"\d+\.\d+", options.series):
        parser.error("name at least one directory, and a series such as 18.0")
    warnings.simplefilter("ignore")
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        check = Check(options.series, base_modules(options.base) if options.base else None, enterprise_modules())
    except (UsageError, OSError) as error:
        print(f"addons_check: {error}", file=sys.stderr)
        return 2
    for directory in dict.fromkeys(map(os.path.normpath, directories)):
        check.directory(directory)
    check.judge(word for word in options.require if MODULE_NAME.fullmatch(word))
    report(check, options.json)
    return int(any(finding["severity"] == "error" for finding in check.findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
