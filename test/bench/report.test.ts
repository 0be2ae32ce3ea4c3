import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { interleave, median } from "../../bench/measure";
import { type Report, table, writeReport } from "../../bench/report";

const root = path.join(__dirname, "..", "..");

describe("The benchmarks' report", () => {
  const report = (name: string, text: string): Report => ({ name, text, facts: ["a fact"], rows: [] });

  it("gives medians, the range of what was repeated, and the ratio of the medians", () => {
    const text = table([
      { title: "size", unit: "bytes", ours: [1_500_000_000], yardstick: [3_000_000_000] },
      { title: "build", unit: "seconds", ours: [30, 10, 20], yardstick: [4, 4, 4] },
    ]);
    const cells = text.split("\n").map((line) =>
      line
        .split("|")
        .map((cell) => cell.trim())
        .filter((cell) => cell !== ""),
    );
    assert.deepEqual(cells[2], ["size", "1,500 MB", "3,000 MB", "0.50"]);
    assert.deepEqual(cells[3], ["build", "20.0 s (10.0 s to 30.0 s)", "4.00 s (4.00 s to 4.00 s)", "5.00"]);
  });

  it("takes the mean of the two middle figures of an even number", () => {
    assert.equal(median([9, 1, 3, 5]), 4);
    assert.equal(median([7]), 7);
  });

  it("replaces the part of its own benchmark and keeps the others", () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), "bench-report-"));
    try {
      const file = path.join(directory, "benchmarks.md");
      for (const [name, text] of [
        ["image", "first"],
        ["other", "kept"],
        ["image", "second"],
      ] as const)
        writeReport(file, report(name, text));
      const written = fs.readFileSync(file, "utf8");
      assert.deepEqual(written.match(/^(#.*|first|kept|second)$/gm), [
        "# Benchmarks",
        "## `npm run bench -- image`",
        "second",
        "## `npm run bench -- other`",
        "kept",
      ]);
      writeReport(file, report("image", "second"));
      assert.equal(fs.readFileSync(file, "utf8"), written);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  it("measures the two sides in turn, each first every other time", async () => {
    const order: string[] = [];
    const side = (name: string) => (round: number) => Promise.resolve(order.push(`${name}${round}`));
    const pair = await interleave(3, side("a"), side("b"));
    assert.deepEqual(order, ["a0", "b0", "b1", "a1", "a2", "b2"]);
    assert.deepEqual(pair, { ours: [1, 4, 5], yardstick: [2, 3, 6] });
  });

  it("names the benchmarks for a name that it does not know, with exit status 2", () => {
    const { status, stderr } = spawnSync(process.execPath, ["--import", "tsx", "bench/main.ts", "imgae"], {
      cwd: root,
      encoding: "utf8",
      timeout: 300_000,
    });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /"imgae"[^]*npm run bench -- image/);
  });
});
