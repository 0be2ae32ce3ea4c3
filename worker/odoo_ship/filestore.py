"""Odoo's attachments beside the database of the same name: copied by hard links, moved by renames."""

import os
import shutil
from pathlib import Path

from files import remove_tree, sync_directory


class Filestore:
    """`root`: where Odoo's data directory lies. A file in it is never changed in place: its name is its content's hash.

    `aside`: on the same file system, where Odoo does not look; restore points and evidence lie there.
    `owner`: Odoo's user and group; None where the worker is that user, and what it makes is Odoo's.
    """

    def __init__(self, root, aside, owner=None):
        self.root, self.aside = Path(root), Path(aside)
        self.owner = owner

    def live(self, database):
        return self.root / "filestore" / database

    def kept(self, name):
        return self.aside / name

    def prepare(self):
        for directory in (self.root, self.root / "filestore"):
            directory.mkdir(mode=0o700, exist_ok=True)
            self._give(directory)
            if self.owner is not None:
                os.chmod(directory, 0o700)
        self.aside.mkdir(mode=0o700, exist_ok=True)

    def link(self, source, target, serving=False):
        """Hard links of everything below `source`; a copy that a crash cut off is made anew.

        `serving`: Odoo runs, and its garbage collection may remove a file that was just listed.
        """
        remove_tree(target)
        partial = target.with_name(f"{target.name}.partial")
        remove_tree(partial)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.exists():
            shutil.copytree(source, partial, copy_function=_link_if_there if serving else _link, symlinks=True)
            for directory, _, _ in os.walk(partial):
                self._give(directory)
        else:
            partial.mkdir()
            self._give(partial)
        os.rename(partial, target)
        sync_directory(target.parent)

    def _give(self, path):
        if self.owner is not None:
            os.chown(path, *self.owner)

    def move(self, source, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(source, target)
        sync_directory(target.parent)
        sync_directory(source.parent)

    def measure(self, path):
        """(files, bytes)"""
        files = [os.lstat(os.path.join(directory, name)).st_size for directory, _, names in os.walk(path) for name in names]
        return len(files), sum(files)


def _link(source, target):
    os.link(source, target)
    return target


def _link_if_there(source, target):
    try:
        os.link(source, target)
    except FileNotFoundError:
        pass
    return target
