import assert from "node:assert/strict";

import { assertRefused, EntrypointProcess, required, type Run } from "./entrypoint-process";

// With a stand-in for psycopg2: that PostgreSQL answers so, and that Odoo is really not started, test/e2e/image/release-marker.test.ts shows.

const digest = `sha256:${"d".repeat(64)}`;
const series = "19.0";

describe("the release marker of a database", () => {
  let entrypoint: EntrypointProcess;

  beforeEach(() => {
    entrypoint = new EntrypointProcess();
    bake({ release_info: "ours" }, { base: "b1", sale: "s1" });
  });
  afterEach(() => entrypoint.remove());

  /** What the image holds: the release's modules and those of Odoo, with their hashes. */
  function bake(release: Record<string, string>, core: Record<string, string>): void {
    const modules = (hashes: Record<string, string>) =>
      Object.fromEntries(Object.entries(hashes).map(([name, hash]) => [name, { version: "1.0", hash }]));
    entrypoint.file("image/release.json", JSON.stringify({ version: "19.0-x", series, modules: modules(release) }));
    entrypoint.file("image/core-modules.json", JSON.stringify(modules(core)));
  }

  /** Starts Odoo with these databases on the server; the value is the marker's rows, or what happens to who asks. */
  function start(
    databases: Record<string, unknown>,
    argv: readonly string[] = ["odoo"],
    variables: Record<string, string> = {},
  ): Run {
    return entrypoint.run({ ...required, DATABASES: JSON.stringify(databases), ...variables }, argv);
  }

  /** As Linux tells them to each process. */
  function mounts(...places: readonly string[]): void {
    const lines = places.map((place, at) => `${at + 30} 29 0:26 /of/host ${place} rw,relatime - ext4 /dev/vda1 rw\n`);
    entrypoint.file("mountinfo", lines.join(""));
  }

  const marked = (modules: unknown, state = "ready") => [[state, digest, modules]];
  const newer = marked({ base: ["b2"] });

  function assertStarted(run: Run): void {
    assert.equal(run.status, 0, run.output);
    assert.ok(run.started, run.output);
    assert.equal(run.output, "");
  }

  describe("lets Odoo start", () => {
    const satisfied: readonly (readonly [string, Record<string, unknown>])[] = [
      ["on its own release", { odoo: marked({ base: ["b1"], release_info: ["ours"] }) }],
      [
        "where one of several accepted contents is in the image",
        { odoo: marked({ base: ["b0", "b1"], sale: ["s1", "s2"] }) },
      ],
      ["on a database without the table or the schema", { odoo: { pgcode: "42P01" } }],
      ["on a database without a row", { odoo: [] }],
      ["without a database: Odoo makes it, or says so", { another: newer }],
      ["whatever a database says that is not used", { odoo: [], another: newer }],
    ];
    for (const [title, databases] of satisfied) {
      it(title, () => assertStarted(start(databases)));
    }

    it("with a baked module in the place of one of Odoo's own", () => {
      bake({ sale: "patched" }, { base: "b1", sale: "s1" });
      assertStarted(start({ odoo: marked({ sale: ["patched"] }) }));
      assertRefused(
        start({ odoo: marked({ sale: ["s1"] }) }),
        /module sale is patched here and s1 there/,
        "RELEASE_MISMATCH",
      );
    });

    it("for the deployment's own tasks, and says that it did not look", () => {
      const { status, output, started } = start({ odoo: marked({}, "upgrading") }, ["odoo", "-u", "base"], {
        ODOO_RELEASE_TASK: "1",
      });
      assert.equal(status, 0);
      // By quiet.py, which keeps modules from starting something as they are loaded.
      assert.deepEqual(started?.argv, ["-u", "base"]);
      assert.match(output, /ODOO_RELEASE_TASK=1: the release marker is not looked at/);
      assertRefused(start({ odoo: newer }, ["odoo"], { ODOO_RELEASE_TASK: "0" }), /./, "RELEASE_MISMATCH");
    });

    it("with addons mounted on a database that no release has, as for development, and with other mounts", () => {
      mounts("/mnt/oca-addons");
      assertStarted(start({ odoo: [] }));
      mounts("/", "/mnt", "/mnt/extra-addons", "/mnt/oca-addons-of-then");
      assertStarted(start({ odoo: marked({ base: ["b1"] }) }));
    });

    it("where no database is touched, and leaves other programs alone", () => {
      for (const argv of [["odoo", "--version"], ["odoo", "scaffold", "x"], ["other-program"]]) {
        assert.ok(start({ odoo: newer }, argv).started, argv.join(" "));
      }
    });
  });

  it("is demanded by a guard, which serves nothing that no release has finished", () => {
    for (const databases of [{}, { odoo: [] }, { odoo: { pgcode: "42P01" } }, { odoo: { pgcode: "3F000" } }]) {
      assert.equal(entrypoint.objection(databases)?.[0], "RELEASE_INCOMPLETE", JSON.stringify(databases));
    }
    assert.equal(entrypoint.objection({ odoo: newer })?.[0], "RELEASE_MISMATCH");
    assert.equal(entrypoint.objection({ odoo: marked({ base: ["b1"] }) }), null);
  });

  describe("refuses with exit 78 and one line", () => {
    it("a release with another content of an installed module, naming it, the database's release and the way out", () => {
      assertRefused(
        start({ odoo: newer }),
        /database 'odoo' \(release sha256:d{64}\) does not belong to this image \(release 19\.0-x\): module base is b1 here and b2 there: deploy .*`odoo-ship status` on a VPS, the log of the Job odoo-upgrade-… in a cluster/,
        "RELEASE_MISMATCH",
      );
    });

    it("a release that lacks an installed module, and counts what else differs", () => {
      const modules = { base: ["b2"], absent: ["a"], sale: [] };
      assertRefused(
        start({ odoo: marked(modules) }),
        /module absent is not in this image, and 2 more modules differ: /,
        "RELEASE_MISMATCH",
      );
    });

    it("any release while the database is being upgraded", () => {
      assertRefused(
        start({ odoo: marked({ base: ["b1"] }, "upgrading") }),
        /is being changed by a deployment: wait/,
        "RELEASE_IN_PROGRESS",
      );
    });

    for (const argv of [
      ["odoo", "-u", "all"],
      ["odoo", "-i", "base", "--stop-after-init"],
      ["odoo", "shell"],
      ["--dev=all"],
      ["/usr/bin/odoo"],
    ]) {
      it(`\`${argv.join(" ")}\``, () => {
        assertRefused(start({ odoo: newer }, argv), /does not belong/, "RELEASE_MISMATCH");
      });
    }

    for (const option of [
      ["-d", "copy"],
      ["-dcopy"],
      ["--database", "copy"],
      ["--database=copy"],
      ["--datab=x,copy"],
    ]) {
      it(`a database named by ${option.join(" ")}`, () => {
        assertRefused(
          start({ odoo: [], copy: newer }, ["odoo", "shell", ...option]),
          /database 'copy' .*does not belong/,
          "RELEASE_MISMATCH",
        );
      });
    }

    it("the configured database also when the arguments name another, since Odoo would serve both", () => {
      assertRefused(
        start({ odoo: newer, copy: [] }, ["odoo", "-d", "copy"]),
        /database 'odoo' .*does not belong/,
        "RELEASE_MISMATCH",
      );
      assertRefused(
        start({ erp: newer }, ["odoo"], { DB_NAME: "erp" }),
        /database 'erp' .*does not belong/,
        "RELEASE_MISMATCH",
      );
    });

    it("a marker that may not be read, with PostgreSQL's reason", () => {
      assertRefused(
        start({ odoo: { pgcode: "42501" } }),
        /marker of database 'odoo' cannot be read: planted reason; /,
        "RELEASE_UNKNOWN",
      );
    });

    it("a marker that it does not understand", () => {
      for (const rows of [marked({}, "later"), marked(null), marked(["base"]), [[null, null, null]]]) {
        assertRefused(start({ odoo: rows }), /does not understand \(state ("?later"?|null|ready)\)/, "RELEASE_UNKNOWN");
      }
    });

    it("a marker whose list is none, instead of looking for the content inside of a text", () => {
      assertRefused(start({ odoo: marked({ base: "xb1x" }) }), /does not understand/, "RELEASE_UNKNOWN");
    });

    it("an image that cannot tell its modules, once a database asks for them", () => {
      entrypoint.file("image/core-modules.json", "{");
      assertStarted(start({ odoo: [] }));
      assertRefused(start({ odoo: newer }), /the modules of this image cannot be read/, "RELEASE_UNKNOWN");
    });

    for (const place of ["/mnt/oca-addons", "/mnt/oca-addons/my\\040tools", "/opt/odoo/extra-addons/sale"]) {
      it(`what is mounted at ${place}: the image's own modules alone were tried and go back with it`, () => {
        mounts("/", "/mnt", "/mnt/extra-addons", "/mnt/oca-addons-of-then", place);
        assertRefused(
          start({ odoo: marked({ base: ["b1"] }) }),
          /something is mounted at \/(mnt|opt)\/[\w/ -]+, and database 'odoo' .*: take the mount away, and bake .*image:ocaAddons/,
          "RELEASE_MISMATCH",
        );
      });
    }

    it("with nothing of the marker breaking the line", () => {
      const hostile = [["ready", "a\nENTRYPOINT_ERROR: b\u001b[31m", { "x\ny": ["\r\n"] }]];
      assertRefused(
        start({ odoo: hostile }),
        /release a ENTRYPOINT_ERROR: b \[31m\).*module x y is not/,
        "RELEASE_MISMATCH",
      );
    });
  });

  it("refuses with exit 69 when a database that exists lets nobody in", () => {
    const { status, output, started } = start({ odoo: "closed" });
    assert.equal(status, 69);
    assert.equal(started, undefined);
    assert.match(
      output,
      /^DATABASE_CONNECTION_ERROR: database 'odoo' does not let Odoo in.*: FATAL: in the language of the server\n$/,
    );
  });
});
