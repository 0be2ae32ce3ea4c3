import copy

from odoo import _, api, models
from odoo.exceptions import AccessError

from .. import release


class ReleaseInfo(models.AbstractModel):
    _name = "release.info"
    _description = "Release that this server runs"

    @api.model
    def current(self):
        """The running release, for any internal user; shape as in `release.read`.

        An abstract model has no access rights of its own, and versions help an attacker, so the group is asked here.
        """
        if not (self.env.su or self.env.user._is_internal()):
            raise AccessError(_("Only internal users may see which release is running."))
        return copy.deepcopy(release.CURRENT)
