"""How the smoke test judges what a server answers. The server's part is shown by releases on real hosts."""

import unittest

from support import SOURCES

#: It runs as a whole program in a container, which imports none of its parts.
SMOKE = {"__name__": "smoke"}
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
