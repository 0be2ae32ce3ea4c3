import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import type { TestStack } from "../../sandbox/test/helpers/test-stack";
import { triedBlocks } from "./markdown";

const page = fs.readFileSync(path.join(__dirname, "..", "..", "docs", "FINAL_DEPLOYMENT_RUNBOOK.md"), "utf8");
const sections = page.split(/^## /m);

/** Sections that are followed in test/e2e/operator/lost-target.test.ts, and not in runbook.test.ts beside it. */
const elsewhere = ["The cluster is dead", "The host is lost"];

/** The runbook, as somebody follows it: what is typed are the page's own blocks of commands, as they stand there. */
export class Runbook {
  readonly #blocks: Map<string, string>;
  readonly #typed = new Set<string>();

  /** @param heading the section that is followed; without one, all that are not followed elsewhere */
  constructor(heading?: string) {
    const followed = sections.filter((section) => {
      const name = section.slice(0, section.indexOf("\n"));
      return heading === undefined ? !elsewhere.includes(name) : name === heading && elsewhere.includes(name);
    });
    const text = followed.join("");
    this.#blocks = triedBlocks(text);
    assert.ok(this.#blocks.size > 0, `the page has no section "${heading ?? ""}" with a block that is tried`);
    assert.equal(this.#blocks.size, (text.match(/```sh tried:/g) ?? []).length, "two blocks have one name");
  }

  /** Types a block. Fails where one of its commands does. */
  async type(stack: TestStack, name: string, variables: Record<string, string> = {}): Promise<string> {
    const lines = this.#blocks.get(name);
    assert.ok(lines, `the page has no block "tried: ${name}"`);
    this.#typed.add(name);
    const { status, output } = await stack.typed(lines, variables);
    assert.equal(status, 0, `${lines}\n${output}`);
    return output;
  }

  /** Blocks that the page says are tried, and nobody has typed. */
  get left(): string[] {
    return [...this.#blocks.keys()].filter((name) => !this.#typed.has(name));
  }
}
