"""Runs as Odoo's own user: whatever is done to attachments, which that user can replace by anything at any moment.

Arguments: two open directories by number, the one that Odoo has and the one where copies are kept, and the numbers of
the user and group to become, or nothing to stay who it is. Standard input: {"do", …}; standard output: {"ok": …}, or
{"error": text, "errno": number or null}. do = archive writes a tar stream to standard output instead.

No path is ever resolved as a whole: each directory is opened below an open one, and a symbolic link is never followed.
What goes wrong in spite of that goes wrong with the rights of Odoo's user. A place is ["live", database] or ["kept",
name].
"""

import contextlib
import json
import os
import stat
import sys
import time

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Odoo's has two levels. Somebody who makes many more wants to see what happens.
DEEPEST = 32
# In the folder of each database's attachments: Odoo looks for no file of that name.
PAIR = ".odoo-ship-pair"
# A folder that was changed so short ago may be changed once more with the same time.
SETTLED_NS = 10 * 10**9


class Places:
    def __init__(self, live, kept):
        self.live, self.kept = live, kept

    def parent(self, place):
        """(open directory, name in it). The caller closes the directory."""
        area, name = place
        if not name or "/" in name or name in (".", ".."):
            raise ValueError(f"no name of a folder: {name!r}")
        return (open_below(self.live, "filestore") if area == "live" else os.dup(self.kept)), name


def open_below(parent, name):
    try:
        return os.open(name, DIRECTORY, dir_fd=parent)
    except PermissionError:
        # Its owner has locked itself out, by mistake or to be in the way of a release.
        if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            os.chmod(name, 0o700, dir_fd=parent)
        return os.open(name, DIRECTORY, dir_fd=parent)


def is_directory(parent, name):
    return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)


def exists(parent, name):
    with contextlib.suppress(FileNotFoundError):
        os.stat(name, dir_fd=parent, follow_symlinks=False)
        return True
    return False


@contextlib.contextmanager
def opened(parent, name):
    directory = open_below(parent, name)
    try:
        yield directory
    finally:
        os.close(directory)


def names(directory):
    """Of a directory that may change meanwhile; each is looked at anew."""
    return sorted(os.listdir(directory))


def folders_and_missing(source, target):
    """Names of folders and, if there is a `target`, of what it lacks. To look at each file takes long on slow disks."""
    there = None if target is None else set(os.listdir(target))
    with os.scandir(source) as entries:
        return sorted(entry.name for entry in entries
                      if entry.is_dir(follow_symlinks=False) or there is not None and entry.name not in there)


def link_into(source, target, serving, depth=0):
    """Hard links of all that is below `source` and not yet below `target`, both open.

    `serving`: Odoo runs, and its garbage collection may remove a file that was just listed. The copy of a folder has
    the time of its last change as it was before it was read: a folder with the time of its copy has nothing new, except
    in folders below it.
    """
    if depth > DEEPEST:
        raise ValueError(f"more than {DEEPEST} folders within each other")
    changed = os.fstat(source).st_mtime_ns
    quiet = changed < time.time_ns() - SETTLED_NS
    same = changed == os.fstat(target).st_mtime_ns
    for name in folders_and_missing(source, None if same else target):
        try:
            if is_directory(source, name):
                make_directory(target, name)
                with opened(source, name) as below, opened(target, name) as copy:
                    link_into(below, copy, serving, depth + 1)
            else:
                os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
        except FileExistsError:
            pass
        except FileNotFoundError:
            if not serving:
                raise
    if quiet:
        os.utime(target, ns=(changed, changed))
    if not same:
        os.fsync(target)


def make_directory(parent, name):
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)


def remove_tree(parent, name, depth=0):
    """Whatever stands there; nothing is no error."""
    with contextlib.suppress(FileNotFoundError):
        if not is_directory(parent, name):
            os.unlink(name, dir_fd=parent)
            return
        if depth > 4 * DEEPEST:
            raise ValueError(f"more than {4 * DEEPEST} folders within each other")
        with opened(parent, name) as directory:
            for below in names(directory):
                remove_tree(directory, below, depth + 1)
        os.rmdir(name, dir_fd=parent)


def measure(directory, depth=0):
    """(files, bytes)"""
    count = size = 0
    for name in names(directory):
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) and depth < DEEPEST:
                with opened(directory, name) as below:
                    more = measure(below, depth + 1)
                count, size = count + more[0], size + more[1]
            elif not stat.S_ISDIR(found.st_mode):
                count, size = count + 1, size + found.st_size
        except FileNotFoundError:
            pass
    return count, size


def prepare(places):
    make_directory(places.live, "filestore")
    with opened(places.live, "filestore") as directory, contextlib.suppress(PermissionError):
        os.fchmod(directory, 0o700)


# What can be asked for. Each may be done again after a crash.


def do_clear(places, _):
    """What stands in the place of the folder of all attachments, and is none, is set aside."""
    if exists(places.live, "filestore") and not is_directory(places.live, "filestore"):
        os.rename("filestore", f"aside-{time.time_ns()}", src_dir_fd=places.live, dst_dir_fd=places.live)
    prepare(places)


def do_make(places, order):
    prepare(places)
    parent, name = places.parent(order["place"])
    make_directory(parent, name)
    os.close(open_below(parent, name))


def do_state(places, order):
    """absent, empty or full, as whatever is no folder"""
    try:
        parent, name = places.parent(order["place"])
        if not is_directory(parent, name):
            return "full"
        with opened(parent, name) as directory:
            return "full" if names(directory) else "empty"
    except FileNotFoundError:
        return "absent"


def do_link(places, order):
    """A copy that a crash cut off is made anew."""
    prepare(places)
    source_parent, source = places.parent(order["source"])
    target_parent, target = places.parent(order["target"])
    partial = f"{target}.partial"
    remove_tree(target_parent, target)
    remove_tree(target_parent, partial)
    make_directory(target_parent, partial)
    if exists(source_parent, source):
        with opened(source_parent, source) as there, opened(target_parent, partial) as copy:
            link_into(there, copy, order["serving"])
    elif order["required"]:
        raise FileNotFoundError(2, "the folder is not there", "/".join(order["source"]))
    os.rename(partial, target, src_dir_fd=target_parent, dst_dir_fd=target_parent)
    os.fsync(target_parent)


def do_add(places, order):
    """Links what the copy lacks."""
    source_parent, source = places.parent(order["source"])
    target_parent, target = places.parent(order["target"])
    if exists(source_parent, source):
        with opened(source_parent, source) as there, opened(target_parent, target) as copy:
            link_into(there, copy, True)


def do_move(places, order):
    prepare(places)
    source_parent, source = places.parent(order["source"])
    target_parent, target = places.parent(order["target"])
    if is_directory(source_parent, source):
        # To get another parent it must be one that its owner may write to. One of another owner may do as it is.
        with contextlib.suppress(PermissionError):
            os.chmod(source, 0o700, dir_fd=source_parent)
    os.rename(source, target, src_dir_fd=source_parent, dst_dir_fd=target_parent)
    os.fsync(target_parent)
    os.fsync(source_parent)


def do_remove(places, order):
    with contextlib.suppress(FileNotFoundError):
        parent, name = places.parent(order["place"])
        # With what is left of a copy that was cut off.
        for there in (name, f"{name}.partial"):
            remove_tree(parent, there)


def do_measure(places, order):
    parent, name = places.parent(order["place"])
    with opened(parent, name) as directory:
        return measure(directory)


def do_pair(places, order):
    parent, name = places.parent(order["place"])
    with opened(parent, name) as directory:
        try:
            file = os.open(PAIR, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
        except FileNotFoundError:
            return None
        try:
            return os.read(file, 100).decode("utf-8", "replace")
        finally:
            os.close(file)


def do_set_pair(places, order):
    """The file is made anew: its content is another folder's, too."""
    parent, name = places.parent(order["place"])
    with opened(parent, name) as directory:
        remove_tree(directory, PAIR)
        file = os.open(PAIR, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
        try:
            os.write(file, order["word"].encode())
            os.fsync(file)
        finally:
            os.close(file)
        os.fsync(directory)


def do_kept(places, _):
    return names(places.kept)


def archive(places, order):
    """A tar stream of the folder, by tar itself: it reads below its working directory, and stores links as links."""
    parent, name = places.parent(order["place"])
    os.fchdir(open_below(parent, name))
    os.execvp("tar", ["tar", "-cf", "-", "."])


def become(user, group):
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)


def main():
    if sys.argv[3:]:
        become(int(sys.argv[3]), int(sys.argv[4]))
    os.umask(0o077)
    places = Places(int(sys.argv[1]), int(sys.argv[2]))
    # Read to its end by hand: what is exec'ed must not find a buffer.
    order = json.loads(os.read(0, 65536))
    if order["do"] == "archive":
        archive(places, order)
    try:
        answer = {"ok": globals()[f"do_{order['do']}"](places, order)}
    except (OSError, ValueError) as error:
        answer = {"error": f"{type(error).__name__}: {error}", "errno": getattr(error, "errno", None)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
