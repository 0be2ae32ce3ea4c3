"""Values of others in statements; what PostgreSQL makes of them is shown by test/database."""

from support import WorkerCase

from statements import elements, setting_statement


class ListTest(WorkerCase):
    def test_a_list_of_names_is_taken_apart(self):
        for value, wanted in (('"$user", public', ["$user", "public"]), (' a , "b, c" ,', ["a", "b, c"]),
                              ('"a""b",""', ['a"b', ""]), ("", [])):
            self.assertEqual(elements(value), wanted)

    def test_whatever_else_it_is_stays_in_quotes(self):
        self.assertEqual(setting_statement("odoo", "search_path", "x'; DROP TABLE y"),
                         """ALTER DATABASE "odoo" SET "search_path" TO 'x''; DROP TABLE y'""")

    def test_one_of_a_million_characters_is_read_once(self):
        """Read anew from each of them, it would take days, with users kept out."""
        self.assertEqual(len(elements('"' * 1_000_001 + "x")), 1)
        self.assertEqual(elements('"a",' * 300_000), ["a"] * 300_000)
