"""Odoo's attachments beside the database of the same name: copied by hard links, moved by renames.

Odoo's user can put anything in their place, links to the host's own files among it. So this process, which may be
root's, never goes below the two directories that it opens here; a child with Odoo's user does (as_odoo.py).
"""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import sources
from failures import Failure, tail

#: Read at the start: another version may be put in place while this one is at a release.
CHILD = sources.text("as_odoo.py")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
LONG = 6 * 3600


class Filestore:
    """`root`: Odoo's data directory. A file in it is never changed in place: its name is its content's hash.

    `aside`: on the same file system, where Odoo cannot reach; restore points and evidence lie in `aside/kept`.
    `owner`: Odoo's user and group; None where the worker is that user, and what it makes is Odoo's.
    """

    def __init__(self, root, aside, owner=None):
        self.root, self.aside = Path(root), Path(aside)
        self.owner = owner

    # Places

    @staticmethod
    def live(database):
        return ["live", database]

    @staticmethod
    def kept(name):
        return ["kept", name]

    def path(self, place):
        """For people, in messages."""
        area, name = place
        return (self.root / "filestore" if area == "live" else self.aside / "kept") / name

    # What is done to them

    def clear(self):
        """Whatever Odoo's user has put in the place of the folder of all attachments, there is one."""
        self._do("clear")

    def make(self, place):
        """An empty folder where none is."""
        self._do("make", place=place)

    def exists(self, place):
        return self._do("state", place=place) != "absent"

    def has_content(self, place):
        return self._do("state", place=place) == "full"

    def link(self, source, target, serving=False, required=False):
        """Hard links of everything below `source`; a copy that a crash cut off is made anew.

        `serving`: Odoo runs, and its garbage collection may remove a file that was just listed.
        `required`: a source that is not there is a failure, in place of an empty copy.
        """
        self._do("link", source=source, target=target, serving=serving, required=required)

    def add(self, source, target):
        """Links what was written since `target` was made; folders that have not changed since are passed over."""
        self._do("add", source=source, target=target)

    def move(self, source, target):
        self._do("move", source=source, target=target)

    def remove(self, place):
        self._do("remove", place=place)

    def pair(self, place):
        """The word that the attachments and their database share; None where no release has said one."""
        return self._do("pair", place=place)

    def set_pair(self, place, word):
        self._do("set_pair", place=place, word=word)

    def measure(self, place):
        """(files, bytes)"""
        return tuple(self._do("measure", place=place))

    def kept_names(self):
        return self._do("kept")

    def archive(self, place):
        """A process that writes the folder as a tar stream to its standard output."""
        return self._start("archive", {"place": place}, stderr=subprocess.PIPE)

    def _do(self, what, **order):
        child = self._start(what, order, stderr=subprocess.PIPE)
        try:
            output, error = child.communicate(timeout=LONG)
        except BaseException:
            child.kill()
            child.wait()
            raise
        try:
            answer = json.loads(output)
        except ValueError:
            said = tail(error.decode("utf-8", "replace"), 3)
            raise self._failure(what, said or f"exit status {child.returncode}") from None
        if "error" in answer:
            raise self._failure(what, str(answer["error"])[:500], answer.get("errno"))
        return answer["ok"]

    def _failure(self, what, found, number=None):
        code = "DISK_SPACE_LOW" if number == errno.ENOSPC else "FILESTORE_UNFIT"
        return Failure(code, "Odoo's attachments cannot be worked with", found=f"{what}: {found}",
                       expected=f"folders and files of Odoo's user in {self.root}",
                       remedy=f"look at {self.root}/filestore: a link in the place of a folder, or files of another "
                              "user (`chown -hR` gives them back), are put right by hand; then deploy again")

    def _start(self, what, order, stderr):
        live = os.open(self.root, DIRECTORY)
        try:
            kept = self._open_kept()
            try:
                self._refuse_other_disk(live, kept)
                numbers = map(str, (live, kept, *(self.owner or ())))
                child = subprocess.Popen([sys.executable, "-I", "-c", CHILD, *numbers],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                                         pass_fds=(live, kept), cwd="/", start_new_session=True,
                                         env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"})
            finally:
                os.close(kept)
        finally:
            os.close(live)
        try:
            child.stdin.write(json.dumps({"do": what, **order}).encode())
            child.stdin.close()
        except BrokenPipeError:
            # It has ended already, and its last words say why.
            pass
        child.stdin = None
        return child

    def _refuse_other_disk(self, live, kept):
        if os.fstat(live).st_dev != os.fstat(kept).st_dev:
            raise Failure("HOST_UNFIT", "restore points have no room beside the attachments",
                          found=f"{self.aside} is on another disk than {self.root}",
                          expected="one file system: points are hard links",
                          remedy=f"make the volume of a folder of that disk, such as {self.root}/odoo-filestore, "
                                 "in place of its root; then deploy again")

    def _open_kept(self):
        """The directory is Odoo's user's, so that the child can work in it, below one that only this worker can enter.
        """
        self.aside.mkdir(mode=0o700, exist_ok=True)
        aside = os.open(self.aside, DIRECTORY)
        try:
            try:
                os.mkdir("kept", 0o700, dir_fd=aside)
            except FileExistsError:
                pass
            kept = os.open("kept", DIRECTORY, dir_fd=aside)
            if self.owner is not None and os.fstat(kept).st_uid != self.owner[0]:
                os.fchown(kept, *self.owner)
            return kept
        finally:
            os.close(aside)

    def adopt(self, say=lambda _: None):
        """Takes over what a worker of an earlier version has kept inside of Odoo's own directory.

        One rename for each, so it can end anywhere.
        """
        root = os.open(self.root, DIRECTORY)
        try:
            before = os.open("odoo-ship", DIRECTORY, dir_fd=root)
        except FileNotFoundError:
            os.close(root)
            return
        except OSError:
            os.close(root)
            say(f"{self.root}/odoo-ship is no folder of this worker: it is left alone. Who has put it there?")
            return
        kept = self._open_kept()
        try:
            if os.fstat(before).st_uid != os.geteuid():
                say(f"{self.root}/odoo-ship does not belong to this worker: it is left alone, and nothing in it is a "
                    "restore point. Who has put it there?")
                return
            for name in os.listdir(before):
                if name == ".odoo-ship-reserve":
                    os.unlink(name, dir_fd=before)
                elif name not in os.listdir(kept):
                    os.rename(name, name, src_dir_fd=before, dst_dir_fd=kept)
            os.fsync(kept)
            os.rmdir("odoo-ship", dir_fd=root)
        except FileNotFoundError:
            # Another command of this worker is at it, too.
            pass
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            say(f"{self.root}/odoo-ship has folders of names that are kept already: look at them, and remove what is "
                "not needed")
        finally:
            for directory in (before, kept, root):
                os.close(directory)
