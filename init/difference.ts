import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { ask } from "../components/shared/ask";
import { ShipError } from "../components/shared/errors";
import type { PlannedFile } from "./plan";

const limitMs = 60_000;

/**
 * Shows what changes, as Git shows it; empty if nothing does.
 * @throws ShipError TOOL_MISSING without Git
 */
export async function difference(planned: readonly PlannedFile[]): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "init-"));
  try {
    for (const { before, text } of planned) {
      write(path.join(folder, "before", before.name), before.text);
      write(path.join(folder, "after", before.name), text);
    }
    const options = ["--no-index", "--no-color", "--no-ext-diff", "--no-textconv", "--no-prefix", "--unified=1"];
    const { status, stdout, stderr, problem } = await ask(
      "git",
      ["diff", ...options, "before", "after"],
      folder,
      limitMs,
    );
    if (status !== 0 && status !== 1) {
      throw new ShipError({
        code: "TOOL_MISSING",
        summary: "what would change cannot be shown; nothing was written",
        found: `git diff: ${(problem ?? stderr.trim()) || `status ${String(status)}`}`,
        expected: "Git 2 or newer",
        remedy: "install Git, and run the same command again",
      });
    }
    return stdout;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Files of these with changes that nobody has committed; none outside Git. */
export async function uncommitted(root: string, names: readonly string[]): Promise<string[]> {
  const { status, stdout } = await ask("git", ["diff", "--name-only", "HEAD", "--", ...names], root, limitMs);
  return status === 0 ? stdout.split("\n").filter((name) => name !== "") : [];
}

function write(file: string, text: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text, { mode: 0o600 });
}
