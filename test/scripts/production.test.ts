import assert from "node:assert/strict";

import { fileOf } from "../../releases/stack-name";
import { commandOf, summaryOf } from "../../scripts/production";

const digest = `sha256:${"a".repeat(64)}`;

describe("What is started by hand at GitHub", () => {
  it("promotes what staging runs, or the digest that was typed", () => {
    const args = ["releases/promote.ts", "--from=staging", "--to=prod", "--yes"];
    assert.deepEqual(commandOf("promote", {}), { stack: "prod", args });
    const named = { PULUMI_STACK: "team/staging", PRODUCTION_STACK: "team/live", PROMOTE_DIGEST: ` ${digest} ` };
    assert.deepEqual(commandOf("promote", named), {
      stack: "team/live",
      args: ["releases/promote.ts", "--from=team/staging", "--to=team/live", `--to-digest=${digest}`, "--yes"],
    });
  });

  it("rolls back the stack that was chosen, in the way that was chosen", () => {
    const form = { ROLLBACK_STACK: "production", ROLLBACK_TO: "20261121t120000z", ROLLBACK_WAY: "with-data" };
    assert.deepEqual(commandOf("rollback", form), {
      stack: "prod",
      args: ["releases/rollback.ts", "--stack=prod", "--to=20261121t120000z", "--with-data", "--yes"],
    });
    const same = { ...form, ROLLBACK_STACK: "staging", ROLLBACK_TO: digest, ROLLBACK_WAY: "same data, if they fit" };
    assert.deepEqual(commandOf("rollback", same), {
      stack: "staging",
      args: ["releases/rollback.ts", "--stack=staging", `--to=${digest}`, "--yes"],
    });
  });

  it("is refused where a repeated run would go further back, and for what no form of ours has sent", () => {
    const form = { ROLLBACK_STACK: "production", ROLLBACK_TO: digest, ROLLBACK_WAY: "code-only" };
    for (const changes of [
      { ROLLBACK_TO: "previous" },
      { ROLLBACK_TO: "" },
      { ROLLBACK_STACK: "prod" },
      { ROLLBACK_STACK: "" },
      { ROLLBACK_WAY: "--yes" },
      { ROLLBACK_WAY: "toString" },
      { ROLLBACK_WAY: "" },
    ]) {
      assert.throws(() => commandOf("rollback", { ...form, ...changes }), /SETTINGS_INVALID/, JSON.stringify(changes));
    }
    assert.throws(() => commandOf("destroy", form), /SETTINGS_INVALID/);
  });

  it("leaves what was typed in one argument with its option", () => {
    const { args } = commandOf("promote", { PROMOTE_DIGEST: "--from=other; id" });
    assert.deepEqual(args.slice(3), ["--to-digest=--from=other; id", "--yes"]);
  });

  it("says what to commit, since its checkout goes with the runner", () => {
    const text = summaryOf({ stack: "team/prod", args: [] }, `config:\n  image:digest: ${digest}\n`);
    assert.match(
      text,
      new RegExp(`pulumi config set image:digest ${digest} --stack team/prod\ngit commit .* Pulumi.prod.yaml`),
    );
    assert.equal(fileOf("team/odoo/prod"), "Pulumi.prod.yaml");
  });
});
