"""A host in memory: databases, attachments, who serves and who is let in. Every effect may be a worker's last one."""

import re

from support import Killed

from failures import Failure
from hosts.base import Data, Serving

OLD, NEW = "registry/odoo@sha256:" + "a" * 64, "registry/odoo@sha256:" + "b" * 64
IMAGES = {OLD: {"base": ("19.0.1.0", "base1"), "sale": ("19.0.1.0", "sale1")},
          NEW: {"base": ("19.0.1.0", "base1"), "sale": ("19.0.1.1", "sale2")}}


class World:
    """What stays when a worker dies. `effects`: how many are left until it is killed; None: it lives.

    `log`: the effects, by name. `users`: what they reach now: (image, content of the live database), or None. `knows`:
    what the server has in memory since it started, as the pair of the data that it started on.
    """

    def __init__(self):
        self.databases = {}
        self.folders = {}
        self.server = self.in_place = self.knows = None
        self.door_open = self.role_may_log_in = True
        self.effects, self.log = None, []
        self.fails_at = None

    def effect(self, name):
        if self.effects == 0:
            raise Killed(name)
        if self.effects is not None:
            self.effects -= 1
        self.log.append(name)
        if self.fails_at and re.fullmatch(re.escape(self.fails_at).replace("ATTEMPT", r"\w+"), name):
            raise Failure("DEPLOY_FAILED", "made to fail", found=name, expected="-", remedy="-")

    @property
    def users(self):
        live = self.databases.get("odoo")
        if self.door_open and self.server and live:
            assert self.knows == live.get("pair"), "the server still knows other data"
        return (self.server, live["content"]) if self.door_open and self.server and live else None

    def write(self, text):
        """A user's acknowledged write: to the live database, and to an attachment."""
        assert self.users, "nobody is let in"
        self.databases["odoo"]["content"] += text
        self.folders.setdefault(("live", "odoo"), set()).add(text)


class Databases:
    """As postgres.Postgres. Nobody but the worker and its tasks may be at the live database while it is copied."""

    ROLE, admin, by_hand = "odoo", "postgres", "docker exec -i odoo-db"

    def __init__(self, world):
        self.world = world

    @property
    def known(self):
        return self.world.databases

    def __getattr__(self, name):
        """Questions and small things whose effect nothing here depends on."""
        if name in ("wait", "end_what_was_left", "prepare_task_roles", "prepare_role", "refuse_changed_collation",
                    "refuse_what_stays", "own", "limit", "copy_limit", "copy_settings", "set_parameter", "open",
                    "forget_uninstalled", "make_extensions", "settle_modules"):
            return lambda *_, **__: None
        raise AttributeError(name)

    def exists(self, name):
        return name in self.known

    def size(self, _):
        return 1000

    def may_log_in(self):
        return self.world.role_may_log_in

    def lost_directories(self):
        return []

    def writes(self, _):
        return 7

    def tables(self, name):
        return len(self.known[name]["content"])

    def modules(self, name):
        return self.known[name]["modules"] or None

    def listed_modules(self, name):
        return list(self.known[name]["modules"])

    def unfinished_modules(self, _):
        return []

    def marker(self, name):
        return self.known[name]["marker"]

    def mark(self, name, state, digest, modules):
        self.world.effect(f"mark {name} {state}")
        self.known[name]["marker"] = {"state": state, "digest": digest, "modules": modules}

    def create(self, name, _extensions=()):
        self.world.effect(f"create {name}")
        assert name not in self.known
        self.known[name] = {"content": "", "modules": {}, "marker": None}

    def drop(self, name):
        if name in self.known:
            self.world.effect(f"drop {name}")
            del self.known[name]

    def clone(self, source, target, owner):
        self.drop(target)
        self.world.effect(f"clone {source} to {target}")
        self.known[target] = {**self.known[source]}

    def copy(self, source, target):
        self.clone(source, target, self.ROLE)
        return type("Result", (), {"ok": True})

    def rename(self, old, new):
        self.world.effect(f"rename {old} to {new}")
        assert new not in self.known, f"{new} is there"
        self.known[new] = self.known.pop(old)

    def lock_out(self):
        self.world.effect("lock out")
        self.world.role_may_log_in = False

    def let_in(self):
        self.world.effect("let in")
        self.world.role_may_log_in = True

    def pair(self, name):
        return self.known[name].get("pair")

    def set_pair(self, name, word):
        self.world.effect(f"pair {name}")
        self.known[name]["pair"] = word

    def sql(self, _):
        return [(name,) for name in sorted(self.known)]


class Folders:
    """As filestore.Filestore; a folder is the set of its files."""

    def __init__(self, world):
        self.world = world

    @property
    def known(self):
        return self.world.folders

    @staticmethod
    def live(name):
        return ("live", name)

    @staticmethod
    def kept(name):
        return ("kept", name)

    def path(self, place):
        return "/".join(place)

    def clear(self):
        pass

    def make(self, place):
        if place not in self.known:
            self.world.effect(f"make {self.path(place)}")
            self.known[place] = set()

    def exists(self, place):
        return place in self.known

    def has_content(self, place):
        return bool(self.known.get(place))

    def link(self, source, target, serving=False, required=False):
        self.world.effect(f"link {self.path(source)} to {self.path(target)}")
        assert source in self.known or not required
        self.known[target] = set(self.known.get(source, ()))

    def add(self, source, target):
        self.world.effect(f"add {self.path(source)} to {self.path(target)}")
        self.known[target] |= self.known.get(source, set())

    def move(self, source, target):
        self.world.effect(f"move {self.path(source)} to {self.path(target)}")
        assert target not in self.known, f"{target} is there"
        self.known[target] = self.known.pop(source)

    def remove(self, place):
        if place in self.known:
            self.world.effect(f"remove {self.path(place)}")
            del self.known[place]

    def pair(self, place):
        return next((name.removeprefix("pair ") for name in self.known[place] if name.startswith("pair ")), None)

    def set_pair(self, place, word):
        self.world.effect(f"pair {self.path(place)}")
        self.known[place] = {name for name in self.known[place] if not name.startswith("pair ")} | {f"pair {word}"}

    def measure(self, place):
        return len(self.known[place]), 10

    def kept_names(self):
        return sorted(name for area, name in self.known if area == "kept")


class WorldData(Data):
    def __init__(self, world):
        self.world, self.postgres = world, Databases(world)

    def filestore(self):
        return Folders(self.world)

    def reserve(self):
        return type("Reserve", (), {"keep": lambda _: None, "give_back": lambda _: None})()

    def free(self):
        return {"/": 10**12}

    def database_disk(self):
        return "/", 10**12


class WorldHost(Serving):
    """A host with a proxy, as hosts.compose.ComposeHost."""

    def __init__(self, world):
        self.world, self.data = world, WorldData(world)

    def image_room(self, _image, _before):
        return 0

    def remove_image(self, _):
        pass

    def keep_images(self, names):
        pass

    def fetch(self, request):
        self.world.effect("fetch")
        modules = IMAGES[request["image"]]
        return {"series": "19.0", "modules": {name: {"version": version, "hash": code}
                                              for name, (version, code) in modules.items()}}

    def prepare(self, request):
        self.world.effect("prepare")

    def first_password(self):
        return "secret"

    def must_close(self, request):
        return False

    def changes_odoo(self, request):
        return True

    def close(self, request):
        self.world.effect("close the door")
        self.world.door_open = False
        self.world.effect("stop the server")
        self.world.server = None

    def start_ahead(self, request):
        self.world.effect("put in place")
        self.world.in_place = request["image"]
        self.world.effect("start a server that waits")

    def swap(self, request, between, aside=True, restless=()):
        self.world.effect("put in place")
        self.world.in_place = request["image"]
        self.world.effect("stop the server")
        self.world.server = None
        between()
        self.data.postgres.let_in()
        self.start(request)
        return "server"

    def start(self, request):
        assert self.world.role_may_log_in, "no server can log in"
        self.world.effect("start the server")
        self.world.server = request["image"]
        self.world.knows = self.data.postgres.pair("odoo")

    def refresh(self, request):
        raise AssertionError("not here")

    def open(self, request):
        if self.world.server != request["image"]:
            self.start(request)
        self.world.effect("open the door")
        self.world.door_open = True

    def let_go(self):
        pass

    def is_open(self):
        return self.world.door_open

    def begin_rollback(self, previous, failed, changed, closed, replaced):
        # The server is told by its image, as a container is by its files.
        if changed and (replaced or not (previous and self.world.server == previous["image"])):
            self.world.effect("stop the server")
            self.world.server = None
        if previous:
            self.world.effect("put in place")
            self.world.in_place = previous["image"]

    def end_rollback(self, previous):
        if self.world.server != previous["image"]:
            self.start(previous)
        self.world.effect("open the door")
        self.world.door_open = True

    def keep_others_away(self, say):
        pass

    def still_alone(self):
        pass

    def uninterrupted(self):
        pass

    def upgrade(self, request, database):
        self.world.effect(f"upgrade {database}")
        found = self.data.postgres.known[database]
        found["content"] += f"+{request['image'][-1]}"
        found["modules"] = {module: version for module, (version, _) in IMAGES[request["image"]].items()}
        self.world.folders.setdefault(("live", database), set()).add(f"asset of {request['image'][-1]}")

    def start_task(self, request, name, command, database):
        return name

    def remove_task(self, name):
        pass

    def remove_tasks(self):
        pass

    def settle(self, live):
        pass

    def wait_ready(self, name, seconds):
        pass

    def logs(self, name):
        return ""
