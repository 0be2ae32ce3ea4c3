import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { promisify } from "node:util";

const module = path.join(__dirname, "..", "support", "atomic-file.ts");

describe("a file that is replaced whole", () => {
  it("is written by processes at once, and nothing of either is left beside it", async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "atomic-file-"));
    try {
      const file = path.join(directory, "record");
      const script = `const { writeFileAtomically } = require(${JSON.stringify(module)});
        for (let turn = 0; turn < 100; turn++) writeFileAtomically(${JSON.stringify(file)}, String(turn));`;
      const write = () => promisify(execFile)(process.execPath, ["--import", "tsx", "--eval", script]);
      await Promise.all([write(), write(), write()]);
      assert.deepEqual(fs.readdirSync(directory), ["record"]);
      assert.equal(fs.readFileSync(file, "utf8"), "99");
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});
