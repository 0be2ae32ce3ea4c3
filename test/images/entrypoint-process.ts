import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash, pbkdf2Sync } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { python } from "../support/python";

// Runs the real entrypoint as a process, with another root directory and stand-ins for `odoo` and psycopg2. What it does not
// prove: that Odoo itself accepts the result, and what happens as PID 1; smoke-test.sh and the end-to-end tests do that.

export const imageDirectory = path.resolve(__dirname, "..", "..", "images", "odoo");
export const dbPassword = "planted-db-4711";
export const adminPassword = "planted-admin-0815";
export const required = { DB_PASSWORD: dbPassword, ADMIN_PASSWD: adminPassword };

interface Started {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Run {
  readonly status: number | null;
  readonly output: string;
  /** What the stand-in program was started with; absent if it was not started. */
  readonly started: Started | undefined;
  /** The `[options]` that were written; absent if there is no file. */
  readonly options: Readonly<Record<string, string>> | undefined;
}

const recorder = `#!/usr/bin/env python3
import json, os, sys
with open(os.environ["RECORD"], "w") as file:
    json.dump({"argv": sys.argv[1:], "env": dict(os.environ)}, file)
`;

/**
 * POSTGRESQL_DOWN: nobody answers; where it is a path, until there is a file. DATABASES: what the server has, JSON {"<name>": <rows of the marker> | {"pgcode"} | "closed"};
 * a database that is not in it does not exist.
 */
const psycopg2 = `
import json, os
class Error(Exception):
    pgcode = None
class OperationalError(Error):
    pass
class Cursor:
    def __init__(self, databases, name):
        self.databases, self.name, self.rows = databases, name, []
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def execute(self, text, values=()):
        if text.startswith("SET LOCAL statement_timeout"):
            self.limited = True
        elif "FROM pg_database" in text:
            self.rows = [(1,)] if values[0] in self.databases else []
        elif "FROM odoo_ship.marker" in text:
            assert self.limited, "a lock would hold the start for ever"
            marker = self.databases[self.name]
            if isinstance(marker, dict):
                error = Error("planted\\n  reason")
                error.pgcode = marker["pgcode"]
                raise error
            self.rows = [tuple(row) for row in marker]
        else:
            raise AssertionError(text)
    def fetchone(self):
        return self.rows[0] if self.rows else None
class Connection:
    def __init__(self, *target):
        self.target = target
    def cursor(self):
        return Cursor(*self.target)
    def close(self):
        pass
def connect(*, dbname, connect_timeout, host, port, user, password, sslmode="prefer"):
    assert password and connect_timeout and sslmode
    databases = json.loads(os.environ.get("DATABASES", "{}"))
    down = os.environ.get("POSTGRESQL_DOWN")
    if down and not os.path.exists(down):
        raise OperationalError("connection refused\\n  is it running?")
    if dbname != "postgres" and databases.get(dbname, "absent") in ("absent", "closed"):
        raise OperationalError("FATAL: in the language of the server")
    return Connection(databases, dbname)
`;

const driver = `
import os, pathlib, sys
sys.path.insert(0, os.environ["ENTRYPOINT_DIRECTORY"])
import entrypoint
entrypoint.release_marker.MOUNTS = pathlib.Path(sys.argv[1], "mountinfo")
entrypoint.configuration.PBKDF2_ROUNDS = int(os.environ.get("ROUNDS", "10"))
sys.exit(entrypoint.main(sys.argv[2:], os.environ, pathlib.Path(sys.argv[1])))
`;

const byHand = `
import os, pathlib, sys
sys.path.insert(0, os.environ["ENTRYPOINT_DIRECTORY"])
import by_hand
sys.exit(by_hand.main(sys.argv[2:], os.environ, pathlib.Path(sys.argv[1])))
`;

/** The entrypoint in a root directory of its own; the image's own files are at /opt/odoo of the repository's images/odoo. */
export class EntrypointProcess {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), "entrypoint-"));

  constructor() {
    for (const directory of ["etc/odoo", "run", "bin", "python", "image"]) {
      fs.mkdirSync(path.join(this.root, directory), { recursive: true });
    }
    for (const program of ["odoo", "other-program", "psql"]) {
      fs.writeFileSync(path.join(this.root, "bin", program), recorder, { mode: 0o755 });
    }
    fs.writeFileSync(path.join(this.root, "python/psycopg2.py"), psycopg2);
    for (const program of ["guard.py", "quiet.py", "waiting.py"])
      fs.writeFileSync(path.join(this.root, "image", program), recorder);
    fs.copyFileSync(path.join(imageDirectory, "odoo.conf"), path.join(this.root, "etc/odoo/odoo.conf"));
    for (const file of [
      "entrypoint",
      "by_hand",
      "command",
      "configuration",
      "release_marker",
      "modules",
      "sockets",
    ].map((name) => `${name}.py`)) {
      fs.copyFileSync(path.join(imageDirectory, file), path.join(this.root, "image", file));
    }
  }

  remove(): void {
    fs.rmSync(this.root, { recursive: true, force: true });
  }

  run(variables: Readonly<Record<string, string>>, argv: readonly string[] = ["odoo"]): Run {
    return this.#run(driver, variables, argv);
  }

  /** What somebody types in the running container. */
  type(variables: Readonly<Record<string, string>>, ...argv: readonly string[]): Run {
    return this.#run(byHand, variables, argv);
  }

  #run(program: string, variables: Readonly<Record<string, string>>, argv: readonly string[]): Run {
    const record = path.join(this.root, "record.json");
    fs.rmSync(record, { force: true });
    const result = spawnSync(python, ["-c", program, this.root, ...argv], {
      env: this.#environment(variables),
      encoding: "utf8",
      timeout: 300_000,
    });
    return {
      status: result.status,
      output: result.stdout + result.stderr,
      started: fs.existsSync(record) ? (JSON.parse(fs.readFileSync(record, "utf8")) as Started) : undefined,
      options: this.#writtenOptions(),
    };
  }

  /** What keeps a guard from starting Odoo on the database `odoo`; null: nothing. */
  objection(databases: Readonly<Record<string, unknown>>): readonly [code: string, text: string] | null {
    const script = `import json, sys
sys.path.insert(0, sys.argv[1])
import release_marker
target = dict(host="db", port="5432", user="odoo", password="x")
print(json.dumps(release_marker.objection(target, ["odoo"], required=True)))`;
    const { stdout, stderr } = spawnSync(python, ["-c", script, path.join(this.root, "image")], {
      env: this.#environment({ DATABASES: JSON.stringify(databases) }),
      encoding: "utf8",
      timeout: 300_000,
    });
    assert.equal(stderr, "");
    return JSON.parse(stdout) as [string, string] | null;
  }

  /** As `run`, without waiting for its end. */
  spawn(...argv: readonly string[]): ChildProcess {
    return spawn(python, ["-c", driver, this.root, ...argv], { env: this.#environment({}) });
  }

  /** Replaces /etc/odoo/odoo.conf. */
  mount(...lines: string[]): void {
    fs.writeFileSync(path.join(this.root, "etc/odoo/odoo.conf"), ["[options]", ...lines, ""].join("\n"));
  }

  /** Writes a file, below the root directory; answers its path. */
  file(name: string, content: string): string {
    const file = path.join(this.root, name);
    fs.writeFileSync(file, content);
    return file;
  }

  #environment(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
    return {
      PATH: `${path.join(this.root, "bin")}:/usr/local/bin:/usr/bin:/bin`,
      PYTHONPATH: path.join(this.root, "python"),
      PYTHONDONTWRITEBYTECODE: "1",
      ENTRYPOINT_DIRECTORY: path.join(this.root, "image"),
      RECORD: path.join(this.root, "record.json"),
      ...variables,
    };
  }

  #writtenOptions(): Record<string, string> | undefined {
    const file = path.join(this.root, "run/odoo/odoo.conf");
    if (!fs.existsSync(file)) {
      return undefined;
    }
    const pairs = fs
      .readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => /^\w+ = /.test(line));
    return Object.fromEntries(
      pairs.map((line) => [line.slice(0, line.indexOf(" = ")), line.slice(line.indexOf(" = ") + 3)]),
    );
  }
}

export function assertRefused(result: Run, expected: RegExp, code = "ENTRYPOINT_ERROR"): void {
  assert.equal(result.status, 78, result.output);
  assert.match(result.output, expected);
  assert.match(result.output, new RegExp(`^${code}: [^\\n]+\\n$`), "one line, and no traceback");
  assert.equal(result.started, undefined, "Odoo must not start");
  for (const secret of [dbPassword, adminPassword]) {
    assert.ok(!result.output.includes(secret), "a secret is in the message");
  }
}

/** passlib's pbkdf2_sha512: `$pbkdf2-sha512$<rounds>$<salt>$<64 bytes>`, base64 with '.' for '+' and without padding. */
export function assertHashOf(hash: string | undefined, password: string): void {
  const [, scheme, rounds, salt, digest] = (hash ?? "").split("$");
  assert.equal(scheme, "pbkdf2-sha512");
  const raw = Buffer.from((salt ?? "").replaceAll(".", "+"), "base64");
  const expected = pbkdf2Sync(password, raw, Number(rounds), createHash("sha512").digest().length, "sha512");
  assert.equal(digest, expected.toString("base64").replaceAll("+", ".").replaceAll("=", ""));
}
