import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { inTreeOf } from "../../preview/git";
import { smallRepository } from "../support/small-repository";

describe("the tree of another commit", () => {
  let home: string;
  let root: string;
  before(() => {
    home = fs.mkdtempSync(path.join(os.tmpdir(), "preview-git-"));
    root = path.join(home, "project");
    write("package-lock.json", "{}\n");
    write("page.txt", "before\n");
    git("init", "-q", "-b", "main");
    commit();
    write("page.txt", "after\n");
    write("later.txt", "new\n");
    commit();
    // As packages are: beside what Git knows.
    write("node_modules/tool/index.js", "module.exports = 1;\n");
    write("page.txt", "not committed\n");
  });
  after(() => fs.rmSync(home, { recursive: true, force: true }));

  const { git, write, commit } = smallRepository(() => root);
  const trees = () => git("worktree", "list", "--porcelain").match(/^worktree /gm)?.length;

  it("has that commit's files and this one's packages, under the same name, and is gone afterwards", async () => {
    let folder = "";
    const found = await inTreeOf(root, "HEAD~1", (handed) => {
      folder = handed;
      const read = (file: string) => fs.readFileSync(path.join(handed, file), "utf8");
      assert.equal(read("node_modules/tool/index.js"), "module.exports = 1;\n");
      assert.ok(!fs.existsSync(path.join(handed, "later.txt")));
      assert.equal(trees(), 2);
      return Promise.resolve(read("page.txt"));
    });
    assert.equal(found, "before\n");
    assert.equal(path.basename(folder), "project");
    assert.ok(!fs.existsSync(path.dirname(folder)));
    assert.equal(trees(), 1);
    // Not through the link to them.
    assert.ok(fs.existsSync(path.join(root, "node_modules", "tool", "index.js")));
    assert.equal(fs.readFileSync(path.join(root, "page.txt"), "utf8"), "not committed\n");
  });

  it("is gone after a failure, too", async () => {
    let folder = "";
    const failing = inTreeOf(root, "HEAD~1", (handed) => {
      folder = handed;
      return Promise.reject(new Error("no preview"));
    });
    await assert.rejects(failing, /no preview/);
    assert.ok(folder !== "" && !fs.existsSync(path.dirname(folder)));
    assert.equal(trees(), 1);
  });

  it("is refused where Git has no such commit, and leaves nothing", async () => {
    const never = () => Promise.reject(new Error("was asked"));
    await assert.rejects(inTreeOf(root, "0".repeat(40), never), /GIT_REFUSED: the tree to compare with/);
    assert.equal(trees(), 1);
  });
});
