"""A module of addons, as its manifest tells, and what Odoo accepts in one."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

MODULE_NAME = re.compile(r"\w{1,256}")
# Odoo refuses to list a module with another key: the selection of ir.module.module.license, the same since 16.0.
LICENSES = {
    "GPL-2", "GPL-2 or any later version", "GPL-3", "GPL-3 or any later version", "AGPL-3", "LGPL-3",
    "Other OSI approved licence", "OEEL-1", "OPL-1", "Other proprietary",
}
KEY_TYPES = {
    "name": str, "version": str, "license": str, "depends": (list, tuple), "data": (list, tuple), "demo": (list, tuple),
    "installable": (bool, int), "auto_install": (bool, int, list, tuple, set), "assets": dict,
    "external_dependencies": dict,
}


@dataclass
class Module:
    name: str
    path: str
    version: str = ""
    depends: list = field(default_factory=list)
    license: str = ""
    installable: bool = True
    lines: dict = field(default_factory=dict)
    #: The manifest's `external_dependencies`.
    external: dict = field(default_factory=dict)
    #: [(path, severity of a fault)] of what Odoo reads.
    read: list = field(default_factory=list)
    #: Whether nobody needs it, and it could not be used.
    left_out: bool = False

    @property
    def manifest(self):
        return os.path.join(self.path, "__manifest__.py")


def enterprise_modules():
    lines = Path(__file__).with_name("enterprise-modules.txt").read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}
