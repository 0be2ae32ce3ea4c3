"""What a rehearsal says when its copy cannot be made."""

from unittest import mock

from support import WorkerCase

import rehearsal
from failures import Failure

DENIED = "pg_dump: error: query failed: ERROR:  permission denied for table keep_partner"


class CopyTest(WorkerCase):
    def remedy(self, text):
        data = mock.MagicMock()
        data.postgres.ROLE = "odoo"
        data.postgres.copy.return_value = mock.Mock(ok=False, text=text)
        with self.assertRaises(Failure) as caught:
            rehearsal.copy(data, "odoo")
        return caught.exception.remedy

    def test_a_table_of_another_role_is_told_as_that_and_not_as_a_full_disk(self):
        self.assertIn("GRANT SELECT ON <table> TO odoo", self.remedy(DENIED))
        self.assertIn("free some disk", self.remedy("No space left on device"))
