"""How the smoke test judges what a server answers. The server's part is shown by releases on real hosts."""

import unittest
from unittest import mock

from support import SOURCES

#: It runs as a whole program in a container, which imports none of its parts.
SMOKE = {"__name__": "smoke"}
WORDS = "Smoke test of a release"
exec(compile((SOURCES / "smoke.py").read_text().removesuffix("main()\n"), "smoke.py", "exec"), SMOKE)


class Client:
    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def call(self, model, *_):
        self.asked.append(model)
        answer = self.answers[model]
        if isinstance(answer, Exception):
            raise answer
        return {"views": {"form": {"arch": answer}}}


class FormViewsTest(unittest.TestCase):
    def test_a_model_that_the_user_may_not_read_is_no_fault_of_a_release_and_the_others_are_tried(self):
        client = Client({"queue.job": ValueError("/web/dataset: odoo.exceptions.AccessError You are not allowed"),
                         "sale.order": "<form/>"})
        SMOKE["form_views"](client, {"models": ["queue.job", "sale.order"]})
        self.assertEqual(client.asked, ["queue.job", "sale.order"])

    def test_one_that_is_broken_is(self):
        for answer in (ValueError("builtins.KeyError: 'amount'"), "<list/>"):
            with self.assertRaises(ValueError):
                SMOKE["form_views"](Client({"sale.order": answer}), {"models": ["sale.order"]})


class LoginTest(unittest.TestCase):
    """A user who was made for a rehearsal, and one who was there before."""

    MADE = {"database": "copy", "login": "smoke", "password": "p", "session": {"id": "signed"}}
    THERE = {"database": "odoo", "session": {"id": "signed"}}

    def log_in(self, order, authenticated, accepted=True):
        client, asked = SMOKE["Client"](), []

        def rpc(path, _):
            asked.append(path.rpartition("/")[2])
            if asked[-1] == "authenticate":
                if isinstance(authenticated, Exception):
                    raise authenticated
                return authenticated
            return {"uid": 7 if accepted and client.cookie == "session_id=signed" else None}
        client.rpc = rpc
        SMOKE["authenticated"](client, order)
        return asked, client.cookie

    def test_the_password_is_tried_where_there_is_one(self):
        self.assertEqual(self.log_in(self.MADE, {"uid": 7}), (["authenticate"], ""))

    def test_a_second_factor_that_is_asked_of_everybody_keeps_no_release_from_being_tried(self):
        # So it is with auth_totp_mail: a right password names no user yet, and a password alone is no key for programs.
        for answer in ({"uid": None}, None):
            self.assertEqual(self.log_in(self.MADE, answer),
                             (["authenticate", "get_session_info"], "session_id=signed"))

    def test_without_a_session_as_in_a_gate_it_is_tried_as_a_program(self):
        order = {name: value for name, value in self.MADE.items() if name != "session"}
        client = SMOKE["Client"]()
        client.rpc = lambda path, _: {"uid": None} if path.endswith("authenticate") else 7
        SMOKE["authenticated"](client, order)
        self.assertEqual(client.remote, ["copy", 7, "p"])
        client.rpc = lambda *_: None
        with self.assertRaises(ValueError):
            SMOKE["authenticated"](client, order)

    def test_a_login_that_is_refused_fails_it(self):
        with self.assertRaises(ValueError):
            self.log_in(self.MADE, ValueError("odoo.exceptions.AccessDenied Access Denied"))

    def test_a_session_of_somebody_who_was_there_is_used_as_it_is(self):
        self.assertEqual(self.log_in(self.THERE, None), (["get_session_info"], "session_id=signed"))
        with self.assertRaises(ValueError):
            self.log_in(self.THERE, None, accepted=False)

    def test_only_a_user_who_was_made_for_it_writes(self):
        client = mock.Mock()
        client.call.side_effect = lambda _, method, *__: {"create": 1, "read": [{"name": WORDS}]}.get(method)
        SMOKE["create_and_read"](client, self.THERE)
        client.call.assert_not_called()
        SMOKE["create_and_read"](client, self.MADE)
        self.assertEqual([call.args[1] for call in client.call.call_args_list], ["create", "read", "unlink"])
