import assert from "node:assert/strict";
import * as path from "node:path";
import {
  certificatesScript,
  dbStatements,
  hostAccess,
  identifier,
  literal,
  settings,
  userStatements,
} from "../../databases/settings";
import { Outer } from "../helpers/outer";

const order = `{ id: "5f-7", name: "books", slot: 1, maxConnections: 25, adminPassword: "AVNS_secret", sources: ["198.18.77.20/32"] }`;

describe("A managed database of the sandbox", () => {
  let outer: Outer;
  beforeEach(() => (outer = new Outer("databases/database", [path.join(__dirname, "../../images/postgres")])));
  afterEach(() => outer.remove());

  it("is a container in the machines' network with a volume that is not removed with it", async () => {
    const { calls } = await outer.run(`await subject.createDatabase(${order});`);
    const run = calls.find((call) => call.startsWith("run ")) ?? "";
    assert.match(run, /--name odoo-sandbox-database-5f-7 /);
    assert.match(
      run,
      /--label odoo\.sandbox=1 --label odoo\.sandbox\.database=5f-7 --network odoo-sandbox-vps --ip 198\.18\.77\.41 /,
    );
    assert.match(run, /--volume odoo-sandbox-database-5f-7-data:\/var\/lib\/postgresql\/data /);
    assert.match(run, / odoo-sandbox\/postgres:17$/);
    assert.ok(!run.includes("--publish"));
    const volume = calls.find((call) => call.startsWith("volume create")) ?? "";
    assert.match(
      volume,
      /--label odoo\.sandbox\.data=1 --label odoo\.sandbox\.data-of=.*\/state odoo-sandbox-database-5f-7-data$/,
    );
    assert.ok(!/odoo\.sandbox=1/.test(volume), "`down` would remove it");
    assert.ok(!calls.some((call) => call.startsWith("restart")), "it has the connections that it is to have");
  });

  it("is told passwords by standard input only", async () => {
    const { calls, input } = await outer.run(
      `await subject.createDatabase(${order}); await subject.setUser("5f-7", "odoo", "AVNS_other");`,
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
      (await outer.run(`await subject.createDatabase(${order});`, { STATE: state })).calls.map(
        (call) => call.split(" ")[0] ?? "",
      );
    assert.ok((await verbs("exited")).includes("start"));
    const running = await verbs("running");
    assert.ok(!running.includes("run") && !running.includes("start"));
    const created = await verbs("created");
    assert.ok(created.indexOf("rm") < created.indexOf("run") && created.includes("rm"));
  });

  it("is restarted for another number of connections", async () => {
    const { calls } = await outer.run(`await subject.createDatabase({ ...${order}, maxConnections: 50 });`, {
      STATE: "running",
    });
    assert.ok(calls.includes("restart --time 30 odoo-sandbox-database-5f-7"));
  });

  it("goes with its data", async () => {
    const { calls } = await outer.run(`await subject.removeDatabase("5f-7");`, { STATE: "running" });
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
    assert.deepEqual(trusted, [
      "hostssl all all 198.18.77.20/32 scram-sha-256",
      "hostssl all all 203.0.113.0/24 scram-sha-256",
    ]);
    assert.deepEqual(rules(undefined).slice(3), [
      "hostssl all all 0.0.0.0/0 scram-sha-256",
      "hostssl all all ::/0 scram-sha-256",
    ]);
    assert.equal(rules([]).length, 3, "nobody is trusted when nothing is left that is");
  });

  it("keeps three connections for the superuser", () => {
    assert.match(
      settings({ maxConnections: 100 }),
      /max_connections = '100';\nALTER SYSTEM SET superuser_reserved_connections = '3';/,
    );
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
