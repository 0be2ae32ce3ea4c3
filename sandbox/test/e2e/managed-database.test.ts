import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import * as tls from "node:tls";

import * as databases from "../../databases/database";
import { databaseAddress, databasePort } from "../../digitalocean/database-machines";
import { objectLabel } from "../../containers/docker";
import { networkName } from "../../containers/network";

// Beside the slots of the API's databases.
const slot = 9;
const id = randomUUID();
const password = "AVNS_first-one";
/** This machine's own address in the network of the machines. */
const outside = "198.18.77.1/32";
const neighbour = "198.18.77.59";

/** A managed PostgreSQL of the sandbox, as what connects to it needs it. That the product does well on it is shown elsewhere. */
describe("a managed database of the sandbox", () => {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), "sandbox-database-"));
  const order = (more: Partial<Parameters<typeof databases.createDatabase>[0]> = {}) => ({
    ...{ id, name: "e2e", slot, maxConnections: 25, adminPassword: password, sources: undefined },
    ...more,
  });
  let image: string;

  /** psql in a container of the machines' network, as a pod's node would come from there. */
  const psql = (sql: string, { user = "doadmin", secret = password, db = "defaultdb", ssl = "verify-full" } = {}) => {
    const mounts = ["--volume", `${home}:/home/client:ro`, "--env", `PGPASSWORD=${secret}`];
    const uri = `host=${databaseAddress(slot)} port=${databasePort} user=${user} dbname=${db} sslmode=${ssl} sslrootcert=/home/client/ca.crt`;
    const args = [
      "run",
      "--rm",
      "--interactive",
      "--label",
      objectLabel,
      "--network",
      networkName,
      "--ip",
      neighbour,
      ...mounts,
    ];
    const client = ["--entrypoint", "psql", image, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", uri];
    return spawnSync("docker", [...args, ...client], { encoding: "utf8", input: sql, timeout: 600_000 });
  };
  const ask = (sql: string, options: Parameters<typeof psql>[1] = {}): string => {
    const { status, stdout, stderr } = psql(sql, options);
    assert.equal(status, 0, `${sql}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  const refused = (sql: string, options: Parameters<typeof psql>[1] = {}): string => {
    const { status, stderr } = psql(sql, options);
    assert.notEqual(status, 0, sql);
    return stderr;
  };

  before(async () => {
    image = await databases.ensureDatabaseImage(console.log);
    await databases.createDatabase(order());
    fs.writeFileSync(path.join(home, "ca.crt"), await databases.databaseAuthority(id));
  });

  after(async () => {
    await databases.removeDatabase(id);
    fs.rmSync(home, { recursive: true });
  });

  it("answers with TLS whose certificate is its authority's, and not without", () => {
    assert.equal(ask("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();"), "t");
    assert.match(refused("SELECT 1;", { ssl: "disable" }), /no pg_hba\.conf entry .* no encryption/);
    assert.match(refused("SELECT 1;", { secret: "wrong" }), /password authentication failed/);
  });

  it("answers this machine itself, too", async () => {
    const subject = await certificateOf(
      databaseAddress(slot),
      databasePort,
      fs.readFileSync(path.join(home, "ca.crt"), "utf8"),
    );
    assert.equal(subject, "e2e");
  });

  it("has an administrator who is no superuser, and no database called postgres", () => {
    const attributes = "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user;";
    assert.equal(ask(attributes), "f|t|t");
    assert.match(refused("SELECT 1;", { db: "postgres" }), /database "postgres" does not exist/);
    assert.match(refused("SELECT 1;", { db: "_dodb" }), /permission denied/);
    assert.match(refused("SELECT 1;", { user: "postgres", secret: "unused" }), /pg_hba\.conf rejects/);
    assert.match(refused("COPY (SELECT 1) TO PROGRAM 'true';"), /permission denied/);
    assert.equal(ask("SHOW max_connections;"), "25");
    assert.equal(ask("SHOW superuser_reserved_connections;"), "3");
  });

  it("gives the users of the API nothing but a login, and the databases of the API to the administrator", async () => {
    await databases.createDb(id, "postgres");
    await databases.createDb(id, "postgres");
    await databases.setUser(id, "odoo", "AVNS_odoo");
    const odoo = { user: "odoo", secret: "AVNS_odoo", db: "postgres" };
    assert.equal(ask("SELECT current_user;", odoo), "odoo");
    assert.match(refused("CREATE TABLE books ();", odoo), /permission denied for schema public/);
    assert.match(refused("CREATE DATABASE mine;", odoo), /permission denied/);
    // The administrator's attributes do not reach users that somebody else has made (PostgreSQL 16 and newer).
    assert.match(refused("ALTER DATABASE postgres OWNER TO odoo;"), /must be able to SET ROLE "odoo"/);
    // Who makes the user is its administrator: this is the way for who wants to give it a database.
    ask(
      "CREATE ROLE books LOGIN PASSWORD 'AVNS_books'; GRANT books TO doadmin WITH SET TRUE, INHERIT TRUE; CREATE DATABASE books OWNER books;",
    );
    assert.equal(
      ask("CREATE TABLE entry (); SELECT current_user;", { user: "books", secret: "AVNS_books", db: "books" })
        .split("\n")
        .at(-1),
      "books",
    );
    await databases.setUser(id, "odoo", "AVNS_new");
    assert.match(refused("SELECT 1;", odoo), /password authentication failed/);
    await databases.removeUser(id, "odoo");
    assert.match(refused("SELECT 1;", { ...odoo, secret: "AVNS_new" }), /password authentication failed/);
  });

  it("clones and renames a database that nobody uses, for the administrator", () => {
    ask(
      "CREATE DATABASE live; CREATE DATABASE point TEMPLATE live; ALTER DATABASE live RENAME TO failed; ALTER DATABASE point RENAME TO live;",
    );
    assert.equal(ask("SELECT count(*) FROM pg_database WHERE datname IN ('live', 'failed');"), "2");
  });

  it("lets in its trusted sources, and nobody else", async () => {
    await databases.setSources(id, [outside]);
    assert.match(refused("SELECT 1;"), /no pg_hba\.conf entry for host "198\.18\.77\.59"/);
    await databases.setSources(id, [outside, `${neighbour}/32`]);
    assert.equal(ask("SELECT 1;"), "1");
    await databases.setSources(id, []);
    assert.match(refused("SELECT 1;"), /no pg_hba\.conf entry/);
    await databases.setSources(id, undefined);
    assert.equal(ask("SELECT 1;"), "1");
  });

  it("takes more connections after a change of its size, and another password of its administrator", async () => {
    await databases.createDatabase(order({ maxConnections: 50, adminPassword: "AVNS_second" }));
    assert.equal(ask("SHOW max_connections;", { secret: "AVNS_second" }), "50");
    assert.match(refused("SELECT 1;"), /password authentication failed/);
    await databases.createDatabase(order());
  });

  it("is the same database when its container was killed, or removed and made again", async () => {
    ask("CREATE TABLE kept (number int); INSERT INTO kept VALUES (42);");
    const container = `odoo-sandbox-database-${id}`;
    for (const end of [["kill"], ["rm", "--force"]]) {
      assert.equal(spawnSync("docker", [...end, container]).status, 0);
      assert.equal(await databases.databaseStatus(id), end[0] === "kill" ? "off" : undefined);
      await databases.createDatabase(order());
      assert.equal(ask("SELECT number FROM kept;"), "42");
      assert.equal(
        fs.readFileSync(path.join(home, "ca.crt"), "utf8"),
        await databases.databaseAuthority(id),
        "its authority is the same",
      );
    }
    assert.match(ask("SELECT count(*) FROM pg_database WHERE datname IN ('postgres', 'defaultdb');"), /^2$/);
  });

  it("has no password in its log", () => {
    const { stdout, stderr } = spawnSync("docker", ["logs", `odoo-sandbox-database-${id}`], { encoding: "utf8" });
    assert.match(stdout + stderr, /ready to accept connections/);
    assert.doesNotMatch(stdout + stderr, /AVNS_/);
  });
});

/** The name in a server's certificate, after PostgreSQL's own words that ask for TLS; verified for the address. */
function certificateOf(host: string, port: number, ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, timeout: 5000 }, () =>
      socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])),
    );
    socket.once("timeout", () => socket.destroy(new Error("no answer")));
    socket.once("error", reject);
    socket.once("data", (answer: Buffer) => {
      if (answer.toString() !== "S") return void reject(new Error(`no TLS there: ${answer.toString()}`));
      const secure = tls.connect({ socket, ca, host }, () => {
        const { CN } = secure.getPeerCertificate().subject;
        secure.destroy();
        resolve(String(CN));
      });
      secure.once("error", reject);
    });
  });
}
