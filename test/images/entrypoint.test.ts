import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash, pbkdf2Sync } from "node:crypto";
import * as fs from "node:fs";
import * as http from "node:http";
import * as os from "node:os";
import * as path from "node:path";
import type { AddressInfo } from "node:net";
import fc from "fast-check";

// Runs the real entrypoint as a process, with another root directory and stand-ins for `odoo` and psycopg2. What it does not
// prove: that Odoo itself accepts the result, and what happens as PID 1; smoke-test.sh and the end-to-end tests do that.

const imageDirectory = path.resolve(__dirname, "../../images/odoo");
const dbPassword = "planted-db-4711";
const adminPassword = "planted-admin-0815";
const required = { DB_PASSWORD: dbPassword, ADMIN_PASSWD: adminPassword };

interface Started {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface Run {
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

const psycopg2 = `
import os
class OperationalError(Exception):
    pass
class Connection:
    def close(self):
        pass
def connect(**target):
    if os.environ.get("POSTGRESQL_DOWN"):
        raise OperationalError("connection refused\\n  is it running?")
    assert target["password"] and target["dbname"] == "postgres"
    return Connection()
`;

const driver = `
import os, pathlib, sys
sys.path.insert(0, os.environ["ENTRYPOINT_DIRECTORY"])
import entrypoint
entrypoint.PBKDF2_ROUNDS = int(os.environ.get("ROUNDS", "10"))
sys.exit(entrypoint.main(sys.argv[2:], os.environ, pathlib.Path(sys.argv[1])))
`;

describe("the entrypoint of the image", () => {
  let root: string;

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "entrypoint-"));
    for (const directory of ["etc/odoo", "run", "bin", "python"]) {
      fs.mkdirSync(path.join(root, directory), { recursive: true });
    }
    for (const program of ["odoo", "other-program"]) {
      fs.writeFileSync(path.join(root, "bin", program), recorder, { mode: 0o755 });
    }
    fs.writeFileSync(path.join(root, "python/psycopg2.py"), psycopg2);
    fs.copyFileSync(path.join(imageDirectory, "odoo.conf"), path.join(root, "etc/odoo/odoo.conf"));
  });

  afterEach(() => {
    fs.rmSync(root, { recursive: true, force: true });
  });

  function environment(variables: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
    return {
      PATH: `${path.join(root, "bin")}:/usr/local/bin:/usr/bin:/bin`,
      PYTHONPATH: path.join(root, "python"),
      PYTHONDONTWRITEBYTECODE: "1",
      ENTRYPOINT_DIRECTORY: imageDirectory,
      RECORD: path.join(root, "record.json"),
      ...variables,
    };
  }

  function run(variables: Readonly<Record<string, string>>, argv: readonly string[] = ["odoo"]): Run {
    const record = path.join(root, "record.json");
    fs.rmSync(record, { force: true });
    const result = spawnSync("python3", ["-c", driver, root, ...argv], { env: environment(variables), encoding: "utf8", timeout: 20_000 });
    return {
      status: result.status,
      output: result.stdout + result.stderr,
      started: fs.existsSync(record) ? (JSON.parse(fs.readFileSync(record, "utf8")) as Started) : undefined,
      options: writtenOptions(),
    };
  }

  function writtenOptions(): Record<string, string> | undefined {
    const file = path.join(root, "run/odoo/odoo.conf");
    if (!fs.existsSync(file)) {
      return undefined;
    }
    const pairs = fs
      .readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => /^\w+ = /.test(line));
    return Object.fromEntries(pairs.map((line) => [line.slice(0, line.indexOf(" = ")), line.slice(line.indexOf(" = ") + 3)]));
  }

  function mount(...lines: string[]): void {
    fs.writeFileSync(path.join(root, "etc/odoo/odoo.conf"), ["[options]", ...lines, ""].join("\n"));
  }

  function secretFile(name: string, content: string): string {
    const file = path.join(root, name);
    fs.writeFileSync(file, content);
    return file;
  }

  function assertRefused(result: Run, expected: RegExp): void {
    assert.equal(result.status, 78, result.output);
    assert.match(result.output, expected);
    assert.match(result.output, /^ENTRYPOINT_ERROR: [^\n]+\n$/, "one line, and no traceback");
    assert.equal(result.started, undefined, "Odoo must not start");
    for (const secret of [dbPassword, adminPassword]) {
      assert.ok(!result.output.includes(secret), "a secret is in the message");
    }
  }

  describe("writes the configuration", () => {
    it("from the defaults when only the passwords are given", () => {
      const { status, options, started } = run(required);
      assert.equal(status, 0);
      assert.deepEqual(
        { ...options, admin_passwd: "" },
        {
          addons_path: "/opt/odoo/extra-addons,/mnt/oca-addons",
          data_dir: "/var/lib/odoo",
          http_interface: "0.0.0.0",
          gevent_port: "8072",
          db_host: "db",
          db_port: "5432",
          db_user: "odoo",
          db_password: dbPassword,
          db_name: "odoo",
          admin_passwd: "",
          workers: "4",
          max_cron_threads: "2",
          db_maxconn: "64",
          limit_memory_hard: "2684354560",
          limit_memory_soft: "2147483648",
          proxy_mode: "True",
          http_port: "8069",
          list_db: "False",
          dbfilter: "^odoo$",
        },
      );
      assert.equal(started?.env["ODOO_RC"], path.join(root, "run/odoo/odoo.conf"));
      assert.equal(fs.statSync(path.join(root, "run/odoo/odoo.conf")).mode & 0o777, 0o600);
    });

    it("from each variable over a mounted file over the default", () => {
      mount("workers = 7", "db_host = file-host", "limit_time_cpu = 600", "db_password = in-the-file", "db_name = False");
      const { options } = run({ ADMIN_PASSWD: adminPassword, WORKERS: "3", PROXY_MODE: "off" });
      assert.equal(options?.["workers"], "3");
      assert.equal(options["db_host"], "file-host");
      assert.equal(options["limit_time_cpu"], "600", "an option that is no setting of ours stays");
      assert.equal(options["db_password"], "in-the-file");
      assert.equal(options["db_name"], "odoo", "False is how Odoo writes 'not set'");
      assert.equal(options["proxy_mode"], "False");
      assert.equal(options["addons_path"], "/opt/odoo/extra-addons,/mnt/oca-addons");
    });

    it("with the aliases of the official image, which yield to our names", () => {
      const { options } = run({
        HOST: "alias-host",
        PORT: "6000",
        USER: "alias-user",
        DB: "alias_db",
        PASSWORD: "alias-password",
        DB_HOST: "real-host",
        ADMIN_PASSWD: "x",
      });
      assert.equal(options?.["db_host"], "real-host");
      assert.equal(options["db_port"], "6000");
      assert.equal(options["db_user"], "alias-user");
      assert.equal(options["db_name"], "alias_db");
      assert.equal(options["db_password"], "alias-password");
    });

    it("without taking a shell's USER and HOST, or a neighbour's service variables, for settings", () => {
      const login = os.userInfo().username;
      const { options } = run({
        ...required,
        USER: login,
        HOST: os.hostname(),
        DB_PORT: "tcp://198.18.0.9:5432",
        ODOO_PORT: "tcp://198.18.0.8:80",
        DB_NAME: "/web/db",
      });
      assert.equal(options?.["db_user"], "odoo");
      assert.equal(options["db_host"], "db");
      assert.equal(options["db_port"], "5432");
      assert.equal(options["http_port"], "8069");
      assert.equal(options["db_name"], "odoo");
    });

    it("with secrets from files, less the newline at their end", () => {
      const { options } = run({
        DB_PASSWORD_FILE: secretFile("db", `${dbPassword}\r\n`),
        ADMIN_PASSWD_FILE: secretFile("admin", `${adminPassword}\n`),
      });
      assert.equal(options?.["db_password"], dbPassword);
      assertHashOf(options["admin_passwd"], adminPassword);
    });

    it("for one database only, whatever a mounted file says", () => {
      mount("list_db = True", "dbfilter = .*", "db_name = erp.prod-1");
      const { options } = run(required);
      assert.equal(options?.["list_db"], "False");
      const filter = new RegExp(options["dbfilter"] ?? "");
      assert.ok(filter.test("erp.prod-1"));
      assert.ok(!filter.test("erpxprod-1") && !filter.test("erp.prod-1-copy"));
    });

    it("with the master password hashed in the format that Odoo verifies, and a hash kept", () => {
      const first = run({ ...required, ROUNDS: "600" }).options?.["admin_passwd"];
      assert.match(first ?? "", /^\$pbkdf2-sha512\$600\$/);
      assertHashOf(first, adminPassword);
      assert.equal(run({ ...required, ADMIN_PASSWD: first ?? "" }).options?.["admin_passwd"], first);
      assert.match(fs.readFileSync(path.join(imageDirectory, "entrypoint.py"), "utf8"), /^PBKDF2_ROUNDS = 600_000\b/m);
    });

    it("over the file of an earlier start, with the mode it must have", () => {
      run(required);
      fs.chmodSync(path.join(root, "run/odoo/odoo.conf"), 0o666);
      assert.equal(run({ ...required, WORKERS: "9" }).options?.["workers"], "9");
      assert.equal(fs.statSync(path.join(root, "run/odoo/odoo.conf")).mode & 0o777, 0o600);
    });

    it("with any printable password unchanged", () => {
      const passwords = fc
        .string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 })
        .filter((word) => word === word.trim() && !/^(true|false|none)$/i.test(word));
      fc.assert(
        fc.property(passwords, (password) => run({ ...required, DB_PASSWORD: password }).options?.["db_password"] === password),
        { numRuns: 25 },
      );
    });
  });

  describe("refuses with exit 78 and one line", () => {
    const wrong: readonly (readonly [string, string])[] = [
      ["WORKERS", "four"],
      ["WORKERS", "-1"],
      ["WORKERS", "1.5"],
      ["WORKERS", "٣"],
      ["MAX_CRON_THREADS", "two"],
      ["DB_MAXCONN", "0"],
      ["LIMIT_MEMORY_HARD", "2G"],
      ["LIMIT_MEMORY_SOFT", "x"],
      ["DB_PORT", "0"],
      ["DB_PORT", "65536"],
      ["ODOO_PORT", "http"],
      ["PROXY_MODE", "maybe"],
      ["DB_NAME", "one,two"],
      ["DB_NAME", "a b"],
      ["DB_HOST", "a\nadmin_passwd = x"],
      ["DB_USER", "false"],
    ];
    for (const [name, value] of wrong) {
      it(`${name} = ${JSON.stringify(value)}`, () => {
        assertRefused(run({ ...required, [name]: value }), new RegExp(`${name} must be `));
      });
    }

    for (const name of ["DB_PASSWORD", "ADMIN_PASSWD"] as const) {
      it(`a missing or empty ${name}`, () => {
        assertRefused(run({ ...required, [name]: "" }), new RegExp(`${name} must be set`));
      });

      it(`${name} and ${name}_FILE at once`, () => {
        assertRefused(
          run({ ...required, [`${name}_FILE`]: secretFile("s", "other") }),
          new RegExp(`${name} and ${name}_FILE are both set`),
        );
      });

      it(`an unreadable, empty or binary ${name}_FILE`, () => {
        const others = Object.fromEntries(Object.entries(required).filter(([key]) => key !== name));
        fs.writeFileSync(path.join(root, "binary"), Buffer.from([0xff, 0xfe]));
        for (const file of [path.join(root, "absent"), root, secretFile("empty", "\n"), path.join(root, "binary")]) {
          assertRefused(run({ ...others, [`${name}_FILE`]: file }), new RegExp(`${name}_FILE: '${file}' `));
        }
      });

      it(`a password put into ${name}_FILE by mistake, without showing it`, () => {
        const others = Object.fromEntries(Object.entries(required).filter(([key]) => key !== name));
        assertRefused(run({ ...others, [`${name}_FILE`]: dbPassword }), new RegExp(`${name}_FILE must be an absolute path`));
      });

      it(`a ${name} that the configuration file cannot hold, without showing it`, () => {
        for (const value of [` ${dbPassword}`, `${dbPassword}\nlist_db = True`, "False"]) {
          const result = run({ ...required, [name]: value });
          assertRefused(result, new RegExp(`${name} must be one printable line`));
          assert.ok(!result.output.includes("got"), "the value is shown");
        }
      });
    }

    it("a wrong value in the mounted file, naming the file", () => {
      mount("workers = many");
      assertRefused(run(required), /WORKERS \(`workers` in .*odoo\.conf\) must be a whole number/);
    });

    it("a mounted file that is broken, without its text", () => {
      mount("workers = 2", dbPassword);
      assertRefused(run(required), /odoo\.conf is no valid configuration file: see line/);
    });

    it("a soft memory limit above the hard one", () => {
      assertRefused(
        run({ ...required, LIMIT_MEMORY_SOFT: "3000", LIMIT_MEMORY_HARD: "2000" }),
        /LIMIT_MEMORY_SOFT must not exceed LIMIT_MEMORY_HARD/,
      );
    });

    it("everything that is wrong, at once", () => {
      assertRefused(run({ WORKERS: "x" }), /DB_PASSWORD must .*; ADMIN_PASSWD must .*; WORKERS must /);
    });

    it("a /run that cannot be written", () => {
      // A file in the way stands for a read-only mount: root, who may run this test, writes anywhere else.
      fs.writeFileSync(path.join(root, "run/odoo"), "");
      assertRefused(run(required), /run\/odoo\/odoo\.conf cannot be written by uid \d+: .*tmpfs on \/run/);
    });

    it("a DB_WAIT_SECONDS that is no number", () => {
      assertRefused(run({ ...required, DB_WAIT_SECONDS: "soon" }), /DB_WAIT_SECONDS must be/);
    });
  });

  describe("starts the program", () => {
    it("with no secret in its arguments, its environment or the log", () => {
      const file = secretFile("admin", adminPassword);
      const withAll = {
        DB_PASSWORD: dbPassword,
        ADMIN_PASSWD_FILE: file,
        PASSWORD: dbPassword,
        PGPASSWORD: dbPassword,
        ODOO_ADMIN_PASSWD: adminPassword,
        KEPT: "yes",
      };
      const { started, output } = run(withAll, ["odoo", "-i", "base"]);
      const seen = JSON.stringify(started) + output;
      assert.equal(started?.env["KEPT"], "yes", "the search must look at a real environment");
      for (const trace of [dbPassword, adminPassword, file, "PASSWORD_FILE"]) {
        assert.ok(!seen.includes(trace), `${trace} is visible`);
      }
      assert.ok(fs.readFileSync(path.join(root, "run/odoo/odoo.conf"), "utf8").includes(dbPassword), "the search finds one that is there");
    });

    it("without variables by which Odoo 19 would outvote the file", () => {
      const { started } = run({
        ...required,
        PGHOST: "elsewhere",
        ODOO_HTTP_PORT: "tcp://198.18.0.1:80",
        ODOO_WORKERS: "99",
        ODOO_LIST_DB: "True",
      });
      for (const name of ["PGHOST", "ODOO_HTTP_PORT", "ODOO_WORKERS", "ODOO_LIST_DB"]) {
        assert.equal(started?.env[name], undefined, name);
      }
    });

    it("as the official image reads its arguments", () => {
      const argv = (...words: string[]): readonly string[] | undefined => run(required, words).started?.argv;
      assert.deepEqual(argv("odoo"), []);
      assert.deepEqual(argv(), []);
      assert.deepEqual(argv("-i", "base"), ["-i", "base"]);
      assert.deepEqual(argv("--", "--dev=all"), ["--dev=all"]);
      assert.deepEqual(argv("odoo", "shell", "-d", "x"), ["shell", "-d", "x"]);
    });

    it("without passwords or a database where none is needed", () => {
      for (const words of [["odoo", "--version"], ["--help"], ["odoo", "scaffold", "x"]]) {
        const { status, started, options } = run({ POSTGRESQL_DOWN: "1" }, words);
        assert.equal(status, 0);
        assert.ok(started);
        assert.equal(options, undefined);
      }
    });

    it("that is not Odoo even without settings, says so, and keeps its environment less our secrets", () => {
      const bare = run({ PGPASSWORD: "psql's own", POSTGRESQL_DOWN: "1" }, ["other-program", "--flag"]);
      assert.equal(bare.status, 0);
      assert.deepEqual(bare.started?.argv, ["--flag"]);
      assert.equal(bare.started.env["PGPASSWORD"], "psql's own");
      assert.match(bare.output, /no configuration was written for 'other-program': ENTRYPOINT_ERROR: DB_PASSWORD/);
      const full = run(required, ["other-program"]);
      assert.equal(full.started?.env["DB_PASSWORD"], undefined);
      assert.equal(full.options?.["db_password"], dbPassword);
    });

    it("with well-known passwords when that is asked for, and a loud warning", () => {
      const { options, output } = run({ ODOO_INSECURE_DEFAULTS: "1" });
      assert.equal(options?.["db_password"], "odoo");
      assertHashOf(options["admin_passwd"], "admin");
      assert.match(output, /!! ODOO_INSECURE_DEFAULTS=1: .*never in production/);
      assertRefused(run({ ODOO_INSECURE_DEFAULTS: "0" }), /DB_PASSWORD must be set/);
    });

    it("not at all while PostgreSQL does not answer, and says whom it waited for", () => {
      const began = Date.now();
      const { status, output, started } = run({ ...required, POSTGRESQL_DOWN: "1", DB_WAIT_SECONDS: "2" });
      assert.equal(status, 69);
      assert.equal(started, undefined);
      assert.match(output, /waiting up to 2 s for PostgreSQL at db:5432 \(user odoo\)/);
      assert.match(output, /^DATABASE_CONNECTION_ERROR: .*within 2 s: connection refused is it running\?$/m);
      assert.ok(Date.now() - began >= 2000 && Date.now() - began < 10_000);
      assert.ok(!output.includes(dbPassword));
    });

    it("reports a program that does not exist", () => {
      const { status, output } = run(required, ["no-such-program"]);
      assert.equal(status, 127);
      assert.match(output, /^ENTRYPOINT_ERROR: 'no-such-program' cannot be started/m);
    });
  });

  describe("checks health", () => {
    const answers: readonly (readonly [string, number, number])[] = [
      ['{"status": "pass"}', 200, 0],
      ['{"status": "fail"}', 500, 1],
      ["not json", 200, 1],
      ["[]", 200, 1],
    ];
    for (const [body, httpStatus, expected] of answers) {
      it(`${expected === 0 ? "good" : "bad"} on ${JSON.stringify(body)}, at the port of the written configuration`, async () => {
        const server = http.createServer((request, response) => {
          response.writeHead(request.url === "/web/health" ? httpStatus : 404).end(body);
        });
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        run({ ...required, ODOO_PORT: String((server.address() as AddressInfo).port) });
        assert.equal(await healthStatus(), expected);
        await new Promise((resolve) => server.close(resolve));
        assert.equal(await healthStatus(), 1, "nobody listens any more");
      });
    }

    function healthStatus(): Promise<number | null> {
      return new Promise((resolve) => {
        spawn("python3", ["-c", driver, root, "healthcheck"], { env: environment({}) }).on("exit", resolve);
      });
    }
  });
});

/** passlib's pbkdf2_sha512: `$pbkdf2-sha512$<rounds>$<salt>$<64 bytes>`, base64 with '.' for '+' and without padding. */
function assertHashOf(hash: string | undefined, password: string): void {
  const [, scheme, rounds, salt, digest] = (hash ?? "").split("$");
  assert.equal(scheme, "pbkdf2-sha512");
  const raw = Buffer.from((salt ?? "").replaceAll(".", "+"), "base64");
  const expected = pbkdf2Sync(password, raw, Number(rounds), createHash("sha512").digest().length, "sha512");
  assert.equal(digest, expected.toString("base64").replaceAll("+", ".").replaceAll("=", ""));
}
