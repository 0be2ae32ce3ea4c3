#!/bin/sh
# Stands as `pytest` in the builder stage: the tests of addons need Odoo and a database, which no build has.
echo "pytest: addons are tested in Odoo, in the project's folder: docker compose run --rm odoo" \
  "odoo -d test -i MODULE --test-tags /MODULE --stop-after-init" >&2
exit 64
