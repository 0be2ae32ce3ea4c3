/**
 * Somebody has a shell in Odoo's container, with its user and its database login, and plants what the worker of an earlier version fell for: links in
 * the place of folders and files, and triggers, views, functions and settings in the database.
 */
import type { TrialMachine } from "./machine";

/** Stands for a directory of root's on the host, such as /etc. */
const target = "/opt/attack-target";
const targetFiles = `${target}/grows ${target}/kept`;

/** Every Python with a home here would run this, in each release to come. */
export const plantPackage = `
packages=$(HOME=/var/lib/odoo python3 -c 'import site; print(site.getusersitepackages())')
mkdir -p "$packages"
echo "import os; open('/var/lib/odoo/ran', 'a').write('a package of the intruder was run. ')" > "$packages/planted.pth"
`;

const files = `set -u
cd /var/lib/odoo
mv odoo-ship moved 2> /dev/null
ln -s ${target} odoo-ship
mkdir -p filestore
for name in odoo-rehearsal odoo-rehearsal.partial odoo-partial odoo-incoming odoo-next odoo-next.partial; do ln -sfn ${target} filestore/$name; done
ln -sfn ${target} filestore/odoo/zz
ln -sfn ${target}/kept filestore/odoo/checklist-of-mine
ln -sfn ${target}/grows .odoo-ship-reserve
# Odoo would load this in the place of its own.
mkdir -p addons/19.0/web 2> /dev/null || { chmod 700 addons/19.0 && mkdir -p addons/19.0/web; }
echo "raise SystemExit('made by an intruder')" > addons/19.0/web/__init__.py
echo "{'name': 'Web'}" > addons/19.0/web/__manifest__.py
${plantPackage}`;

/** Code of the attacker's own wherever a session may meet it. */
export const evil = `
CREATE FUNCTION public.evil() RETURNS text LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY['ALTER ROLE odoo SUPERUSER', 'ALTER ROLE odoo CREATEROLE', 'CREATE ROLE made_by_odoo SUPERUSER LOGIN',
      $x$COPY (SELECT 1) TO PROGRAM 'touch /var/lib/postgresql/data/made-by-odoo'$x$] LOOP
    BEGIN EXECUTE statement; EXCEPTION WHEN OTHERS THEN NULL; END;
  END LOOP;
  RETURN NULL;
END $$;
CREATE FUNCTION public.evil_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.evil(); RETURN NEW; END $$;
CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON ir_config_parameter FOR EACH ROW EXECUTE FUNCTION evil_trigger();
CREATE TABLE evil_rows AS SELECT 'x'::text AS value;
CREATE FUNCTION public.evil_index(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN coalesce(public.evil(), 'x'); END $$;
CREATE INDEX evil ON evil_rows (public.evil_index(value));
CREATE FUNCTION public.to_regclass(text) RETURNS regclass LANGUAGE sql AS $$ SELECT public.evil(); SELECT NULL::regclass $$;
CREATE FUNCTION public.same(varchar, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.evil(); RETURN $1::text = $2; END $$;
ALTER DATABASE odoo SET application_name TO $$x'; ALTER ROLE odoo SUPERUSER; --$$;
ALTER DATABASE odoo SET temp_tablespaces TO '';
`;

export const undo = `ALTER DATABASE odoo RESET ALL; DROP FUNCTION evil() CASCADE; DROP FUNCTION evil_trigger() CASCADE; DROP TABLE evil_rows;
DROP FUNCTION evil_index(text); DROP FUNCTION public.to_regclass(text); DROP FUNCTION public.same(varchar, text);`;

/** Roles that are more than Odoo's: one line each. */
export const powers = `SELECT rolname || ' has more than Odoo' FROM pg_roles WHERE rolname IN ('odoo', 'odoo_tasks', 'odoo_facts', 'made_by_odoo')
    AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolname = 'made_by_odoo')`;

/** With the database login that Odoo itself has, from where Odoo is. */
const login =
  "PGPASSWORD=$(cat /run/secrets/odoo-db-password) psql -h db -U odoo -d odoo -XqtA -v ON_ERROR_STOP=1 -f -";

export async function plant(machine: TrialMachine): Promise<void> {
  await machine.sh(
    `mkdir -m 700 ${target} && echo "root's" | tee ${targetFiles} > /dev/null && chmod 600 ${targetFiles}`,
  );
  await machine.sh("docker exec -i odoo-ce sh", files);
  await machine.sh(`docker exec -i odoo-ce sh -c '${login}'`, evil);
}

/** What has been gained, one line each: nothing, it is hoped. */
export async function gained(machine: TrialMachine): Promise<string[]> {
  const roles = await machine.sql(powers);
  const found = await machine.sh(`
    stat -c '%a %u %g %s' ${target} | grep -qx '700 0 0 [0-9]*' || echo "given away: $(stat -c '%a %u' ${target})"
    find ${target} -mindepth 1 ! -path ${target}/grows ! -path ${target}/kept | sed 's/^/written by root: /'
    for file in ${targetFiles}; do
      [ "$(stat -c '%a %u %h' $file) $(cat $file)" = "600 0 1 root's" ] || echo "changed: $file $(stat -c '%a %u %h %s' $file)"
    done
    docker exec odoo-ce sh -c 'cat /var/lib/odoo/ran 2> /dev/null; true'
    docker exec odoo-db sh -c 'ls /var/lib/postgresql/data/made-by-odoo 2> /dev/null' | sed 's/^/program run by PostgreSQL: /'`);
  return `${roles}\n${found}`.split("\n").filter((line) => line !== "");
}

export async function clean(machine: TrialMachine): Promise<void> {
  await machine.sh(`docker exec -i odoo-ce sh -c '${login}'`, undo);
  await machine.sh(
    `docker exec -i odoo-ce sh -c 'cd /var/lib/odoo && rm -rf odoo-ship moved .local .odoo-ship-reserve filestore/odoo-* filestore/odoo/zz filestore/odoo/checklist-of-mine'
     rm -rf ${target}`,
  );
}
