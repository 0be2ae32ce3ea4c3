import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import type { GateReport } from "../../../gates/report/schema";
import type { TestStack } from "../../../sandbox/test/helpers/test-stack";
import { buildingStack, trialRegistry } from "../../support/building-stack";
import { runningSandbox } from "../../support/running-sandbox";
import type { RegistryClient } from "../../../components/registry/client";

/** What is wrong with a tree or a stack, the code that the update ends in, and the gate that says so. */
interface Planted {
  readonly what: string;
  readonly code: string;
  readonly gate: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, unknown>>;
}

const planted: readonly Planted[] = [
  {
    what: "a module that imports what is not there",
    code: "IMPORT_ERROR",
    gate: "image",
    files: { "addons/trial/__init__.py": "import nowhere_to_be_found\n" },
  },
  {
    what: "an image above its limit",
    code: "IMAGE_SIZE_EXCEEDED",
    gate: "image",
    config: { "gates:imageMegabytes": 1000 },
  },
];

describe("the gates of a release", () => {
  let stack: TestStack;
  let registry: RegistryClient;
  let served: string;

  before(async () => {
    const servers = await runningSandbox();
    registry = trialRegistry(servers);
    stack = await buildingStack(servers, { "image:modules": ["trial"], "gates:sbom": "required" });
    const { status, output } = await stack.up();
    assert.equal(status, 0, output);
    served = (await registry.digestOf("latest")) ?? "";
    assert.equal((await stack.outputs())["imageDigest"], served);
  });
  after(() => stack.remove());

  it("are not run again while nothing has changed", async () => {
    const { status, output } = await stack.up("--expect-no-changes");
    assert.equal(status, 0, output);
  });

  it("say what they did not check; with Syft on this machine, that is not the list of packages", () => {
    const text = fs.readFileSync(path.join(stack.project, ".build", "report", "report.json"), "utf8");
    const { outcome, gates, notChecked } = JSON.parse(text) as GateReport;
    assert.equal(outcome, "incomplete");
    assert.ok(
      notChecked.some((line) => line.includes("gates:scan is off")),
      notChecked.join("\n"),
    );
    const list = gates.find(({ gate }) => gate === "sbom");
    if (list?.outcome === "passed") assert.equal(list.facts["modules"], 1);
    else assert.match(list?.notChecked.join() ?? "", /no syft|syft, version/);
  });

  for (const { what, code, gate, files = {}, config = {} } of planted) {
    it(`stop ${what} with ${code}, and no tag moves`, async () => {
      const usual = { ...stack.config };
      for (const [file, text] of Object.entries(files)) stack.write(file, text);
      stack.write("addons/trial/data.txt", what);
      stack.commit(what);
      Object.assign(stack.config, config);
      const { status, output } = await stack.up();
      stack.config = usual;
      for (const file of Object.keys(files)) stack.write(file, "");
      assert.notEqual(status, 0, output);
      assert.match(output, new RegExp(`gates-${gate}\\b[^]*error:[^]*${code}: `), output.slice(-3000));
      // The first finding is the one that ended it.
      assert.equal(/^\s*([A-Z]+_[A-Z_]+): /m.exec(output.slice(output.indexOf("error:")))?.[1] ?? code, code);
      assert.doesNotMatch(output, /release-tags|served-tags/);
      assert.equal(await registry.digestOf("latest"), served);
    });
  }

  it("are not run twice for what passed them before the engine was killed", async () => {
    stack.write("addons/trial/__init__.py", `killed = "${process.pid}"\n`);
    stack.commit("killed");
    await stack.endedUpdate(/gates-image (created|replaced|updated)/, "SIGKILL");
    const { status, output } = await stack.recover();
    assert.equal(status, 0, output);
    assert.doesNotMatch(output, /gates-preflight (creat|replac|updat)/);
    assert.notEqual(await registry.digestOf("latest"), served);
  });
});
