/**
 * `npm run rollback -- --stack prod [--to previous] [--with-data | --code-only] [--yes]`: back to an earlier release,
 * as a release of its own. docs/rollback.md has the whole of it.
 */
import "../components/shared/compile-cache";
import { ShipError } from "../components/shared/errors";
import { agreed } from "./agreement";
import { misused, readArguments } from "./arguments";
import { rollBack } from "./carry-out";
import { PulumiStack } from "./stack";

const usage = {
  usage:
    "npm run rollback -- --stack <name> [--to previous|sha256:…|sha-…|<restore point>] [--with-data|--code-only] " +
    "[--yes]",
  options: {
    to: { type: "string" },
    "with-data": { type: "boolean" },
    "code-only": { type: "boolean" },
    yes: { type: "boolean" },
  },
} as const;

async function main(args: readonly string[]): Promise<void> {
  const { stack, values } = readArguments(usage, args);
  const { to = "previous", yes } = values;
  if (values["with-data"] === true && values["code-only"] === true) {
    throw misused(usage.usage, "--with-data and --code-only");
  }
  const way = values["with-data"] === true ? "with-data" : values["code-only"] === true ? "code-only" : undefined;
  const root = process.cwd();
  const order = { to: String(to), way, usage: usage.usage } as const;
  process.exitCode = await rollBack(root, new PulumiStack(stack, root), order, {
    say: (text) => console.log(text),
    agrees: async () => yes === true || (await agreed("Roll back?", "ROLLBACK_REFUSED")),
  });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof ShipError ? error.message : error);
  process.exitCode = 1;
});
