import json
import os
import tempfile
import xmlrpc.client
from unittest.mock import patch

from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.release_info import release

RELEASE = {
    "version": "1.2.3",
    "revision": "0123456789abcdef0123456789abcdef01234567",
    "created": "2026-01-02T03:04:05Z",
    "series": "18.0",
    "contentHash": "c0ffee",
    "modules": {"release_info": {"version": "1.0.0", "hash": "beef"}},
}
EMPTY = {"version": "", "revision": "", "created": "", "series": "", "contentHash": "", "digest": "", "modules": {}}


@tagged("post_install", "-at_install")
class TestReleaseInfo(TransactionCase):
    def read_text(self, text, **environ):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "release.json")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            return release.read({"ODOO_RELEASE_FILE": path, **environ})

    def test_the_file_of_the_image_is_given_whole(self):
        read = self.read_text(json.dumps(RELEASE), ODOO_IMAGE_DIGEST="sha256:abc")
        self.assertEqual(read, {**RELEASE, "digest": "sha256:abc"})

    def test_without_a_file_everything_is_empty(self):
        self.assertEqual(release.read({"ODOO_RELEASE_FILE": "/nonexistent/release.json"}), EMPTY)

    @mute_logger("odoo.addons.release_info.release")
    def test_a_broken_file_does_not_stop_the_server(self):
        for text in ("", "{", "[]", "null", "[" * 100000, '{"version": 3, "modules": []}'):
            self.assertEqual(self.read_text(text), EMPTY, text[:40])

    def test_what_is_unknown_passes_through_xml_rpc(self):
        partial = self.read_text('{"version": null, "modules": {"a": null}}')
        self.assertIn("<struct>", xmlrpc.client.dumps((partial,), methodresponse=True))

    def test_an_internal_user_may_ask(self):
        user = new_test_user(self.env, "release_internal", groups="base.group_user")
        with patch.object(release, "CURRENT", RELEASE):
            answer = self.env["release.info"].with_user(user).current()
            self.assertEqual(answer, RELEASE)
            answer["modules"].clear()
            self.assertTrue(RELEASE["modules"], "a caller must not be able to change what the next one is told")

    def test_portal_and_public_users_may_not(self):
        portal = new_test_user(self.env, "release_portal", groups="base.group_portal")
        for user in (portal, self.env.ref("base.public_user")):
            with self.assertRaises(AccessError):
                self.env["release.info"].with_user(user).current()

    def test_settings_show_the_release(self):
        with patch.object(release, "CURRENT", {**RELEASE, "digest": "sha256:abc"}):
            settings = self.env["res.config.settings"].create({})
            self.assertEqual(
                (settings.release_version, settings.release_revision, settings.release_created),
                (RELEASE["version"], RELEASE["revision"], RELEASE["created"]),
            )
            self.assertEqual((settings.release_content_hash, settings.release_digest), ("c0ffee", "sha256:abc"))

    def test_general_settings_contain_the_section(self):
        arch = etree.fromstring(self.env["res.config.settings"].get_view(view_type="form")["arch"])
        section = arch.xpath("//app[@name='general_settings']//block[@name='release_info_setting_container']")
        self.assertEqual(len(section), 1)
        self.assertEqual(len(section[0].xpath(".//field[starts-with(@name, 'release_')]")), 5)
