import { spawnSync } from "node:child_process";
import * as path from "node:path";

import { ensureDatabaseImage } from "../../../sandbox/databases/database";
import { dbStatements, firstStatements } from "../../../sandbox/databases/settings";
import { run, until } from "../../../sandbox/process";
import { pythonTests } from "../../support/python-tests";

const container = "odoo-managed-database-test";
const docker = (args: readonly string[], input = "") =>
  run("docker", args, { what: `docker ${args[0] ?? ""}`, limitMs: 600_000, input });

/**
 * What the release worker does with databases, each operation by itself and without Odoo, on a PostgreSQL whose roles are those of DigitalOcean's.
 * That the roles are the same there is DigitalOcean's documentation's word.
 */
describe("the release worker on PostgreSQL, its own and a managed one", () => {
  before(async () => {
    const image = await ensureDatabaseImage(console.log);
    spawnSync("docker", ["rm", "--force", "--volumes", container]);
    const trust = ["--env", "POSTGRES_HOST_AUTH_METHOD=trust", "--env", "POSTGRES_PASSWORD=unused"];
    const quick = ["-c", "fsync=off", "-c", "autovacuum_naptime=1s", "-c", "max_prepared_transactions=2"];
    await docker([
      "run",
      "--detach",
      "--name",
      container,
      "--label",
      "odoo.sandbox=1",
      "--network",
      "none",
      ...trust,
      image,
      "postgres",
      ...quick,
    ]);
    // By TCP: the server that sets up a new database listens on the socket only.
    const ready = () =>
      spawnSync("docker", ["exec", container, "pg_isready", "--quiet", "--host", "127.0.0.1"]).status === 0;
    if (!(await until(() => Promise.resolve(ready()), 600_000, 200))) {
      throw new Error("PostgreSQL does not start");
    }
    const psql = [
      "exec",
      "--interactive",
      container,
      "psql",
      "-X",
      "-q",
      "-U",
      "postgres",
      "-d",
      "template1",
      "-v",
      "ON_ERROR_STOP=1",
    ];
    await docker(psql, `${firstStatements}\n\\c template1\n${dbStatements("postgres")}`);
    process.env["TEST_DATABASE"] = container;
  });

  after(() => {
    delete process.env["TEST_DATABASE"];
    spawnSync("docker", ["rm", "--force", "--volumes", container]);
  });

  pythonTests(path.join(__dirname, "..", "..", "database"));
});
