import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { preflight, type PreflightOrder } from "../../gates/preflight";
import type { GateTools } from "../../gates/gate";
import { onPath } from "../../gates/programs";
import { Programs } from "../support/programs";

describe("The gate before a build", () => {
  let programs: Programs;
  let tools: GateTools;
  const order: PreflightOrder = { contentHash: "0".repeat(64), dockerfiles: ["Dockerfile", "other"], freeBytes: 1 };

  beforeEach(() => {
    programs = new Programs();
    programs.add("docker", "exit 1");
    programs.recorded("hadolint", "echo '[]'");
    fs.writeFileSync(path.join(programs.folder, "Dockerfile"), "FROM scratch\n");
    tools = {
      root: programs.folder,
      say: () => undefined,
      find: (program) => Promise.resolve(onPath(program, programs.folder)),
      notChecked: (error) => {
        throw error;
      },
    };
  });
  afterEach(() => programs.remove());

  it("lints the Dockerfiles that are there", async () => {
    const { facts } = await preflight.run(order, tools);
    assert.deepEqual(programs.calls("hadolint"), ["--format json Dockerfile"]);
    assert.deepEqual(facts["dockerfiles"], ["Dockerfile"]);
    assert.equal(facts["hooks"], "none");
  });

  it("names every finding of hadolint", async () => {
    const findings = [
      { file: "Dockerfile", line: 3, code: "DL3006", message: "Always tag" },
      { file: "Dockerfile", line: 9, code: "DL3007", message: "Not latest" },
    ];
    programs.add("hadolint", `echo '${JSON.stringify(findings)}'; exit 1`);
    await assert.rejects(preflight.run(order, tools), /^ShipError: LINT_FAILURE: [^]*:3: DL3006 Always[^]*:9: DL3007/);
  });

  it("does not take a hadolint that broke for one without findings", async () => {
    programs.add("hadolint", "echo 'illegal option' >&2; exit 1");
    await assert.rejects(preflight.run(order, tools), /LINT_FAILURE[^]*illegal option/);
    programs.add("hadolint", "exit 0");
    await assert.rejects(preflight.run(order, tools), /LINT_FAILURE/);
  });

  it("runs the repository's hooks, and shows what they said", async () => {
    fs.writeFileSync(path.join(programs.folder, ".pre-commit-config.yaml"), "repos: []\n");
    programs.recorded("pre-commit", "exit 0");
    assert.equal((await preflight.run(order, tools)).facts["hooks"], "passed");
    assert.deepEqual(programs.calls("pre-commit"), ["run --all-files --color never"]);
    programs.add("pre-commit", "echo 'trailing whitespace: Failed'; exit 1");
    await assert.rejects(preflight.run(order, tools), /LINT_FAILURE[^]*trailing whitespace: Failed/);
  });

  it("refuses a disk with too little room, and says how much there is", async () => {
    await assert.rejects(
      preflight.run({ ...order, freeBytes: 1e18 }, tools),
      /DISK_SPACE_LOW[^]*GB free at [^]*1000000000\.0 GB/,
    );
  });

  it("has a note for each code that it raises", () => {
    assert.deepEqual(Object.keys(preflight.codes), ["DISK_SPACE_LOW", "LINT_FAILURE", "TOOL_MISSING"]);
  });
});
