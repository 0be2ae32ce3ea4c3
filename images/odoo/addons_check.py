#!/usr/bin/env python3
"""Checks directories of Odoo addons before an image is built from them, and reports everything at once.

Manifests and sources are data here: they are parsed and compiled, never run. Only the standard library is used, because
the check also runs inside the image build.

    addons_check.py [--json] [--series 18.0] [--base DIR[:DIR…]|IMAGE] [--python IMAGE] [--optional DIR]…
        [--package REQUIREMENT]… [--in-image] [--elsewhere] [--cache DIR] [--require NAME…] DIR…

`--require` ends at the first argument that cannot be a module name (`./addons`, `/opt/x`), or put the directories
first. Of an optional directory, as a whole repository, only what is required, or needed by a module elsewhere, is
judged as the others are. What is wrong with the rest is a warning, or nothing once one of its modules is needed.
Exit code: 0 fine or warnings only, 1 errors found, 2 used wrongly.
"""

import argparse
import json
import os
import re
import sys
import warnings

sys.dont_write_bytecode = True
from addons_files import UsageError, base_modules  # noqa: E402
from addons_judge import Check  # noqa: E402
from addons_module import MODULE_NAME, enterprise_modules  # noqa: E402


def report(check, as_json):
    findings = sorted(check.findings, key=lambda f: (f["severity"], f["path"], f["line"] or 0, f["code"], f["message"]))
    keys = ("name", "path", "version", "depends", "license", "installable")
    modules = [{key: getattr(module, key) for key in keys} for _, module in sorted(check.modules.items())
               if not module.left_out]
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
    parser.add_argument("--python", metavar="IMAGE", help="an image whose Python judges what this one does not accept")
    parser.add_argument("--package", action="append", default=[], metavar="REQUIREMENT",
                        help="a Python package that the image gets; odoo-addon-… brings a module")
    parser.add_argument("--in-image", action="store_true",
                        help="this is the image's own Python, with all packages: external dependencies must be there")
    parser.add_argument("--elsewhere", action="store_true",
                        help="modules come from other places, too: that one is in none of these is a warning")
    parser.add_argument("--cache", metavar="DIR",
                        help="keeps there which files were fine, by their content, so that they are not parsed again")
    parser.add_argument("--optional", action="append", default=[], metavar="DIR",
                        help="a directory of which only what is needed is judged as the others are")
    parser.add_argument("--require", nargs="*", action="extend", default=[], metavar="NAME",
                        help="modules that must be there")
    parser.add_argument("directories", nargs="*", metavar="DIR", help="directory of addons")
    options = parser.parse_args(argv)
    # argparse lets --require swallow what follows; only names are meant.
    directories = options.directories + [word for word in options.require if not MODULE_NAME.fullmatch(word)]
    if not directories + options.optional or not re.fullmatch(r"\d+\.\d+", options.series):
        parser.error("name at least one directory, and a series such as 18.0")
    directories, optional = (list(map(os.path.normpath, names)) for names in (directories, options.optional))
    warnings.simplefilter("ignore")
    sys.stdout.reconfigure(errors="backslashreplace")
    try:
        check = Check(options.series, base_modules(options.base) if options.base else None,
                      enterprise_modules(options.series), options.python, directories, optional,
                      "\n".join(options.package), options.in_image, options.elsewhere, options.cache)
    except (UsageError, OSError) as error:
        print(f"addons_check: {error}", file=sys.stderr)
        return 2
    for directory in dict.fromkeys(directories + optional):
        check.directory(directory)
    check.judge(word for word in options.require if MODULE_NAME.fullmatch(word))
    check.contents.keep()
    report(check, options.json)
    return int(any(finding["severity"] == "error" for finding in check.findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
