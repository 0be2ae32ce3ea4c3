import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { planRelease } from "../../../components/release/plan";
import { readSettings } from "../../../settings";
import { compliant } from "../../fixtures/addons/module";
import { Programs } from "../../support/programs";

const images = path.resolve(__dirname, "..", "..", "..", "images");

/** What refuses a build by reading alone. What a registry answers, test/components/registry shows. */
describe("the plan of a release", () => {
  let root: string;
  let programs: Programs;
  const asked: string[] = [];
  const fetched = globalThis.fetch;
  const variable = process.env["DOCKER_DEFAULT_PLATFORM"];

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "release-plan-"));
    fs.cpSync(images, path.join(root, "images"), { recursive: true });
    for (const [name, content] of Object.entries(compliant)) {
      const file = path.join(root, "addons", "own", name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, content);
    }
    programs = new Programs();
    engine("linux/amd64");
    delete process.env["DOCKER_DEFAULT_PLATFORM"];
    asked.length = 0;
    globalThis.fetch = (input, init) => {
      asked.push(init?.method ?? "GET");
      return Promise.resolve(new Response(null, { status: input instanceof Request ? 500 : 404 }));
    };
  });
  afterEach(() => {
    globalThis.fetch = fetched;
    if (variable !== undefined) process.env["DOCKER_DEFAULT_PLATFORM"] = variable;
    else delete process.env["DOCKER_DEFAULT_PLATFORM"];
    programs.remove();
    fs.rmSync(root, { recursive: true });
  });

  /** A Docker that has the base image, with two modules. */
  function engine(platform: string): void {
    programs.recorded("docker", `[ "$1" = version ] && echo ${platform} || printf 'base\\nsale\\n'`);
  }

  function plan() {
    const config = {
      "odoo:environment": "staging",
      "registry:kind": "generic",
      "registry:host": "registry.example.com",
      "registry:repository": "team/odoo",
      "registry:username": "u",
      "registry:pullUsername": "reader",
    };
    const environment = { REGISTRY_PASSWORD: "p", REGISTRY_PULL_PASSWORD: "r" };
    return planRelease(root, readSettings({ config, secretKeys: new Set(), environment }), true);
  }

  it("builds where nothing names another platform", async () => {
    const { build, digest } = await plan();
    assert.deepEqual([build?.platform, digest], ["linux/amd64", undefined]);
  });

  it("refuses Docker's variable and a stage of another platform before it asks Docker or the registry anything", async () => {
    process.env["DOCKER_DEFAULT_PLATFORM"] = "linux/arm64";
    const dockerfile = path.join(root, "images", "odoo", "Dockerfile");
    const text = fs.readFileSync(dockerfile, "utf8");
    fs.writeFileSync(
      dockerfile,
      text.replace("FROM trusting AS builder", "FROM --platform=linux/arm64 trusting AS builder"),
    );
    await assert.rejects(
      plan(),
      /PLATFORM_UNSUPPORTED[^]*DOCKER_DEFAULT_PLATFORM=linux\/arm64\n[^]*images\/odoo\/Dockerfile:\d+: FROM --platform/,
    );
    assert.deepEqual([programs.calls("docker"), asked], [[], []]);
  });

  it("refuses an engine of another platform before anything is written to the registry", async () => {
    engine("linux/arm64");
    await assert.rejects(plan(), /PLATFORM_UNSUPPORTED[^]*a Docker engine of linux\/arm64/);
    assert.ok(asked.length > 0 && asked.every((method) => method === "HEAD"), asked.join());
  });
});
