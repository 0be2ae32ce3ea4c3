import { createInterface } from "node:readline/promises";

import { type ErrorCode, ShipError } from "../components/shared/errors";

/**
 * Asks whoever sits at the terminal.
 * @param question such as `Roll back?`
 * @param code of the refusal where nobody can be asked
 * @throws ShipError with that code
 */
export async function agreed(question: string, code: ErrorCode): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new ShipError({
      code,
      summary: "nobody can be asked whether the plan is right; nothing was changed",
      found: "no terminal, and no --yes",
      expected: "a person's word, or --yes of a program that was told to",
      remedy: "read the plan above, then run the same command with --yes",
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question(`${question} Type yes: `)).trim() === "yes";
  } finally {
    terminal.close();
  }
}
