import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

const folder = path.join(__dirname, "..", "golden");

/** Compares text with a file below test/golden; with UPDATE_GOLDEN=1 it writes the file. */
export function assertGolden(file: string, text: string): void {
  const target = path.join(folder, file);
  if (process.env["UPDATE_GOLDEN"] === "1") {
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
  }
  assert.equal(
    text,
    fs.readFileSync(target, "utf8"),
    `${file} has changed; if that is meant: UPDATE_GOLDEN=1 npx mocha <this file>`,
  );
}
