import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as http from "node:http";
import * as path from "node:path";
import type { AddressInfo } from "node:net";

import {
  adminPassword,
  assertHashOf,
  assertRefused,
  dbPassword,
  EntrypointProcess,
  required,
} from "./entrypoint-process";

describe("the entrypoint of the image", () => {
  let entrypoint: EntrypointProcess;

  beforeEach(() => {
    entrypoint = new EntrypointProcess();
  });
  afterEach(() => entrypoint.remove());

  describe("starts the program", () => {
    it("with no secret in its arguments, its environment or the log", () => {
      const file = entrypoint.file("admin", adminPassword);
      const withAll = {
        DB_PASSWORD: dbPassword,
        ADMIN_PASSWD_FILE: file,
        PASSWORD: dbPassword,
        PGPASSWORD: dbPassword,
        ODOO_ADMIN_PASSWD: adminPassword,
        KEPT: "yes",
      };
      const { started, output } = entrypoint.run(withAll, ["odoo", "-i", "base"]);
      const seen = JSON.stringify(started) + output;
      assert.equal(started?.env["KEPT"], "yes", "the search must look at a real environment");
      for (const trace of [dbPassword, adminPassword, file, "PASSWORD_FILE"]) {
        assert.ok(!seen.includes(trace), `${trace} is visible`);
      }
      assert.ok(
        fs.readFileSync(path.join(entrypoint.root, "run/odoo/odoo.conf"), "utf8").includes(dbPassword),
        "the search finds one that is there",
      );
    });

    it("without variables by which Odoo 19 would outvote the file", () => {
      const { started } = entrypoint.run({
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
      const argv = (...words: string[]): readonly string[] | undefined => entrypoint.run(required, words).started?.argv;
      assert.deepEqual(argv("odoo"), []);
      assert.deepEqual(argv(), []);
      assert.deepEqual(argv("-i", "base"), ["-i", "base"]);
      assert.deepEqual(argv("--", "--dev=all"), ["--dev=all"]);
      assert.deepEqual(argv("odoo", "shell", "-d", "x"), ["shell", "-d", "x"]);
    });

    it("under a guard where that is asked for, which waits for the database itself", () => {
      const { status, started, options } = entrypoint.run({ ...required, ODOO_GUARD: "1", POSTGRESQL_DOWN: "1" }, [
        "odoo",
        "--no-http",
      ]);
      assert.equal(status, 0);
      assert.deepEqual(started?.argv, ["run", "odoo", "--no-http"]);
      assert.equal(options?.db_password, dbPassword);
      assert.ok(!JSON.stringify(started).includes(dbPassword));
      assert.deepEqual(entrypoint.run({ ...required, ODOO_GUARD: "1" }, ["odoo", "--version"]).started?.argv, [
        "--version",
      ]);
    });

    it("without passwords or a database where none is needed", () => {
      for (const words of [["odoo", "--version"], ["--help"], ["odoo", "scaffold", "x"]]) {
        const { status, started, options } = entrypoint.run({ POSTGRESQL_DOWN: "1" }, words);
        assert.equal(status, 0);
        assert.ok(started);
        assert.equal(options, undefined);
      }
    });

    it("that is not Odoo even without settings, says so, and keeps its environment less our secrets", () => {
      const bare = entrypoint.run({ PGPASSWORD: "psql's own", POSTGRESQL_DOWN: "1" }, ["other-program", "--flag"]);
      assert.equal(bare.status, 0);
      assert.deepEqual(bare.started?.argv, ["--flag"]);
      assert.equal(bare.started.env["PGPASSWORD"], "psql's own");
      assert.match(bare.output, /no configuration was written for 'other-program': ENTRYPOINT_ERROR: DB_PASSWORD/);
      const full = entrypoint.run(required, ["other-program"]);
      assert.equal(full.started?.env["DB_PASSWORD"], undefined);
      assert.equal(full.options?.["db_password"], dbPassword);
    });

    it("with well-known passwords when that is asked for, and a loud warning", () => {
      const { options, output } = entrypoint.run({ ODOO_INSECURE_DEFAULTS: "1" });
      assert.equal(options?.["db_password"], "odoo");
      assertHashOf(options["admin_passwd"], "admin");
      assert.match(output, /!! ODOO_INSECURE_DEFAULTS=1: .*never in production/);
      assertRefused(entrypoint.run({ ODOO_INSECURE_DEFAULTS: "0" }), /DB_PASSWORD must be set/);
    });

    it("not at all while PostgreSQL does not answer: another program waits, and has no password in its arguments", () => {
      const { started, options } = entrypoint.run({ ...required, POSTGRESQL_DOWN: "1" }, ["odoo", "-u", "sale"]);
      assert.deepEqual(started?.argv, ["-u", "sale"]);
      assert.equal(started.env["DB_PASSWORD"], undefined);
      assert.equal(options?.["db_password"], dbPassword);
    });

    it("of a release not at all while PostgreSQL does not answer, and says whom it waited for", () => {
      const began = Date.now();
      const { status, output, started } = entrypoint.run({
        ...required,
        ODOO_RELEASE_TASK: "1",
        POSTGRESQL_DOWN: "1",
        DB_WAIT_SECONDS: "2",
      });
      assert.equal(status, 69);
      assert.equal(started, undefined);
      assert.match(output, /waiting up to 2 s for PostgreSQL at db:5432 \(user odoo\)/);
      assert.match(output, /^DATABASE_CONNECTION_ERROR: .*within 2 s: connection refused is it running\?$/m);
      assert.ok(Date.now() - began >= 2000);
      assert.ok(!output.includes(dbPassword));
    });

    it("reports a program that does not exist", () => {
      const { status, output } = entrypoint.run(required, ["no-such-program"]);
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
        entrypoint.run({ ...required, ODOO_PORT: String((server.address() as AddressInfo).port) });
        assert.equal(await healthStatus(), expected);
        await new Promise((resolve) => server.close(resolve));
        assert.equal(await healthStatus(), 1, "nobody listens any more");
      });
    }

    function healthStatus(): Promise<number | null> {
      return new Promise((resolve) => {
        entrypoint.spawn("healthcheck").on("exit", resolve);
      });
    }
  });
});
