"""The data of a host with Docker: two volumes, and PostgreSQL in a container beside Odoo's."""

import sys

import ledger
import project
from files import STATE, Reserve, free_bytes
from filestore import Filestore
from hosts import engine
from hosts.base import Data
from postgres import Postgres

TASKS_PASSWORD = "odoo-tasks-password"


class ComposeData(Data):
    def __init__(self, container):
        self.postgres = Postgres.in_container(container, lambda: project.generated(TASKS_PASSWORD))

    def filestore(self):
        """Odoo has the whole volume. What is kept lies beside it, on its disk, below a directory that only root enters.
        """
        root = project.volume_path("odoo-filestore")
        owner = project.VOLUMES["odoo-filestore"]
        project.refuse_foreign_parent(root)
        store = Filestore(root, root.parent / "odoo-ship", owner)
        store.adopt(lambda text: print(text, file=sys.stderr))
        ledger.keep_points_in(store.aside / "points")
        return store

    def reserve(self):
        """Where space is set aside: the state and, once it is there, the disk of the attachments."""
        aside = [self.filestore().aside] if has_volume("odoo-filestore") else []
        return Reserve([STATE, *(path for path in aside if path.exists())])

    def free(self):
        """Free bytes: {place: bytes} for images and for the data."""
        root = engine.information()["DockerRootDir"]
        places = {root: free_bytes(root)}
        for name in project.VOLUMES:
            if has_volume(name):
                path = project.volume_path(name)
                places[str(path)] = free_bytes(path)
        return places

    def database_disk(self):
        """Where copies of the database take space."""
        path = project.volume_path("odoo-db-data")
        return str(path), free_bytes(path)


def has_volume(name):
    return engine.volume(name) is not None
