import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { events, type Step } from "./workflow";
import { equivalentOf } from "./workflow-actions";

const fork = events["a fork's pull request"];
const main = events["a push to main"];
const brought = { node: "/node", pulumi: undefined };
const step = (name: string, inputs: Step["inputs"] = {}): Step => ({ name, inputs, env: {}, always: false });

describe("What stands for actions/checkout", () => {
  let home: string;
  const git = (folder: string, ...words: string[]) =>
    execFileSync("git", ["-C", path.join(home, folder), ...words], { encoding: "utf8" }).trim();
  const commit = (message: string) =>
    git("repository", "-c", "user.name=t", "-c", "user.email=t@x", "commit", "-q", "--allow-empty", "-m", message);

  before(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), "checkout-"));
    fs.mkdirSync(path.join(home, "repository"));
    git("repository", "init", "-q", "-b", "main");
    for (const message of ["first", "second"]) commit(message);
    git("repository", "checkout", "-q", "--detach");
    commit("of the pull request");
    git("repository", "update-ref", "refs/pull/1/merge", "HEAD");
  });
  after(() => fs.rmSync(home, { recursive: true }));

  for (const [event, values, depth, head, commits, branches] of [
    ["a pull request", fork, "1", "of the pull request", "1", ["pull/1/merge"]],
    ["a pull request with its history", fork, "0", "of the pull request", "3", ["origin/main", "pull/1/merge"]],
    ["a push", main, "1", "second", "1", ["origin/main"]],
    ["a push with its history", main, "0", "second", "2", ["origin/main"]],
  ] as const) {
    it(`brings the commit of ${event}, and no more than is asked for`, () => {
      const folder = fs.mkdtempSync(path.join(home, "work-"));
      const { lines } = equivalentOf(step("actions/checkout", { "fetch-depth": depth }), values, brought);
      // The container has it at this path.
      execFileSync("bash", ["-ec", lines.replace("/repository", path.join(home, "repository"))], { cwd: folder });
      const work = path.basename(folder);
      assert.equal(git(work, "log", "-1", "--format=%s"), head);
      assert.equal(git(work, "rev-list", "--count", "HEAD"), commits);
      const known = git(work, "for-each-ref", "--format=%(refname)", "refs/remotes").split("\n");
      assert.deepEqual(
        known.map((name) => name.replace("refs/remotes/", "")),
        branches,
      );
    });
  }
});

describe("What stands for an action", () => {
  it("brings programs from its step on", () => {
    const node = equivalentOf(step("actions/setup-node", { "node-version": "22.1.0" }), main, brought);
    assert.deepEqual(node.programs, ["/node"]);
    const pulumi = { ...brought, pulumi: ["/engine", "/host"] };
    const { programs } = equivalentOf(step("pulumi/actions", { "pulumi-version": "3.1.0" }), main, pulumi);
    assert.deepEqual(programs, ["/engine", "/host"]);
  });

  it("is refused where it is not known, or with what it would do otherwise", () => {
    for (const [name, inputs] of [
      ["actions/cache", {}],
      ["actions/checkout", { ref: "other" }],
      ["actions/setup-node", {}],
      ["actions/setup-node", { "node-version": "22.1.0", cache: "npm" }],
      ["actions/upload-artifact", { name: "x" }],
      ["pulumi/actions", { "pulumi-version": "3.1.0" }],
    ] as const)
      assert.throws(() => equivalentOf(step(name, inputs), main, brought), /not known here|none was given/, name);
  });
});
