import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import fc from "fast-check";

import { podsOf, render } from "../support/kubernetes-objects";
import {
  adminPassword,
  assertHashOf,
  assertRefused,
  dbPassword,
  EntrypointProcess,
  imageDirectory,
  required,
} from "./entrypoint-process";

describe("the settings of the image", () => {
  let entrypoint: EntrypointProcess;

  beforeEach(() => {
    entrypoint = new EntrypointProcess();
  });
  afterEach(() => entrypoint.remove());

  describe("writes the configuration", () => {
    it("from the defaults when only the passwords are given", () => {
      const { status, options, started } = entrypoint.run(required);
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
          db_sslmode: "prefer",
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
      assert.equal(started?.env["ODOO_RC"], path.join(entrypoint.root, "run/odoo/odoo.conf"));
      assert.equal(fs.statSync(path.join(entrypoint.root, "run/odoo/odoo.conf")).mode & 0o777, 0o600);
    });

    it("with the same options beside a database in the cluster and a managed one", () => {
      const written = ["cluster", "managed"].map((mode) => {
        const options = '{"limit_time_real": 611, "queue_job.channels": "root:2"}';
        const size = { "doks:databaseSize": "db-s-4vcpu-8gb" };
        const { objects } = render({ "doks:databaseMode": mode, ...size, "odoo:options": options });
        const container = podsOf(objects).get("Deployment/odoo")?.pod.containers[0];
        assert.ok(container, "there is no pod of Odoo");
        entrypoint.mount("server_wide_modules = base,rpc,web,own_runner", "limit_time_real = 600", "log_level = warn");
        const plain = container.env.filter(({ name }) => !/_FILE$|ROOTCERT/.test(name));
        const environment = Object.fromEntries(plain.map(({ name, value }) => [name, value ?? ""]));
        const { status, output } = entrypoint.run({ ...environment, ...required });
        assert.equal(status, 0, output);
        return fs.readFileSync(path.join(entrypoint.root, "run/odoo/odoo.conf"), "utf8").split("\n");
      });
      const [own, managed] = written.map((lines) => lines.filter((line) => !/^(db_|admin_passwd )/.test(line)));
      assert.deepEqual(managed, own);
      for (const line of ["server_wide_modules = base,rpc,web,own_runner", "limit_time_real = 611", "log_level = warn"])
        assert.ok(own?.includes(line), `${line} is not in:\n${own?.join("\n")}`);
      assert.match(own?.join("\n") ?? "", /^\[queue_job\]\nchannels = root:2$/m);
      assert.notDeepEqual(written[0], written[1], "the databases are not the same");
    });

    it("from each variable over a mounted file over the default", () => {
      entrypoint.mount(
        "workers = 7",
        "db_host = file-host",
        "limit_time_cpu = 600",
        "db_password = in-the-file",
        "db_name = False",
      );
      const { options } = entrypoint.run({ ADMIN_PASSWD: adminPassword, WORKERS: "3", PROXY_MODE: "off" });
      assert.equal(options?.["workers"], "3");
      assert.equal(options["db_host"], "file-host");
      assert.equal(options["limit_time_cpu"], "600", "an option that is no setting of ours stays");
      assert.equal(options["db_password"], "in-the-file");
      assert.equal(options["db_name"], "odoo", "False is how Odoo writes 'not set'");
      assert.equal(options["proxy_mode"], "False");
      assert.equal(options["addons_path"], "/opt/odoo/extra-addons,/mnt/oca-addons");
    });

    it("from ODOO_OPTIONS and the file of secret options over a mounted file, and under the variables", () => {
      entrypoint.mount("limit_time_real = 1", "log_level = debug", "workers = 7");
      const secret = JSON.stringify({ smtp_password: "planted-mail", "queue_job.http_auth_password": "planted-queue" });
      const given = { limit_time_real: "600", workers: "5", server_wide_modules: "base,web,queue_job" };
      const variables = {
        ...required,
        ODOO_OPTIONS: JSON.stringify({ ...given, "queue_job.channels": "root:4" }),
        ODOO_SECRET_OPTIONS_FILE: entrypoint.file("options", `${secret}\n`),
      };
      const { options, started, output } = entrypoint.run({ ...variables, WORKERS: "3" });
      assert.partialDeepStrictEqual(options, {
        limit_time_real: "600",
        log_level: "debug",
        workers: "3",
        server_wide_modules: "base,web,queue_job",
        smtp_password: "planted-mail",
      });
      assert.equal(entrypoint.run(variables).options?.["workers"], "5");
      const written = fs.readFileSync(path.join(entrypoint.root, "run/odoo/odoo.conf"), "utf8");
      assert.match(written, /\[queue_job\]\nchannels = root:4\nhttp_auth_password = planted-queue\n/);
      assert.ok(!(output + JSON.stringify(started)).includes("planted-mail"), "a secret is in the environment");
    });

    it("with the image's own file beside DB_SSLMODE", () => {
      const { options } = entrypoint.run({ ...required, DB_SSLMODE: "verify-full" });
      assert.partialDeepStrictEqual(options, { db_sslmode: "verify-full", gevent_port: "8072" });
    });

    it("with the aliases of the official image, which yield to our names", () => {
      const { options } = entrypoint.run({
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
      const { options } = entrypoint.run({
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
      const { options } = entrypoint.run({
        DB_PASSWORD_FILE: entrypoint.file("db", `${dbPassword}\r\n`),
        ADMIN_PASSWD_FILE: entrypoint.file("admin", `${adminPassword}\n`),
      });
      assert.equal(options?.["db_password"], dbPassword);
      assertHashOf(options["admin_passwd"], adminPassword);
    });

    it("for one database only, whatever a mounted file says", () => {
      entrypoint.mount("list_db = True", "dbfilter = .*", "db_name = erp.prod-1");
      const { options } = entrypoint.run(required);
      assert.equal(options?.["list_db"], "False");
      const filter = new RegExp(options["dbfilter"] ?? "");
      assert.ok(filter.test("erp.prod-1"));
      assert.ok(!filter.test("erpxprod-1") && !filter.test("erp.prod-1-copy"));
    });

    it("with the master password hashed in the format that Odoo verifies, and a hash kept", () => {
      const first = entrypoint.run({ ...required, ROUNDS: "600" }).options?.["admin_passwd"];
      assert.match(first ?? "", /^\$pbkdf2-sha512\$600\$/);
      assertHashOf(first, adminPassword);
      assert.equal(entrypoint.run({ ...required, ADMIN_PASSWD: first ?? "" }).options?.["admin_passwd"], first);
      assert.match(
        fs.readFileSync(path.join(imageDirectory, "configuration.py"), "utf8"),
        /^PBKDF2_ROUNDS = 600_000\b/m,
      );
    });

    it("with few rounds for a password from a file, which whoever reads the hash can read as well", () => {
      const ADMIN_PASSWD_FILE = entrypoint.file("admin", adminPassword);
      const hash = entrypoint.run({ DB_PASSWORD: dbPassword, ADMIN_PASSWD_FILE, ROUNDS: "600" }).options?.[
        "admin_passwd"
      ];
      assert.match(hash ?? "", /^\$pbkdf2-sha512\$1000\$/);
      assertHashOf(hash, adminPassword);
    });

    it("over the file of an earlier start, with the mode it must have", () => {
      entrypoint.run(required);
      fs.chmodSync(path.join(entrypoint.root, "run/odoo/odoo.conf"), 0o666);
      assert.equal(entrypoint.run({ ...required, WORKERS: "9" }).options?.["workers"], "9");
      assert.equal(fs.statSync(path.join(entrypoint.root, "run/odoo/odoo.conf")).mode & 0o777, 0o600);
    });

    it("with any printable password unchanged", () => {
      const passwords = fc
        .string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 })
        .filter((word) => word === word.trim() && !/^(true|false|none)$/i.test(word));
      fc.assert(
        fc.property(
          passwords,
          (password) => entrypoint.run({ ...required, DB_PASSWORD: password }).options?.["db_password"] === password,
        ),
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
      ["DB_SSLMODE", "verify"],
      ["ODOO_OPTIONS", "limit_time_real"],
      ["ODOO_OPTIONS", "[]"],
      ["ODOO_OPTIONS", '{"limit time": "1"}'],
      ["ODOO_OPTIONS", '{"options.data_dir": "/tmp"}'],
      ["ODOO_OPTIONS", '{"limit_time_real": 1}'],
      ["ODOO_OPTIONS", '{"log_level": "warn\\nlist_db = True"}'],
      ["DB_NAME", "one,two"],
      ["DB_NAME", "a b"],
      ["DB_HOST", "a\nadmin_passwd = x"],
      ["DB_USER", "false"],
    ];
    for (const [name, value] of wrong) {
      it(`${name} = ${JSON.stringify(value)}`, () => {
        assertRefused(entrypoint.run({ ...required, [name]: value }), new RegExp(`${name} must be `));
      });
    }

    for (const name of ["DB_PASSWORD", "ADMIN_PASSWD"] as const) {
      it(`a missing or empty ${name}`, () => {
        assertRefused(entrypoint.run({ ...required, [name]: "" }), new RegExp(`${name} must be set`));
      });

      it(`${name} and ${name}_FILE at once`, () => {
        assertRefused(
          entrypoint.run({ ...required, [`${name}_FILE`]: entrypoint.file("s", "other") }),
          new RegExp(`${name} and ${name}_FILE are both set`),
        );
      });

      it(`an unreadable, empty or binary ${name}_FILE`, () => {
        const others = Object.fromEntries(Object.entries(required).filter(([key]) => key !== name));
        fs.writeFileSync(path.join(entrypoint.root, "binary"), Buffer.from([0xff, 0xfe]));
        for (const file of [
          path.join(entrypoint.root, "absent"),
          entrypoint.root,
          entrypoint.file("empty", "\n"),
          path.join(entrypoint.root, "binary"),
        ]) {
          assertRefused(entrypoint.run({ ...others, [`${name}_FILE`]: file }), new RegExp(`${name}_FILE: '${file}' `));
        }
      });

      it(`a password put into ${name}_FILE by mistake, without showing it`, () => {
        const others = Object.fromEntries(Object.entries(required).filter(([key]) => key !== name));
        assertRefused(
          entrypoint.run({ ...others, [`${name}_FILE`]: dbPassword }),
          new RegExp(`${name}_FILE must be an absolute path`),
        );
      });

      it(`a ${name} that the configuration file cannot hold, without showing it`, () => {
        for (const value of [` ${dbPassword}`, `${dbPassword}\nlist_db = True`, "False"]) {
          const result = entrypoint.run({ ...required, [name]: value });
          assertRefused(result, new RegExp(`${name} must be one printable line`));
          assert.ok(!result.output.includes("got"), "the value is shown");
        }
      });
    }

    it("secret options that are none, without showing them", () => {
      for (const text of [dbPassword, `{"smtp_password": "${dbPassword}\\nlist_db = True"}`]) {
        const file = entrypoint.file("options", text);
        const result = entrypoint.run({ ...required, ODOO_SECRET_OPTIONS_FILE: file });
        assertRefused(result, /ODOO_SECRET_OPTIONS_FILE must be a JSON object/);
      }
    });

    it("a wrong value in the mounted file, naming the file", () => {
      entrypoint.mount("workers = many");
      assertRefused(entrypoint.run(required), /WORKERS \(`workers` in .*odoo\.conf\) must be a whole number/);
    });

    it("a mounted file that is broken, without its text", () => {
      entrypoint.mount("workers = 2", dbPassword);
      assertRefused(entrypoint.run(required), /odoo\.conf is no valid configuration file: see line/);
    });

    it("a soft memory limit above the hard one", () => {
      assertRefused(
        entrypoint.run({ ...required, LIMIT_MEMORY_SOFT: "3000", LIMIT_MEMORY_HARD: "2000" }),
        /LIMIT_MEMORY_SOFT must not exceed LIMIT_MEMORY_HARD/,
      );
    });

    it("everything that is wrong, at once", () => {
      assertRefused(entrypoint.run({ WORKERS: "x" }), /DB_PASSWORD must .*; ADMIN_PASSWD must .*; WORKERS must /);
    });

    it("a /run that cannot be written", () => {
      // A file in the way stands for a read-only mount: entrypoint.root, who may run this test, writes anywhere else.
      fs.writeFileSync(path.join(entrypoint.root, "run/odoo"), "");
      assertRefused(entrypoint.run(required), /run\/odoo\/odoo\.conf cannot be written by uid \d+: .*tmpfs on \/run/);
    });

    it("a DB_WAIT_SECONDS that is no number", () => {
      assertRefused(entrypoint.run({ ...required, DB_WAIT_SECONDS: "soon" }), /DB_WAIT_SECONDS must be/);
    });
  });
});
