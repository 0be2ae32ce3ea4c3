from odoo import api, fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    release_version = fields.Char("Version", compute="_compute_release")
    release_revision = fields.Char("Commit", compute="_compute_release")
    release_content_hash = fields.Char("Content hash of the addons", compute="_compute_release")
    release_created = fields.Char("Built from a change of", compute="_compute_release")
    release_digest = fields.Char("Image digest", compute="_compute_release")

    # The dependency only makes the form compute the fields when it opens.
    @api.depends("company_id")
    def _compute_release(self):
        current = self.env["release.info"].current()
        for settings in self:
            settings.release_version = current["version"]
            settings.release_revision = current["revision"]
            settings.release_content_hash = current["contentHash"]
            settings.release_created = current["created"]
            settings.release_digest = current["digest"]
