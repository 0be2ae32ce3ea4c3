import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import {
  judgeConfiguration,
  refuseOptionsOfLaterSeries,
  serverWideWarnings,
} from "../../../components/image/configuration";

describe("the odoo.conf that is baked", () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "configuration-"));
  });
  afterEach(() => fs.rmSync(root, { recursive: true }));

  function judge(...lines: string[]): string[] {
    fs.writeFileSync(path.join(root, "odoo.conf"), lines.join("\n"));
    return judgeConfiguration(root, "odoo.conf");
  }

  it("is the program's own without a word", () => {
    const own = path.join(__dirname, "..", "..", "..");
    assert.deepEqual(judgeConfiguration(own, "images/odoo/odoo.conf"), []);
  });

  it("is a team's own, and what settings decide is named", () => {
    const lines = [
      "[options]",
      "; workers = 3",
      "limit_time_real = 600",
      "server_wide_modules: base,web,queue_job",
      "addons_path = /usr/lib/python3/dist-packages/odoo/addons, /mnt/extra-addons",
      "data_dir = /var/lib/odoo",
      "logfile = None",
      "admin_passwd = False",
      "[queue_job]",
      "workers = 4",
    ];
    assert.deepEqual(judge(...lines), []);
    const [warning = "", ...others] = judge("[options]", "db_host = db", "Workers = 3", "dbfilter = ^x$");
    assert.match(warning, /odoo\.conf: db_host, workers, dbfilter: no effect/);
    assert.deepEqual(others, []);
  });

  it("that loads modules for the whole server is told what that means, and the stack's own option counts first", () => {
    // As a team with a runner has it.
    fs.writeFileSync(path.join(root, "odoo.conf"), "[options]\nserver_wide_modules = base,rpc,web,background_runner\n");
    const told = (options: Record<string, string>, file?: string) => serverWideWarnings(root, file, options).join();
    assert.match(told({}, "odoo.conf"), /^server_wide_modules: background_runner: [^]*before a release is committed/);
    assert.match(
      told({ server_wide_modules: "base, web, queue_job" }, "odoo.conf"),
      /^server_wide_modules: queue_job: /,
    );
    assert.match(told({ server_wide_modules: "web,queue_job" }), /queue_job/, "an image that is named by its digest");
    assert.equal(told({ server_wide_modules: "base,web" }, "odoo.conf"), "");
    assert.equal(told({}), "");
  });

  for (const [line, words] of [
    ["admin_passwd = planted-4711", /admin_passwd: is a secret/],
    ["db_password = planted-4711", /db_password: is a secret/],
    ["  smtp_password = planted-4711", /smtp_password: is a secret/],
    ["smtp_password =\n  planted-4711", /smtp_password: is a secret/],
    ["limit_time_real = 600\n  smtp_password = planted-4711", /smtp_password: is a secret/],
    ["smtp_password=planted-4711", /smtp_password: is a secret; set it in odoo:secretOptions/],
    ["[queue_job]\nhttp_auth_password = planted-4711", /http_auth_password: is a secret/],
    ["data_dir = /data", /data_dir: attachments are kept on the volume/],
    ["[DEFAULT]\ndata_dir = /data", /data_dir: attachments are kept on the volume/],
    ["addons_path = /srv/addons", /addons_path: modules are baked/],
    ["logfile = /var/log/odoo.log", /logfile: Odoo logs to its container's log/],
    ["dev_mode = all", /dev_mode: /],
    ["http_interface = 127.0.0.1", /http_interface: the product sets it/],
  ] as const) {
    it(`is refused with ${line.replace("\n", " ")}`, () => {
      assert.throws(
        () => judge("[options]", line),
        (error) => {
          assert.match(String(error), words);
          assert.match(String(error), /SETTINGS_INVALID/);
          assert.ok(!String(error).includes("planted-4711"));
          return true;
        },
      );
    });
  }

  it("is no way to options of a later series", () => {
    const record = JSON.parse(fs.readFileSync("images/odoo/base-image.json", "utf8")) as object;
    const check = (series: string) => {
      fs.writeFileSync(path.join(root, "base.json"), JSON.stringify({ ...record, series }));
      refuseOptionsOfLaterSeries(root, "base.json", { options: { import_file_timeout: 5 }, secretOptions: undefined });
    };
    check("19.0");
    assert.throws(() => check("18.0"), /SETTINGS_INVALID: Odoo 18\.0 does not know[\s\S]*import_file_timeout/);
  });
});
