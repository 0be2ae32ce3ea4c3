"""Runs inside a container of the release, with Odoo's own code: what needs the ORM and no server.

One JSON line on standard input: {"do", …}; one on standard output: {"ok": …}. Nothing secret is printed.

do = upgrade: {"database"}: answers when Odoo's code is loaded. Each line after it is an order of these, and has an
answer:
  {"neutralise": database}: the database sends no mail and runs no job from here on; true.
  {"command", "database", "live", "modules", "password", "user", "serve"}: runs Odoo's command line with these words;
  {"status"}, and where that is 0, also what do = session answers, and "restless": modules that start something of
  their own as they are loaded. With a "user", {"login", "password"}, that user is made to try a copy, and the session
  is that user's. "password": of a new database's administrator, or null. "serve": whether pages of the database are
  answered at Odoo's port from then on, until this program ends.
do = list: {"database"}: lists the modules of the image that the database does not know yet; answers true.
do = session: {"database", "live", "modules"}: signs a session of the administrator, or else of another user of the
settings' group, for the database `live`; answers {"session": {"id", "path", "text"}, "models", "websocket"}. Nothing is
written to the database.
"""

import configparser
import json
import logging
import os
import sys
import time

PRODUCT = "/opt/odoo"
# Shorter than the worker waits for an answer, longer than a busy machine takes.
CONFIGURATION_SECONDS = 240


def wait_for_configuration(database):
    """The entrypoint of the program that was just started writes it yet. One that names another database is of a
    program before it in the same container: with its filter Odoo would not serve this one.
    """
    end = time.monotonic() + CONFIGURATION_SECONDS
    while (found := configured_database()) != database:
        if time.monotonic() > end:
            raise SystemExit(f"{os.environ['ODOO_RC']} names the database {found} after {CONFIGURATION_SECONDS} s, not "
                             f"{database}")
        time.sleep(0.1)


def configured_database():
    parser = configparser.RawConfigParser(strict=False)
    parser.read(os.environ["ODOO_RC"], encoding="utf-8")
    return parser.get("options", "db_name", fallback=None)


def connect(database):
    wait_for_configuration(database)
    import odoo
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", os.environ["ODOO_RC"], "-d", database, "--no-http", "--log-level=error"])
    return odoo, Registry(database)


def quiet():
    """The image's own: what keeps modules from starting something as they are loaded. An older image has none."""
    sys.path.insert(0, PRODUCT)
    try:
        import quiet as found
    except ImportError:
        return None
    finally:
        sys.path.remove(PRODUCT)
    found.begin()
    return found


def environment(odoo, cursor):
    return odoo.api.Environment(cursor, odoo.SUPERUSER_ID, {})


def somebody_new(env, login, password):
    """A policy is for people, and may ask for anything: Odoo's own hash is stored, which none looks at."""
    user = env["res.users"].with_context(no_reset_password=True, mail_create_nosubscribe=True,
                                         tracking_disable=True).create({
        "name": "Smoke test of a release", "login": login,
        groups_of(env): [(6, 0, [env.ref("base.group_user").id, env.ref("base.group_system").id])],
    })
    user._set_encrypted_password(user.id, user._crypt_context().hash(password))
    return user


def to_try(env, order):
    """{"models" whose forms the modules have changed, "websocket": whether there is one}"""
    views = env["ir.model.data"].search([("model", "=", "ir.ui.view"), ("module", "in", order["modules"])])
    forms = env["ir.ui.view"].browse(views.mapped("res_id")).exists().filtered(lambda view: view.type == "form"
                                                                               and view.model in env)
    return {"models": sorted(set(forms.mapped("model")))[:5], "websocket": "bus.bus" in env}


def session(odoo, env, order):
    return {"session": signed(odoo, somebody(env), order["live"]), **to_try(env, order)}


def signed(odoo, user, database):
    """As Odoo signs it after a login. The path of its file is below the folder of sessions."""
    import odoo.http

    store = odoo.http.root.session_store
    made = store.new()
    made.update({**odoo.http.get_default_session(), "db": database, "uid": user.id, "login": user.login,
                 "context": dict(user.context_get()), "_trace_disable": True,
                 "session_token": user._compute_session_token(made.sid)})
    store.save(made)
    path = store.get_session_filename(made.sid)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    store.delete(made)
    return {"id": made.sid, "path": os.path.relpath(path, store.path), "text": text}


def somebody(env):
    """Who may see most: the administrator, or another user of the same group."""
    user = env.ref("base.user_admin", raise_if_not_found=False)
    if user and user.active:
        return user
    return env["res.users"].search([(groups_of(env), "in", env.ref("base.group_system").ids)], order="id", limit=1)


def groups_of(env):
    return "group_ids" if "group_ids" in env["res.users"]._fields else "groups_id"


def list_modules(_odoo, env, _order):
    env["ir.module.module"].update_list()
    return True


def run_command(order):
    """Exit status of Odoo's command line, in this process: its code is loaded already."""
    import odoo.cli

    sys.argv = order["command"]
    try:
        odoo.cli.main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        logging.exception("Odoo's command failed")
        return 1
    return 0


def upgrade(database, tell, held):
    # Odoo 19 reads a variable for each of its options, and those of libpq before its configuration.
    for name in list(os.environ):
        if name.startswith(("ODOO_", "PG")) and name != "ODOO_RC":
            del os.environ[name]
    wait_for_configuration(database)
    import odoo.cli.server
    import odoo.http
    import odoo.modules.registry
    import odoo.service.server

    tell(True)
    for line in sys.stdin:
        order = json.loads(line)
        tell(neutralise(odoo, order["neutralise"]) if "neutralise" in order else change(odoo, order, held))


def neutralise(odoo, database):
    import odoo.modules.neutralize
    import odoo.sql_db

    odoo.tools.config.parse_config(["-c", os.environ["ODOO_RC"], "-d", database, "--no-http"])
    with odoo.sql_db.db_connect(database).cursor() as cursor:
        odoo.modules.neutralize.neutralize_database(cursor)
    odoo.sql_db.close_db(database)
    return True


def change(odoo, order, held):
    answer = {"status": run_command(order), "restless": sorted(held)}
    if answer["status"] == 0:
        with odoo.modules.registry.Registry(order["database"]).cursor() as cursor:
            env = environment(odoo, cursor)
            if order["password"]:
                env.ref("base.user_admin").password = order["password"]
                env.flush_all()
            if order["user"]:
                user = somebody_new(env, **order["user"])
                env.flush_all()
                answer.update({"session": signed(odoo, user, order["database"]), **to_try(env, order)})
            else:
                answer.update(session(odoo, env, order))
        if order["serve"]:
            serve(odoo)
    return answer


def serve(odoo):
    """With the code and the registry that are loaded already: a server of its own would take seconds to start."""
    import threading

    import odoo.http
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 8069, odoo.http.root, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


ANSWERS = {"session": session, "list": list_modules}


def main():
    # Standard output is for the answer alone: what Odoo or an addon prints goes to standard error, as Odoo's log does.
    answers, sys.stdout = sys.stdout, sys.stderr

    def tell(answer):
        print(json.dumps({"ok": answer}), file=answers, flush=True)
    order, keeper = json.loads(sys.stdin.readline()), quiet()
    if order["do"] == "upgrade":
        upgrade(order["database"], tell, keeper.held if keeper else ())
        return
    logging.basicConfig(stream=sys.stderr)
    odoo, registry = connect(order["database"])
    with registry.cursor() as cursor:
        env = environment(odoo, cursor)
        answer = ANSWERS[order["do"]](odoo, env, order)
    tell(answer)


main()
