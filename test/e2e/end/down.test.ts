import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";

import { paths } from "../../../sandbox/config";
import { npm } from "../../support/npm";

describe("npm run sandbox -- down", () => {
  it("leaves no container, network, volume or process of ours but the disks of machines", async () => {
    const { status, output } = await npm(["run", "sandbox", "--", "down"]);
    assert.equal(status, 0, output);
    const processes = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
    assert.ok(
      processes.some((line) => line.startsWith("ps ")),
      "the search finds what is there",
    );
    assert.deepEqual(
      processes.filter((line) => line.includes(paths.state)),
      [],
    );
    // An engine that the sandbox started is gone with all in it; one that was there before must hold nothing of ours.
    if (spawnSync("docker", ["info"], { stdio: "ignore" }).status === 0) {
      for (const list of [
        ["ps", "-aq"],
        ["network", "ls", "-q"],
        ["volume", "ls", "-q"],
      ]) {
        assert.equal(execFileSync("docker", [...list, "--filter", "label=odoo.sandbox=1"], { encoding: "utf8" }), "");
        // Disks have a label of their own, and nothing else may.
        if (list[0] === "volume") continue;
        assert.equal(
          execFileSync("docker", [...list, "--filter", "label=odoo.sandbox.data"], { encoding: "utf8" }),
          "",
        );
      }
    }
  });

  it("may be said twice", async () => {
    const { status, output } = await npm(["run", "sandbox", "--", "down"]);
    assert.equal(status, 0, output);
  });
});
