import { Endpoint } from "../test/support/endpoint";
import type { TrialMachine } from "../test/support/trials/machine";
import type { Bench } from "./bench";
import { closedFor, everyMs } from "./door";
import { seconds } from "./measure";
import { machineAndDay, type Row } from "./report";
import { reportOnHost, stepsOf } from "./trial-host";

const gigabytes = 5;
const attachments = 300_000;
const rounds = 3;

const text = `How much longer a large installation is closed for the same release: ${gigabytes} GB of rows and ${attachments.toLocaleString("en-US")} attachments more, against what PostgreSQL
itself takes to clone that database (\`CREATE DATABASE … TEMPLATE … STRATEGY file_copy\`, before and after each release). A client asks every ${everyMs} ms; one module of few rows changes each time,
without a rehearsal. Ours is a large release less the shortest small one. What a large one has more is that same statement of PostgreSQL: the second line is the step that has it. Beside it the new server and the program
that upgrades are loaded, on the same cores and the same disk.`;

export const largeBench: Bench = {
  help: `how much longer ${gigabytes} GB and ${attachments} attachments keep a release's door closed (takes 30 GB of disk)`,
  run: () =>
    reportOnHost("large", text, async (trial, say) => {
      const endpoint = new Endpoint({ ...(await trial.machine.address()) });
      let level = 0;
      const release = async (): Promise<{ closed: number; cloned: number }> => {
        level += 1;
        const next = await trial.releases.make({ kind: "good" }, level);
        const { seconds: closed } = await closedFor(endpoint, async () => {
          const ending = await trial.deploy(next, { rehearse: false });
          if (ending.state !== "succeeded") throw new Error(JSON.stringify(ending.error, undefined, 2));
        });
        const steps = await stepsOf(trial);
        say(`closed for ${closed.toFixed(1)} s: ${told(steps)}`);
        const cloned = new Map(steps).get("cloned");
        if (cloned === undefined) throw new Error("the release has cloned nothing");
        return { closed, cloned };
      };
      try {
        const small = [(await release()).closed, (await release()).closed];
        say(`filling: ${(await seconds(() => fill(trial.machine))).toFixed(0)} s`);
        // The first point of this size.
        await release();
        const [ours, cloned, yardstick]: [number[], number[], number[]] = [[], [], []];
        const least = Math.min(...small);
        for (let round = 0; round < rounds; round += 1) {
          yardstick.push(await clone(trial.machine));
          const large = await release();
          ours.push(large.closed - least);
          cloned.push(large.cloned);
          yardstick.push(await clone(trial.machine));
        }
        const rows: Row[] = [
          { title: "Door closed for longer, against PostgreSQL's own clone", unit: "seconds", ours, yardstick },
          { title: "The step of it that clones, against the same", unit: "seconds", ours: cloned, yardstick },
          {
            title: "Door closed, large against small",
            unit: "seconds",
            ours: ours.map((more) => more + least),
            yardstick: small,
          },
        ];
        return { rows, facts: [machineAndDay(), "Host, registry and client share one machine and its disk"] };
      } finally {
        endpoint.close();
      }
    }),
};

function told(steps: Awaited<ReturnType<typeof stepsOf>>): string {
  return steps.map(([step, taken]) => `${step} ${taken.toFixed(1)}`).join(", ");
}

/**
 * Rows that no module looks at, and attachments as Odoo keeps them: files named by their hash, a row for each. Vacuumed:
 * autovacuum would come to so many new rows in the middle of a release, and write half a gigabyte of the log beside it.
 */
async function fill(machine: TrialMachine): Promise<void> {
  await machine.sh(
    `files=$(docker volume inspect -f '{{.Mountpoint}}' odoo-filestore)/filestore/odoo
    python3 - "$files" ${attachments} > /tmp/rows <<'END'
import hashlib, os, sys
root, count = sys.argv[1], int(sys.argv[2])
owner = os.stat(root)
for folder in range(256):
    path = f"{root}/{folder:02x}"
    os.makedirs(path, exist_ok=True)
    os.chown(path, owner.st_uid, owner.st_gid)
for number in range(count):
    content = f"attachment {number}".encode()
    name = hashlib.sha1(content).hexdigest()
    with open(f"{root}/{name[:2]}/{name}", "wb") as file:
        file.write(content)
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    print(f"trial {number}\\tbinary\\t{name[:2]}/{name}\\t{name}\\t{len(content)}\\ttext/plain")
END
    docker exec -i odoo-db psql -qU postgres -d odoo -c "COPY ir_attachment (name, type, store_fname, checksum, file_size, mimetype) FROM STDIN" < /tmp/rows
    rm /tmp/rows
    docker exec odoo-db psql -qU postgres -d odoo -c 'CREATE TABLE ballast (id bigint, text text)' -c 'ALTER TABLE ballast OWNER TO odoo' \\
      -c "INSERT INTO ballast SELECT n, repeat(md5(n::text), 31) FROM generate_series(1, ${gigabytes} * 900000) n" \\
      -c 'VACUUM (FREEZE, ANALYZE) ballast' -c 'VACUUM (FREEZE, ANALYZE) ir_attachment' -c CHECKPOINT`,
  );
}

async function clone(machine: TrialMachine): Promise<number> {
  const psql = (statement: string) =>
    machine.exec(["docker", "exec", "odoo-db", "psql", "-qU", "postgres", "-c", statement]);
  // The newest point: nobody is at it.
  const newest = await machine.sql(
    "SELECT max(datname) FROM pg_database WHERE datname LIKE 'odoo-point-%'",
    "postgres",
  );
  try {
    return await seconds(() => psql(`CREATE DATABASE "measured" TEMPLATE "${newest.trim()}" STRATEGY file_copy`));
  } finally {
    await psql('DROP DATABASE IF EXISTS "measured"');
  }
}
