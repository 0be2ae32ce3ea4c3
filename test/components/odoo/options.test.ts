import assert from "node:assert/strict";

import { optionProblems, type Options, optionsText, optionsOfLaterSeries } from "../../../components/odoo/options";
import { Secret } from "../../../components/shared/secret";

function problems(options: Options, secret: Options = {}): string[] {
  return optionProblems({ options, secretOptions: new Secret(optionsText(secret)) });
}

describe("options of Odoo", () => {
  it("are taken with the kind of value that Odoo reads", () => {
    const options = {
      limit_time_real: 600,
      log_level: "warn",
      smtp_ssl: true,
      transient_age_limit: 0.5,
      unaccent: "True",
    };
    assert.deepEqual(problems(options, { smtp_password: "planted" }), []);
    assert.deepEqual(problems({ "queue_job.channels": "root:4" }), [], "an addon's own section");
    for (const [name, value] of [
      ["limit_time_real", "600s"],
      ["limit_time_real", 1.5],
      ["smtp_ssl", "on"],
      ["transient_age_limit", "half"],
      ["log_level", ""],
      ["log_level", "warn\ndb_host = elsewhere"],
      ["queue_job.channels", " root:4"],
    ] as const) {
      const [problem = ""] = problems({ [name]: value });
      assert.match(problem, new RegExp(`^odoo:options: ${name}: is not (a|true)`), `${name} ${value}`);
    }
  });

  it("are refused where the product decides, with the setting to use instead", () => {
    for (const [name, instead] of [
      ["workers", /vps:workers or doks:workers/],
      ["limit_memory_hard", /vps:odooMemoryMiB or doks:odooMemoryMiB/],
      ["db_host", /cannot be set/],
      ["db_name", /odoo:database/],
      ["http_port", /cannot be set/],
      ["addons_path", /image:addons/],
      ["without_demo", /odoo:demoData/],
      ["list_db", /stays off/],
      ["dev_mode", /docker compose up/],
      ["test_enable", /test stage/],
      ["limit_times_real", /is no option of Odoo/],
      ["options.data_dir", /is written without its section/],
      ["default.data_dir", /is written without its section/],
    ] as const) {
      assert.match(problems({ [name]: "1" })[0] ?? "", instead, name);
      assert.match(problems({}, { [name]: "1" })[0] ?? "", instead, `${name}, as a secret`);
    }
  });

  it("are told apart: a secret one is not shown, and nothing is set twice", () => {
    const [problem = ""] = problems({ smtp_password: "planted-4711" });
    assert.match(problem, /odoo:options: smtp_password: is a secret; set it with: pulumi config set --secret --path/);
    assert.ok(!problem.includes("planted-4711"));
    assert.match(problems({ "queue_job.http_auth_password": "x" })[0] ?? "", /is a secret/);
    assert.match(problems({ smtp_user: "a" }, { smtp_user: "b" })[0] ?? "", /is in odoo:options, too/);
  });

  it("are the same text in any order, as Odoo writes values", () => {
    assert.equal(optionsText({ b: true, a: 1, c: "false" }), '{"a":"1","b":"True","c":"False"}');
    assert.equal(optionsText({ c: "false", a: "1", b: "True" }), '{"a":"1","b":"True","c":"False"}');
  });

  it("are told where the series does not have them yet", () => {
    const stack = { options: { import_file_timeout: 5, limit_time_real: 600 }, secretOptions: undefined };
    assert.deepEqual(optionsOfLaterSeries(stack, "18.0"), ["import_file_timeout, of Odoo 19.0"]);
    assert.deepEqual(optionsOfLaterSeries(stack, "19.0"), []);
  });
});
