"""JSON Schema as far as requests need it."""

import support  # noqa: F401
import unittest

from schema import problems


class SchemaTest(unittest.TestCase):
    def test_each_kind_is_told_from_the_others(self):
        values = {"string": "a", "boolean": True, "number": 1.5, "array": [], "object": {}, "null": None}
        for kind in values:
            fitting = [other for other, value in values.items() if problems(value, {"type": kind}) == []]
            self.assertEqual(fitting, [kind])
        self.assertEqual(problems(None, {"type": ["string", "null"]}), [])

    def test_one_of_several_must_fit(self):
        schema = {"anyOf": [{"type": "null"}, {"type": "object", "required": ["a"], "additionalProperties": False,
                                                "properties": {"a": {"const": True}}}]}
        self.assertEqual(problems(None, schema), [])
        self.assertEqual(problems({"a": True}, schema), [])
        self.assertNotEqual(problems({"a": False}, schema), [])
        self.assertNotEqual(problems({"a": True, "b": 1}, schema), [])

    def test_items_and_other_properties_are_looked_at(self):
        self.assertEqual(problems([1, "a"], {"type": "array", "items": {"type": "string"}}, "x"), ["x[0] is not text"])
        self.assertEqual(problems({"a": 1}, {"type": "object", "additionalProperties": {"type": "string"}}, "x"),
                         ["x.a is not text"])

    def test_a_schema_that_is_not_understood_is_no_excuse(self):
        with self.assertRaises(ValueError):
            problems("a", {"type": "string", "format": "uri"})
