"""Runs inside a container of the release, with Odoo's own code: what needs the ORM and no server.

One JSON line on standard input: {"do", …}; one on standard output: {"ok": …}. Nothing secret is printed.

do = upgrade: answers when Odoo's code is loaded. At the next line, {"command", "database", "live", "modules",
"password"}, it runs Odoo's command line with these words, and answers {"status"}; where that is 0, also what do =
session does. "password": of a new database's administrator, or null.
do = list: {"database"}: lists the modules of the image that the database does not know yet; answers true.
do = session: {"database", "live", "modules"}: signs a session of the administrator, or else of another user of the
settings' group, for the database `live`; answers {"session": {"id", "path", "text"}, "models", "websocket"}. Nothing is
written to the database.
do = smoke-user: {"database", "login", "password", "modules"}: makes a user for the smoke test and answers {"models",
"websocket"}; at the next line (or the end of input) takes it away again.
"""

import json
import logging
import os
import sys
import time


def wait_for_configuration():
    """The entrypoint of a container that has just started writes it yet."""
    end = time.monotonic() + 60
    while not os.path.exists(os.environ["ODOO_RC"]) and time.monotonic() < end:
        time.sleep(0.1)


def connect(database):
    wait_for_configuration()
    import odoo
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", os.environ["ODOO_RC"], "-d", database, "--no-http", "--log-level=error"])
    return odoo, Registry(database)


def environment(odoo, cursor):
    return odoo.api.Environment(cursor, odoo.SUPERUSER_ID, {})


def remove_smoke_users(env):
    users = env["res.users"].with_context(active_test=False).search([("login", "=like", "odoo-ship-smoke-%")])
    partners = users.mapped("partner_id")
    try:
        with env.cr.savepoint():
            users.unlink()
            partners.unlink()
    except Exception:
        # Something refers to it, most often what a module writes about every user. Nobody can log in as it either way.
        logging.exception("the smoke test's user cannot be removed; it is archived")
        users.active = False


def smoke_user(_odoo, env, order):
    remove_smoke_users(env)
    user = env["res.users"].with_context(no_reset_password=True, mail_create_nosubscribe=True,
                                         tracking_disable=True).create({
        "name": "Smoke test of a release", "login": order["login"], "password": order["password"],
        groups_of(env): [(6, 0, [env.ref("base.group_user").id, env.ref("base.group_system").id])],
    })
    return to_try(env, order)


def to_try(env, order):
    """{"models" whose forms the modules have changed, "websocket": whether there is one}"""
    views = env["ir.model.data"].search([("model", "=", "ir.ui.view"), ("module", "in", order["modules"])])
    forms = env["ir.ui.view"].browse(views.mapped("res_id")).exists().filtered(lambda view: view.type == "form"
                                                                               and view.model in env)
    return {"models": sorted(set(forms.mapped("model")))[:5], "websocket": "bus.bus" in env}


def session(odoo, env, order):
    """Signed as Odoo signs it after a login. The path of its file is below the folder of sessions."""
    import odoo.http

    store = odoo.http.root.session_store
    made, user = store.new(), somebody(env)
    made.update({**odoo.http.get_default_session(), "db": order["live"], "uid": user.id, "login": user.login,
                 "context": dict(user.context_get()), "_trace_disable": True,
                 "session_token": user._compute_session_token(made.sid)})
    store.save(made)
    path = store.get_session_filename(made.sid)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    store.delete(made)
    return {"session": {"id": made.sid, "path": os.path.relpath(path, store.path), "text": text},
            **to_try(env, order)}


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


def upgrade(tell):
    # Odoo 19 reads a variable for each of its options, and those of libpq before its configuration.
    for name in list(os.environ):
        if name.startswith(("ODOO_", "PG")) and name != "ODOO_RC":
            del os.environ[name]
    wait_for_configuration()
    import odoo.cli.server
    import odoo.http
    import odoo.modules.registry
    import odoo.service.server

    tell(True)
    line = sys.stdin.readline()
    if not line:
        return
    order = json.loads(line)
    answer = {"status": run_command(order)}
    if answer["status"] == 0:
        with odoo.modules.registry.Registry(order["database"]).cursor() as cursor:
            env = environment(odoo, cursor)
            if order["password"]:
                env.ref("base.user_admin").password = order["password"]
                env.flush_all()
            answer.update(session(odoo, env, order))
    tell(answer)


ANSWERS = {"session": session, "smoke-user": smoke_user, "list": list_modules}


def main():
    # Standard output is for the answer alone: what Odoo or an addon prints goes to standard error, as Odoo's log does.
    answers, sys.stdout = sys.stdout, sys.stderr

    def tell(answer):
        print(json.dumps({"ok": answer}), file=answers, flush=True)
    order = json.loads(sys.stdin.readline())
    if order["do"] == "upgrade":
        upgrade(tell)
        return
    logging.basicConfig(stream=sys.stderr)
    odoo, registry = connect(order["database"])
    with registry.cursor() as cursor:
        env = environment(odoo, cursor)
        answer = ANSWERS[order["do"]](odoo, env, order)
    tell(answer)
    if order["do"] == "smoke-user":
        sys.stdin.readline()
        with registry.cursor() as cursor:
            remove_smoke_users(environment(odoo, cursor))
        tell(True)


main()
