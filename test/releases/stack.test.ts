import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { PulumiStack } from "../../releases/stack";

describe("An update by a command of ours", () => {
  const variables = { ...process.env };
  let home: string;
  beforeEach(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), "stack-"));
    fs.writeFileSync(path.join(home, "pulumi"), `#!/bin/sh\necho "$*" >> ${home}/calls\nexit 3\n`, { mode: 0o755 });
    process.env["PATH"] = `${home}:/usr/bin:/bin`;
    delete process.env["POLICY_PACK"];
  });
  afterEach(() => {
    process.env = { ...variables };
    fs.rmSync(home, { recursive: true, force: true });
  });
  const update = async (environment: "sandbox" | "staging" | "production") => {
    assert.equal(await new PulumiStack("prod", home).up(environment), 3, "ends as Pulumi does");
    return fs.readFileSync(path.join(home, "calls"), "utf8");
  };

  for (const environment of ["staging", "production"] as const) {
    it(`keeps the rules in ${environment}, with a preview in which they refuse`, async () => {
      const call = await update(environment);
      assert.ok(call.includes(`--policy-pack ${path.join(home, "policy")}`), call);
      assert.ok(!call.includes("--skip-preview"), call);
    });
  }

  it("keeps none in a sandbox, and where POLICY_PACK is off, and has no preview then", async () => {
    assert.match(await update("sandbox"), /--skip-preview/);
    fs.rmSync(path.join(home, "calls"));
    process.env["POLICY_PACK"] = "off";
    const call = await update("production");
    assert.match(call, /--skip-preview/);
    assert.ok(!call.includes("--policy-pack"), call);
  });
});
