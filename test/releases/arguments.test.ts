import assert from "node:assert/strict";

import { readArguments, readValues, stackName } from "../../releases/arguments";

describe("the arguments of releases and rollback", () => {
  const usage = { usage: "npm run x -- --stack <name>", options: { yes: { type: "boolean" } } } as const;

  it("are the stack, or Pulumi's variable for it, and what the command knows", () => {
    assert.deepEqual(
      { ...readArguments(usage, ["--stack", "prod", "--yes"], {}).values },
      { stack: "prod", yes: true },
    );
    assert.equal(readArguments(usage, [], { PULUMI_STACK: "team/odoo/prod" }).stack, "team/odoo/prod");
  });

  it("of a command for two stacks name each by an option of its own", () => {
    const two = { usage: "npm run y", options: { from: { type: "string" }, to: { type: "string" } } } as const;
    assert.deepEqual(
      { ...readValues(two, ["--from=staging", "--to", "team/prod"]) },
      { from: "staging", to: "team/prod" },
    );
    assert.throws(() => readValues(two, ["--stack", "prod"]), /SETTINGS_INVALID[^]*npm run y/);
    assert.equal(stackName(two, "--to", "team/prod"), "team/prod");
    for (const bad of [undefined, "", true, "-x", "a b"]) {
      assert.throws(() => stackName(two, "--to", bad), /SETTINGS_INVALID[^]*(no )?--to/);
    }
  });

  it("are refused with the usage if they are unknown, or would be an option of Pulumi's", () => {
    for (const args of [
      [],
      ["--stack", "--yes"],
      ["--stack=-x"],
      ["--stack", "prod", "--force"],
      ["--stack", "a b"],
      ["prod"],
    ]) {
      assert.throws(
        () => readArguments(usage, args, {}),
        /SETTINGS_INVALID[^]*npm run x -- --stack <name>/,
        args.join(" "),
      );
    }
  });
});
