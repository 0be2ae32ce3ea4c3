import { evil, plantPackage, powers, undo } from "./attack";
import type { ClusterTrial } from "./cluster-trial";

export interface Intruder {
  /** What has been gained, one line each: nothing, it is hoped. */
  gained(): Promise<string[]>;
  /** Takes away what was planted. */
  leave(): Promise<void>;
}

/** Says something to PostgreSQL as Odoo does, from Odoo's own pod. */
const session = `import configparser, os, psycopg2, sys
rc = configparser.RawConfigParser(); rc.read(os.environ.get("ODOO_RC", "/run/odoo/odoo.conf")); rc = rc["options"]
def connect(name):
    found = psycopg2.connect(dbname=name, host=rc["db_host"], port=rc["db_port"], user=rc["db_user"], password=rc["db_password"])
    found.autocommit = True
    return found
`;
const say = `${session}
with connect(sys.argv[1]).cursor() as cursor: cursor.execute(sys.argv[2])`;
/** Holds what keeps two releases apart, as any role may: the lock of the release that would mend the hole. */
const hold = `${session}
import time, zlib
key = zlib.crc32(b"odoo")
with connect("postgres").cursor() as cursor:
    cursor.execute("SELECT pg_advisory_lock(%s, 3)", (key - 2**32 if key >= 2**31 else key,))
    print("held", flush=True)
    time.sleep(900)`;

const plantFiles = `cd /var/lib/odoo
ls /data /run/secrets/odoo-ship 2> /dev/null && exit 1
chmod 700 addons/19.0
mkdir -p filestore addons/19.0/web
for name in odoo-rehearsal odoo-rehearsal.partial odoo-incoming odoo-next odoo-next.partial; do ln -sfn /data/odoo-ship filestore/$name; done
ln -sfn /run/secrets/odoo-ship filestore/odoo/zz
echo "import os; open('/var/lib/odoo/seen', 'w').write(repr(os.listdir('/run/secrets')))" > addons/19.0/web/__init__.py
echo "{'name': 'Web'}" > addons/19.0/web/__manifest__.py
${plantPackage}`;

/** Somebody with a shell in a pod of Odoo, on a server without the roles of today: what they plant is met by the next release. */
export async function attack(trial: ClusterTrial): Promise<Intruder> {
  for (const role of ["odoo_tasks", "odoo_facts"]) await trial.sql(`DROP ROLE IF EXISTS ${role}`, "postgres");
  const inPod = (...command: string[]) => trial.kubectl("exec", "deployment/odoo-cron", "-c", "odoo", "--", ...command);
  await inPod("sh", "-euc", plantFiles);
  await inPod("python3", "-c", say, "odoo", evil);
  await inPod(
    "sh",
    "-c",
    `nohup python3 -c '${hold}' > /tmp/held 2>&1 & for n in $(seq 100); do grep -q held /tmp/held && exit 0; sleep 0.2; done; cat /tmp/held; exit 1`,
  );
  return {
    async gained() {
      const roles = await trial.sql(powers, "postgres");
      const found = await trial.inOdoo(
        "sh",
        "-c",
        "cat /var/lib/odoo/seen /var/lib/odoo/ran 2> /dev/null; ls /var/lib/odoo/addons/19.0 2> /dev/null; true",
      );
      return `${roles}\n${found}`.split("\n").filter((line) => line.trim() !== "");
    },
    async leave() {
      await trial.inOdoo("python3", "-c", say, "odoo", undo);
      await trial.inOdoo(
        "sh",
        "-c",
        "rm -rf /var/lib/odoo/.local /var/lib/odoo/filestore/odoo-* /var/lib/odoo/filestore/odoo/zz",
      );
    },
  };
}
