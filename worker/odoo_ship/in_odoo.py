"""Runs inside a container of the release, with Odoo's own code: what needs the ORM and no server.

One JSON line on standard input: {"database", "do", …}; one on standard output: {"ok": …} or {"error": …}.
do = smoke-user: makes a user for the smoke test and answers {"uid", "models"}; at the next line (or the end of input)
takes it away again.
do = first-install: sets the administrator's password. Nothing secret is printed.
"""

import json
import logging
import os
import sys
import time


def connect(database):
    # The entrypoint of a container that has just started writes its configuration yet.
    end = time.monotonic() + 60
    while not os.path.exists(os.environ["ODOO_RC"]) and time.monotonic() < end:
        time.sleep(0.1)
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


def smoke_user(env, order):
    remove_smoke_users(env)
    groups = "group_ids" if "group_ids" in env["res.users"]._fields else "groups_id"
    user = env["res.users"].with_context(no_reset_password=True, mail_create_nosubscribe=True,
                                         tracking_disable=True).create({
        "name": "Smoke test of a release", "login": order["login"], "password": order["password"],
        groups: [(6, 0, [env.ref("base.group_user").id, env.ref("base.group_system").id])],
    })
    views = env["ir.model.data"].search([("model", "=", "ir.ui.view"), ("module", "in", order["modules"])])
    forms = env["ir.ui.view"].browse(views.mapped("res_id")).exists().filtered(lambda view: view.type == "form"
                                                                               and view.model in env)
    return {"uid": user.id, "models": sorted(set(forms.mapped("model")))[:5], "websocket": "bus.bus" in env}


def main():
    # Standard output is for the answer alone: what Odoo or an addon prints goes to standard error, as Odoo's log does.
    answers, sys.stdout = sys.stdout, sys.stderr
    logging.basicConfig(stream=sys.stderr)
    order = json.loads(sys.stdin.readline())
    odoo, registry = connect(order["database"])
    with registry.cursor() as cursor:
        env = environment(odoo, cursor)
        if order["do"] == "first-install":
            env.ref("base.user_admin").password = order["password"]
            answer = True
        else:
            answer = smoke_user(env, order)
    print(json.dumps({"ok": answer}), file=answers, flush=True)
    if order["do"] == "smoke-user":
        sys.stdin.readline()
        with registry.cursor() as cursor:
            remove_smoke_users(environment(odoo, cursor))
        print(json.dumps({"ok": True}), file=answers, flush=True)


main()
