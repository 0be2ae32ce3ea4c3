import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as path from "node:path";

import { adminPassword, dbPassword, EntrypointProcess, required } from "./entrypoint-process";
import { python } from "../support/python";

describe("what people type in a container of the image", () => {
  let entrypoint: EntrypointProcess;

  beforeEach(() => {
    entrypoint = new EntrypointProcess();
  });
  afterEach(() => entrypoint.remove());

  describe("as the command of its start", () => {
    const argv = (...words: string[]) => entrypoint.run(required, words).started?.argv;

    it("is Odoo by each of its names, told its configuration already", () => {
      assert.deepEqual(argv("odoo-bin", "-c", "/etc/odoo.conf", "-u", "base"), ["-u", "base"]);
      assert.deepEqual(argv("odoo.py", "--config=/etc/odoo/odoo.conf"), []);
      assert.deepEqual(argv("odoo", "-c/etc/odoo/odoo.conf", "-d", "x"), ["-d", "x"]);
      assert.deepEqual(argv("odoo", "-c", "/mnt/other.conf"), ["-c", "/mnt/other.conf"]);
    });

    it("reads a file that is mounted at /etc/odoo.conf", () => {
      entrypoint.file("etc/odoo.conf", "[options]\nworkers = 7\n");
      assert.equal(entrypoint.run(required).options?.["workers"], "7");
    });

    it("is told what there is in the place of --list-db", () => {
      const { status, output, started } = entrypoint.run(required, ["odoo", "--list-db"]);
      assert.deepEqual([status, started], [64, undefined]);
      assert.match(output, /^ENTRYPOINT_ERROR: Odoo has no --list-db, [^\n]*`psql -l`[^\n]*\n$/);
    });

    it("finds no wrapper, but the program itself", () => {
      const { PATH } = process.env;
      const { started } = entrypoint.run({
        ...required,
        PATH: `/opt/odoo/bin:${path.join(entrypoint.root, "bin")}:${PATH}`,
      });
      assert.ok(started?.env["PATH"] !== undefined && !started.env["PATH"].includes("/opt/odoo/bin"));
    });

    it("tells of modules that are mounted where this image does not look, and not of its own links there", () => {
      const mounted = path.join(entrypoint.root, "mnt/extra-addons");
      fs.mkdirSync(path.join(entrypoint.root, "elsewhere"));
      fs.writeFileSync(path.join(entrypoint.root, "elsewhere/__manifest__.py"), "{}");
      fs.mkdirSync(path.join(mounted, "folder"), { recursive: true });
      fs.symlinkSync("../../elsewhere", path.join(mounted, "own"));
      assert.doesNotMatch(entrypoint.run(required).output, /extra-addons/);
      fs.writeFileSync(path.join(mounted, "folder/__manifest__.py"), "{}");
      const { status, output } = entrypoint.run(required);
      assert.equal(status, 0);
      assert.match(
        output,
        /extra-addons has modules of its own \(folder\), and they are not used: .*`docker compose up`/,
      );
      entrypoint.mount("addons_path = /opt/odoo/extra-addons,/mnt/extra-addons");
      assert.doesNotMatch(entrypoint.run(required).output, /not used/);
    });

    it("without any setting is answered by a line that says what to type", () => {
      const tries: readonly Readonly<Record<string, string>>[] = [{}, { HOST: "localhost" }];
      for (const variables of tries) {
        const { status, output } = entrypoint.run(variables);
        assert.equal(status, 78);
        assert.match(
          output,
          /^ENTRYPOINT_ERROR: DB_PASSWORD must be set[^\n]*; for a try, [^\n]*`docker compose up`[^\n]*\n$/,
        );
      }
      assert.doesNotMatch(entrypoint.run({ DB_PASSWORD: dbPassword }).output, /for a try/);
    });

    it("with localhost as PostgreSQL is told whose that is", () => {
      const down = { ...required, POSTGRESQL_DOWN: "1", DB_WAIT_SECONDS: "0" };
      assert.match(
        entrypoint.run({ ...down, ODOO_RELEASE_TASK: "1", HOST: "localhost" }).output,
        /here that is the container itself.*DB_HOST=/,
      );
      assert.doesNotMatch(entrypoint.run({ ...down, ODOO_RELEASE_TASK: "1" }).output, /the container itself/);
    });

    it("takes PostgreSQL's own names, after the official image's, and no database of its server", () => {
      const { options, started } = entrypoint.run({
        ADMIN_PASSWD: adminPassword,
        POSTGRES_HOST: "pg",
        POSTGRES_PORT: "6000",
        POSTGRES_USER: "erp",
        POSTGRES_PASSWORD: dbPassword,
        POSTGRES_DB: "postgres",
      });
      const found = ["db_host", "db_port", "db_user", "db_password", "db_name"].map((name) => options?.[name]);
      assert.deepEqual(found, ["pg", "6000", "erp", dbPassword, "odoo"]);
      assert.equal(started?.env["POSTGRES_PASSWORD"], undefined);
      const both = entrypoint.run({
        ...{ ADMIN_PASSWD: adminPassword, POSTGRES_PASSWORD: "planted", PASSWORD: dbPassword },
        ...{ POSTGRES_HOST: "pg", HOST: "official", POSTGRES_USER: "erp", DB_USER: "ours" },
        POSTGRES_PORT: "tcp://198.18.0.9:5432",
      });
      const chosen = ["db_host", "db_port", "db_user", "db_password"].map((name) => both.options?.[name]);
      assert.deepEqual(chosen, ["official", "5432", "ours", dbPassword]);
    });
  });

  describe("beside its server", () => {
    /** Somebody listens where the written configuration says that Odoo does. */
    async function serving(act: () => void): Promise<void> {
      const program =
        "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()";
      const server = spawn(python, ["-c", program], { stdio: ["pipe", "pipe", "inherit"] });
      const [port] = (await once(server.stdout, "data")) as [Buffer];
      try {
        entrypoint.run({ ...required, ODOO_PORT: String(port).trim() });
        act();
      } finally {
        server.stdin.end();
        await once(server, "exit");
      }
    }
    const argv = (...words: string[]) => entrypoint.type(required, ...words).started?.argv;
    const beside = ["--no-http", "--workers=0", "--max-cron-threads=0"];

    it("runs without the port, and with what was typed", () =>
      serving(() => {
        const { started, output } = entrypoint.type(
          required,
          "/opt/odoo/bin/odoo",
          "-d",
          "odoo",
          "-u",
          "x",
          "--stop-after-init",
        );
        assert.deepEqual(started?.argv, [...beside, "-d", "odoo", "-u", "x", "--stop-after-init"]);
        assert.match(output, /^odoo entrypoint: beside the server that runs: --no-http /);
        assert.deepEqual(argv("odoo-bin", "shell", "-c", "/etc/odoo.conf"), ["shell", ...beside]);
        assert.deepEqual(argv("odoo", "--workers=2"), [...beside, "--workers=2"]);
        assert.deepEqual(argv("odoo", "neutralize", "-d", "x"), ["neutralize", "-d", "x"]);
        assert.deepEqual(argv("odoo", "--version"), ["--version"]);
      }));

    it("has the port where nobody listens, and keeps the configuration of the start", () => {
      entrypoint.run({ ...required, ODOO_PORT: "1" });
      const file = path.join(entrypoint.root, "run/odoo/odoo.conf");
      const before = fs.readFileSync(file, "utf8");
      const { started, output } = entrypoint.type({ DB_HOST: "elsewhere" }, "odoo", "-u", "x");
      assert.deepEqual(started?.argv, ["-u", "x"], output);
      assert.equal(started.env["ODOO_RC"], file);
      assert.equal(fs.readFileSync(file, "utf8"), before);
    });

    it("does not run on a database that another release's code has changed", () => {
      entrypoint.run({ ...required, ODOO_PORT: "1" });
      const DATABASES = JSON.stringify({ odoo: [["upgrading", "sha256:x", {}]] });
      const { status, output, started } = entrypoint.type({ ...required, DATABASES }, "odoo", "-u", "x");
      assert.deepEqual([status, started], [78, undefined]);
      assert.match(output, /^RELEASE_IN_PROGRESS: /);
    });

    it("is told what there is in the place of --list-db", () => {
      entrypoint.run(required);
      assert.equal(entrypoint.type({}, "odoo", "--list-db").status, 64);
    });

    it("makes the configuration where the container was started for something else", () => {
      const { started, options } = entrypoint.type(required, "odoo", "-u", "x");
      assert.deepEqual(started?.argv, ["-u", "x"]);
      assert.equal(options?.["db_password"], dbPassword);
    });
  });

  describe("as psql", () => {
    const login = (variables: Record<string, string>, ...words: string[]) => {
      const { started } = entrypoint.type(
        { PATH: `/opt/odoo/bin:${path.join(entrypoint.root, "bin")}:/usr/bin`, ...variables },
        "psql",
        ...words,
      );
      assert.ok(!JSON.stringify(started?.argv).includes(dbPassword), "in no argument");
      const names = Object.keys(started?.env ?? {}).filter((name) => name.startsWith("PG"));
      return Object.fromEntries(names.map((name) => [name, started?.env[name]]));
    };

    it("connects to the container's database", () => {
      entrypoint.run({ ...required, DB_NAME: "erp" });
      const expected = { PGHOST: "db", PGPORT: "5432", PGUSER: "odoo", PGPASSWORD: dbPassword };
      const named = { ...expected, PGDATABASE: "erp", PGSSLMODE: "prefer" };
      assert.deepEqual(login({}, "-c", "SELECT 'https://x?host=y'"), named);
      assert.deepEqual(login({ PGDATABASE: "other" }), { ...named, PGDATABASE: "other" });
    });

    it("takes no password to a server that is named", () => {
      entrypoint.run(required);
      for (const words of [
        ["-h", "x"],
        ["--host=x"],
        ["-hx"],
        ["postgresql://x/y"],
        ["-d", "dbname=y host=x"],
        ["-dhost=x"],
      ]) {
        assert.deepEqual(login({}, ...words), {}, words.join(" "));
      }
      assert.deepEqual(login({ PGHOST: "x" }), { PGHOST: "x" });
    });
  });
});
