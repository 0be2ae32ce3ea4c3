"""Sessions in PostgreSQL, and the roles that they log in as."""

import json
import os
import secrets
import subprocess
import time

from failures import Failure, code_from_log, tail
from psql import Session
from shell import QUICK, run
from statements import fill, quoted, scram

# What ALTER DATABASE … SET, which Odoo's role may say of its own database, must not decide for a session of this
# worker. A client's options win.
PINNED = {"search_path": "pg_catalog", "standard_conforming_strings": "on", "default_transaction_read_only": "off",
          "statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "role": "none"}
# Who is no superuser may not even say NOSUPERUSER, and gives databases only to a role that it is a member of.
MAKE_ROLE = """SELECT format('CREATE ROLE %I', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \\gexec
SELECT format('ALTER ROLE %I NOSUPERUSER', :'role')
WHERE (SELECT rolsuper FROM pg_roles WHERE rolname = :'role') \\gexec
"""
GRANT_TO_ADMIN = """SELECT format('GRANT %I TO CURRENT_USER', :'role')
WHERE NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) \\gexec
"""


def pinned(**changes):
    return " ".join(f"-c {name}={value}" for name, value in {**PINNED, **changes}.items())


class Server:
    """Run as one of four roles: Odoo's, that of a release's tasks, the reader of facts, and the admin."""

    ROLE = "odoo"
    #: What a release runs of Odoo: acts as Odoo's role, and has a password of its own.
    TASKS = "odoo_tasks"
    #: Reads what Odoo's role reads, and changes nothing.
    FACTS = "odoo_facts"
    NAME = "odoo-ship"

    def __init__(self, admin, story, container=None, env=None, by_hand=None, task_password=None):
        """Through the socket in the server's own `container`, without a password and with tools of its version; or by
        the network, with libpq's variables.

        `story`: where an operator finds why it does not answer. `by_hand`: how an operator calls its programs, where
        that is not as the worker does.
        `task_password`: answers the password of the tasks' role, which the host keeps where the tasks find it.
        """
        self.task_password = task_password
        self.admin, self.container, self.env, self.story = admin, container, env or {}, story
        self.by_hand = f"docker exec -i {container}" if by_hand is None else by_hand
        #: Of the roles that log in by the network; those through the socket need none.
        self.passwords = {}
        self.roles_are_there = False
        #: {(role, database): the kept session}
        self.sessions = {}

    @classmethod
    def in_container(cls, container, task_password):
        return cls("postgres", f"docker logs {container}", container, task_password=task_password)

    @classmethod
    def at(cls, env, story, by_hand, task_password):
        return cls(env["PGUSER"], story, env=env, by_hand=by_hand, task_password=task_password)

    def place(self):
        """Which server it is, for people."""
        return f"PostgreSQL at {self.env['PGHOST']}" if "PGHOST" in self.env else "PostgreSQL"

    def program(self, role, args):
        """(arguments, variables) of one of PostgreSQL's programs as this role; the password of one is in the variables
        alone.
        """
        self._require(role)
        # A task acts as Odoo's role, so that what it makes is Odoo's.
        special = {self.TASKS: pinned(role=self.ROLE), self.FACTS: pinned(default_transaction_read_only="on")}
        options = special.get(role, pinned())
        own = {"PGAPPNAME": self.NAME, "PGOPTIONS": options}
        named = [args[0], "-U", role, *args[1:]]
        if self.container is not None:
            variables = [part for name, value in own.items() for part in ("-e", f"{name}={value}")]
            return ["docker", "exec", "-i", *variables, self.container, *named], {}
        return named, {**self.env, **own, "PGUSER": role, **({"PGPASSWORD": self.passwords[role]}
                                                             if role in self.passwords else {})}

    def run(self, args, limit, given=None, role=None):
        """One of PostgreSQL's programs."""
        command, env = self.program(role or self.admin, args)
        return run(command, limit, given=given, env=env)

    def start(self, args, role=None, errors=subprocess.STDOUT, text=False):
        """One that is talked to, or whose output is read."""
        command, env = self.program(role or self.admin, args)
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=text,
                                errors="replace" if text else None,
                                env={**os.environ, **env}, start_new_session=True)

    @staticmethod
    def psql(database):
        return ["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-d", database]

    def sql(self, statements, database="postgres", limit=QUICK, what="asking PostgreSQL", role=None):
        """Rows of the last statements, unaligned, fields apart by tabs; as the admin if no role is named."""
        result = self._psql(statements, database, limit, role)
        if not result.ok:
            raise self._failure(what, result)
        return [line.split("\t") for line in result.output.splitlines() if line]

    def value(self, statement, database="postgres", role=None):
        rows = self.sql(statement, database, role=role)
        return rows[0][0] if rows else None

    def fact(self, query, database, what="reading Odoo's tables"):
        """What one expression of JSON says, read with no more rights than Odoo has; whoever has Odoo's role may have
        decided what that is.
        """
        result = self._psql("\n".join(("SELECT (", query, ")::text")), database, QUICK, self.FACTS)
        if not result.ok:
            raise self._failure(what, result)
        text = result.output.strip()
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise strange(database, text) from None

    def _psql(self, statements, database, limit, role=None):
        role = role or self.admin
        session = self.sessions.get((role, database))
        if session is None or not session.ready(QUICK):
            session = self.sessions[role, database] = self.session(database, role)
        result = session.ask(statements, limit)
        if not result.ok:
            del self.sessions[role, database]
        return result

    def session(self, database, role):
        child = self.start([*self.psql(database), "-f", "-"], role, subprocess.PIPE, text=True)
        return Session(child, quoted(self.ROLE) if role == self.TASKS else None)

    def leave(self, *databases):
        """Ends the sessions in these databases, or all of them."""
        for role, database in list(self.sessions):
            if not databases or database in databases:
                self.sessions.pop((role, database)).close()

    def _failure(self, what, result):
        code = code_from_log(result.text, "DATABASE_CONNECTION_ERROR" if result.status != 3 else "DEPLOY_FAILED")
        return Failure(code, f"{what} failed", found=tail(result.text, 5) or f"exit status {result.status}",
                       expected="PostgreSQL that answers and has room", log=tail(result.text),
                       remedy=f"`{self.story}` shows why; when it runs again, deploy again")

    def wait(self, seconds):
        """Until PostgreSQL takes connections."""
        end = time.monotonic() + seconds
        while True:
            # By TCP: during its first set-up PostgreSQL listens on the socket only.
            address = ["-h", "127.0.0.1"] if self.container else []
            if self.run(["pg_isready", "-q", *address], QUICK).ok:
                return
            if time.monotonic() > end:
                raise Failure("DATABASE_CONNECTION_ERROR", "PostgreSQL does not answer",
                              found=f"no connection within {seconds} s",
                              expected="a PostgreSQL that accepts connections", remedy=f"`{self.story}` shows why",
                              log=self.last_words())
            time.sleep(0.3)

    def answers(self):
        return self.run(["pg_isready", "-q"], QUICK).ok

    def last_words(self):
        return tail(run(["docker", "logs", "--tail=25", self.container], QUICK).text) if self.container else ""

    def end_what_was_left(self):
        """A copy that a killed worker has ordered goes on in the server."""
        self.leave()
        self.sql(fill("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :'name' AND pid "
                      "<> pg_backend_pid()",
                      name=self.NAME))

    def version(self):
        """The major version of the server."""
        return int(self.value("SHOW server_version_num")) // 10000

    # Roles

    def prepare_role(self, password):
        """The role that Odoo logs in with: it may not create databases, since Odoo would serve an empty one in place of
        a lost one.

        Who is no superuser, as the admin of a managed PostgreSQL, may not even say NOSUPERUSER, and gives databases
        only to a role that it is a member of.
        """
        self.sql(fill("\n".join((MAKE_ROLE,
                                 """ALTER ROLE :"role" LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'verifier';""",
                                 GRANT_TO_ADMIN)),
                      role=self.ROLE, verifier=scram(password)), what="preparing the database role of Odoo")
        self.roles_are_there = False

    def prepare_task_roles(self):
        """The roles of a release's tasks and of the reader, members of Odoo's and no more.

        By the network the reader gets a password as well, which nobody but this process knows.
        """
        secret = {self.TASKS: self.task_password(), self.FACTS: None if self.container else secrets.token_urlsafe(32)}
        usual = {self.TASKS: fill("""ALTER ROLE :"role" SET role = :'odoo';""", role=self.TASKS, odoo=self.ROLE),
                 self.FACTS: fill("""ALTER ROLE :"role" SET default_transaction_read_only = 'on';""", role=self.FACTS)}
        for role, word in secret.items():
            verifier = fill("PASSWORD :'verifier'", verifier=scram(word)) if word else "PASSWORD NULL"
            self.sql("\n".join((
                fill(MAKE_ROLE, role=role), fill("""ALTER ROLE :"role" LOGIN INHERIT NOCREATEDB NOCREATEROLE""",
                                                 role=role), verifier, ";",
                fill("""GRANT :"odoo" TO :"role";""", odoo=self.ROLE, role=role), fill(GRANT_TO_ADMIN, role=role),
                usual[role])),
                     what="preparing the database roles of the release's tasks and of its reader")
        self.passwords.update({role: word for role, word in secret.items() if word and not self.container})
        self.roles_are_there = True

    def lock_out(self):
        """Odoo's own role gets no session any more, and has none; that of the tasks does."""
        self.sql(fill("""ALTER ROLE :"role" NOLOGIN""", role=self.ROLE))
        self.sql(fill("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :'role'", role=self.ROLE))

    def in_transaction(self):
        """Whether a session of Odoo's own role has one open."""
        return self.value(fill("SELECT count(*) FROM pg_stat_activity WHERE usename = :'role' AND state <> 'idle'",
                               role=self.ROLE)) != "0"

    def may_log_in(self):
        return self.value(fill("SELECT rolcanlogin FROM pg_roles WHERE rolname = :'role'", role=self.ROLE)) != "f"

    def let_in(self):
        if not self.may_log_in():
            self.sql(fill("""ALTER ROLE :"role" LOGIN""", role=self.ROLE))

    def _require(self, role):
        """The roles are made by whoever uses them first, also on a server that an earlier version has set up."""
        if role in (self.TASKS, self.FACTS) and not self.roles_are_there:
            self.prepare_task_roles()


def strange(database, text):
    return Failure("DATABASE_UNFIT", f"the database {database} does not say which modules it has as Odoo does",
                   found=text[:300],
                   expected="names and versions in the table ir_module_module",
                   remedy="look at that table, its views and triggers: somebody has changed how it answers; then "
                          "deploy again")
