import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { refuseForeignState } from "./running-sandbox";

/** What keeps a test of one checkout from setting up its sandbox in the state of another one. */
describe("the sandbox that end-to-end tests start", () => {
  let folder: string;
  let root: string;
  let other: string;
  beforeEach(() => {
    folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "checkouts-")));
    [root, other] = [path.join(folder, "own"), path.join(folder, "other")];
    for (const checkout of [root, other]) {
      fs.mkdirSync(path.join(checkout, "sandbox"), { recursive: true });
      fs.writeFileSync(path.join(checkout, "sandbox", "config.ts"), "");
    }
  });
  afterEach(() => fs.rmSync(folder, { recursive: true }));

  const check = (state: string) => () => refuseForeignState({ root, state });

  it("is that of its own checkout, or of a folder that no checkout has", () => {
    for (const state of [path.join(root, ".sandbox"), path.join(root, "deep", "state"), path.join(folder, "state")]) {
      assert.doesNotThrow(check(state));
    }
    // The checkout may be known by a link.
    fs.symlinkSync(root, path.join(folder, "link"));
    assert.doesNotThrow(() =>
      refuseForeignState({ root: path.join(folder, "link"), state: path.join(folder, "link", ".sandbox") }),
    );
  });

  it("is not begun in the state of another checkout, whether it is there yet, nested, or behind a link", () => {
    const refused = new RegExp(`the state of the checkout ${other}, .* expected: [^]*Run npm start there`);
    assert.throws(check(path.join(other, ".sandbox")), refused);
    fs.mkdirSync(path.join(other, ".sandbox", "a"), { recursive: true });
    assert.throws(check(path.join(other, ".sandbox", "a")), refused);
    fs.symlinkSync(path.join(other, ".sandbox"), path.join(root, ".sandbox"));
    assert.throws(check(path.join(root, ".sandbox")), refused);
  });
});
