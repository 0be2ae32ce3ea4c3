import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";
import {
  certificatesScript,
  dbStatements,
  hostAccess,
  identifier,
  literal,
  settings,
  userStatements,
} from "../../sandbox/databases/settings";
import { recipeHash } from "../../sandbox/images/recipes";

const root = path.resolve(__dirname, "../..");
const execute = promisify(execFile);

/** A docker command that notes what it is asked and given, and answers as if `$STATE` were the database's state and it took 25 connections. */
const docker = `#!/bin/sh
printf '%s\\n' "$*" >> "$CALLS"
case "$1" in
  ps) printf '%s\\n' "$STATE" ;;
  image) printf '%s\\n' "$RECIPE" ;;
  network) printf 'id\\n' ;;
  exec)
    [ "$2" != --interactive ] || input=$(cat)
    printf '%s\\n' "$input" >> "$INPUT"
    case "$input" in *"SHOW max_connections"*) echo 25 ;; esac ;;
esac
`;

/** Runs a piece of the sandbox with its own state and that docker command. What a real PostgreSQL does is shown in test/e2e. */
class Outer {
  readonly home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-database-"));
  readonly state = path.join(this.home, "state");

  constructor() {
    fs.mkdirSync(this.state);
    fs.writeFileSync(path.join(this.home, "docker"), docker, { mode: 0o755 });
  }

  /** What Docker was asked for, and what it was given by standard input. */
  async run(body: string, state = ""): Promise<{ readonly calls: string[]; readonly input: string }> {
    const [calls, input] = ["calls", "input"].map((name) => path.join(this.home, name)) as [string, string];
    for (const file of [calls, input]) fs.writeFileSync(file, "");
    const script = path.join(this.home, "script.ts");
    fs.writeFileSync(script, `import * as databases from "${root}/sandbox/databases/database";\nvoid (async () => { ${body} })();\n`);
    const variables = {
      ...{ SANDBOX_STATE_DIR: this.state, PATH: `${this.home}:${process.env["PATH"] ?? ""}`, CALLS: calls, INPUT: input, STATE: state },
      RECIPE: recipeHash([path.join(root, "sandbox/images/postgres")]),
    };
    const options = { cwd: root, timeout: 30_000, env: { ...process.env, ...variables } };
    await execute(process.execPath, ["--import", "tsx", script], options);
    return { calls: fs.readFileSync(calls, "utf8").trim().split("\n"), input: fs.readFileSync(input, "utf8") };
  }

  remove(): void {
    fs.rmSync(this.home, { recursive: true, force: true });
  }
}

const order = `{ id: "5f-7", name: "books", slot: 1, maxConnections: 25, adminPassword: "AVNS_secret", sources: ["198.18.77.20/32"] }`;

describe("A managed database of the sandbox", () => {
  let outer: Outer;
  beforeEach(() => (outer = new Outer()));
  afterEach(() => outer.remove());

  it("is a container in the machines' network with a volume that is not removed with it", async () => {
    const { calls } = await outer.run(`await databases.createDatabase(${order});`);
    const run = calls.find((call) => call.startsWith("run ")) ?? "";
    assert.match(run, /--name odoo-sandbox-database-5f-7 /);
    assert.match(run, /--label odoo\.sandbox=1 --label odoo\.sandbox\.database=5f-7 --network odoo-sandbox-vps --ip 198\.18\.77\.41 /);
    assert.match(run, /--volume odoo-sandbox-database-5f-7-data:\/var\/lib\/postgresql\/data /);
    assert.match(run, / odoo-sandbox\/postgres:17$/);
    assert.ok(!run.includes("--publish"));
    const volume = calls.find((call) => call.startsWith("volume create")) ?? "";
    assert.match(volume, /--label odoo\.sandbox\.data=1 --label odoo\.sandbox\.data-of=.*\/state odoo-sandbox-database-5f-7-data$/);
    assert.ok(!/odoo\.sandbox=1/.test(volume), "`down` would remove it");
    assert.ok(!calls.some((call) => call.startsWith("restart")), "it has the connections that it is to have");
  });

  it("is told passwords by standard input only", async () => {
    const { calls, input } = await outer.run(
      `await databases.createDatabase(${order}); await databases.setUser("5f-7", "odoo", "AVNS_other");`,
    );
    for (const secret of ["AVNS_secret", "AVNS_other"]) {
      assert.ok(input.includes(`PASSWORD '${secret}'`));
      assert.ok(!calls.some((call) => call.includes(secret)), secret);
    }
    const statements = input.split("SET log_min_error_statement = panic;").length - 1;
    assert.equal(statements, calls.filter((call) => call.includes(" psql ")).length, "none of them is logged");
  });

  it("is started when it is there and off, goes on when it runs, and is made anew when it never ran", async () => {
    const verbs = async (state: string): Promise<string[]> =>
      (await outer.run(`await databases.createDatabase(${order});`, state)).calls.map((call) => call.split(" ")[0] ?? "");
    assert.ok((await verbs("exited")).includes("start"));
    const running = await verbs("running");
    assert.ok(!running.includes("run") && !running.includes("start"));
    const created = await verbs("created");
    assert.ok(created.indexOf("rm") < created.indexOf("run") && created.includes("rm"));
  });

  it("is restarted for another number of connections", async () => {
    const { calls } = await outer.run(`await databases.createDatabase({ ...${order}, maxConnections: 50 });`, "running");
    assert.ok(calls.includes("restart --time 30 odoo-sandbox-database-5f-7"));
  });

  it("goes with its data", async () => {
    const { calls } = await outer.run(`await databases.removeDatabase("5f-7");`, "running");
    assert.ok(calls.includes("rm --force --volumes odoo-sandbox-database-5f-7"));
    assert.ok(calls.includes("volume rm --force odoo-sandbox-database-5f-7-data"));
  });
});

describe("What a managed database is told", () => {
  it("lets in with TLS only, from the sources only, and never the superuser", () => {
    const rules = (sources: readonly string[] | undefined) => hostAccess(sources).trim().split("\n");
    const [local, superuser, replication, ...trusted] = rules(["198.18.77.20/32", "203.0.113.0/24"]);
    assert.deepEqual([local, superuser], ["local all postgres trust", "host all postgres all reject"]);
    assert.match(replication ?? "", /reject$/);
    assert.deepEqual(trusted, ["hostssl all all 198.18.77.20/32 scram-sha-256", "hostssl all all 203.0.113.0/24 scram-sha-256"]);
    assert.deepEqual(rules(undefined).slice(3), ["hostssl all all 0.0.0.0/0 scram-sha-256", "hostssl all all ::/0 scram-sha-256"]);
    assert.equal(rules([]).length, 3, "nobody is trusted when nothing is left that is");
  });

  it("keeps three connections for the superuser", () => {
    assert.match(settings({ maxConnections: 100 }), /max_connections = '100';\nALTER SYSTEM SET superuser_reserved_connections = '3';/);
  });

  it("is certified for its address, by an authority of its own, once", () => {
    const script = certificatesScript({ id: "5f-7", name: "books" }, "198.18.77.41");
    assert.match(script, /subjectAltName=IP:198\.18\.77\.41/);
    assert.match(script, /\[ ! -e server\.crt \] \|\| exit 0/);
  });

  it("is SQL, whatever the names are", () => {
    assert.equal(identifier('a"b'), '"a""b"');
    assert.equal(literal("it's"), "'it''s'");
    for (const text of ["a\\gset", "a\nb", "a\0b"]) {
      assert.throws(() => identifier(text), /backslash/);
      assert.throws(() => userStatements("odoo", text), /backslash/);
      assert.throws(() => dbStatements(text), /backslash/);
    }
  });
});
