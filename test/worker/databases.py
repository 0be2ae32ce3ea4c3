"""PostgreSQL and attachments of a test: contents by name."""

from support import Killed

from filestore import Filestore


class Databases:
    """PostgreSQL as a dictionary {name: content}; dies after `operations` changes."""

    ROLE = "odoo"

    def __init__(self, known, operations):
        self.known, self.left = known, operations

    def change(self):
        if self.left == 0:
            raise Killed
        self.left -= 1

    def exists(self, name):
        return name in self.known

    def rename(self, old, new):
        self.change()
        assert old in self.known and new not in self.known, (old, new, self.known)
        self.known[new] = self.known.pop(old)

    def drop(self, name):
        self.change()
        self.known.pop(name, None)

    def own(self, name, _):
        self.change()
        assert name in self.known

    limit = own

    def copy_settings(self, *_):
        self.change()


class Folders:
    """Attachments of the live database and of the point `a`, each with one file that says whose it is."""

    def __init__(self, root, live, kept):
        self.store = Filestore(root, root / "aside")
        for place, text in ((self.store.live("odoo"), live), (self.store.kept("a"), kept)):
            path = self.store.path(place)
            path.mkdir(parents=True)
            (path / "file").write_text(text)

    def live(self):
        return self.content(self.store.live("odoo"))

    def kept(self, name):
        return self.content(self.store.kept(name))

    def content(self, place):
        path = self.store.path(place) / "file"
        return path.read_text() if path.exists() else None
