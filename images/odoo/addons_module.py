"""A module of addons, as its manifest tells."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

MODULE_NAME = re.compile(r"\w{1,256}")


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


def enterprise_modules(series):
    """Names of the modules that only Odoo Enterprise has in a series; of every series for one that the list lacks."""
    text = Path(__file__).with_name("enterprise-modules.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    of_series = {name for name, *known in lines if series in known}
    return of_series or {name for name, *_ in lines}
