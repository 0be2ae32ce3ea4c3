"""Runs inside a container beside a server of a new database: writes what users would, so that there is something that
the next release has to upgrade.

Standard input: JSON {"database", "own": [module]}. Prints JSON {"records": how many, "models": how many of the modules'
own}. What a model does not take as it is stays empty. Only Python's own library.
"""

import base64
import http.client
import json
import sys

MODELS, ROWS = 60, 20
PLAIN = {"char": "gate", "text": "gate", "html": "<p>gate</p>", "integer": 1, "float": 1.0, "monetary": 1.0,
         "boolean": True, "date": "2026-01-02", "datetime": "2026-01-02 03:04:05"}


def rpc(service, method, *args):
    body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1,
                       "params": {"service": service, "method": method, "args": args}})
    connection = http.client.HTTPConnection("127.0.0.1", 8069, timeout=120)
    connection.request("POST", "/jsonrpc", body, {"Content-Type": "application/json"})
    answer = json.loads(connection.getresponse().read())
    if "error" in answer:
        raise ValueError(str((answer["error"].get("data") or {}).get("message") or answer["error"]))
    return answer.get("result")


class Odoo:
    def __init__(self, database):
        self.login = [database, rpc("common", "login", database, "admin", "admin"), "admin"]

    def call(self, model, method, *args, **options):
        return rpc("object", "execute_kw", *self.login, model, method, list(args), options)

    def models_of(self, modules):
        """Models that these modules define or extend."""
        data = self.call("ir.model.data", "search_read", [["model", "=", "ir.model"], ["module", "in", modules]],
                         fields=["res_id"])
        ids = sorted({row["res_id"] for row in data})
        return [row["model"] for row in self.call("ir.model", "read", ids, ["model", "transient"])
                if not row["transient"]][:MODELS]

    def values(self, model):
        """One for each required field that has no default."""
        fields = self.call(model, "fields_get", [], ["type", "required", "relation", "selection", "readonly"])
        required = {name: field for name, field in fields.items() if field.get("required")}
        known = self.call(model, "default_get", list(required))
        found = {}
        for name, field in required.items():
            if known.get(name):
                continue
            if field["type"] in PLAIN:
                found[name] = PLAIN[field["type"]]
            elif field["type"] == "selection" and field["selection"]:
                found[name] = field["selection"][0][0]
            elif field["type"] == "many2one":
                there = self.call(field["relation"], "search", [], limit=1)
                found.update({name: there[0]} if there else {})
        return found


def main():
    order = json.load(sys.stdin)
    odoo = Odoo(order["database"])
    rows = [{"name": f"Partner {number} of a gate", "email": f"gate-{number}@example.com"} for number in range(ROWS)]
    records = len(odoo.call("res.partner", "create", rows))
    odoo.call("ir.attachment", "create", {"name": "gate.txt", "datas": base64.b64encode(b"gate").decode()})
    models = 0
    for model in odoo.models_of(order["own"]):
        try:
            odoo.call(model, "create", odoo.values(model))
            models += 1
        except ValueError:
            continue
    # The database is kept without a filestore.
    odoo.call("ir.config_parameter", "set_param", "ir_attachment.location", "db")
    odoo.call("ir.attachment", "force_storage")
    parameter = odoo.call("ir.config_parameter", "search", [["key", "=", "ir_attachment.location"]])
    odoo.call("ir.config_parameter", "unlink", parameter)
    print(json.dumps({"records": records + 1 + models, "models": models}))


main()
