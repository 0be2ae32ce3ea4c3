/**
 * `npm run promote -- --from staging --to prod [--to-digest sha256:…] [--yes]`: production takes what staging runs, or
 * a digest that staging has run. docs/promote.md has the whole of it.
 */
import "../components/shared/compile-cache";
import { ShipError } from "../components/shared/errors";
import { agreed } from "./agreement";
import { misused, readValues, stackName } from "./arguments";
import { promote } from "./promotion";
import { PulumiStack } from "./stack";

const usage = {
  usage: "npm run promote -- --from <stack> --to <stack> [--to-digest sha256:…|sha-…] [--yes]",
  options: {
    from: { type: "string" },
    to: { type: "string" },
    "to-digest": { type: "string" },
    yes: { type: "boolean" },
  },
  page: "docs/promote.md",
} as const;

async function main(args: readonly string[]): Promise<void> {
  const values = readValues(usage, args);
  const from = stackName(usage, "--from", values["from"]);
  const to = stackName(usage, "--to", values["to"]);
  if (from === to) throw misused(usage.usage, `--from and --to ${to}`, usage.page);
  const digest = values["to-digest"];
  const root = process.cwd();
  const stacks = { from: new PulumiStack(from, root), to: new PulumiStack(to, root) };
  const order = { digest: digest === undefined ? undefined : String(digest), usage: usage.usage };
  process.exitCode = await promote(root, stacks, order, {
    say: (text) => console.log(text),
    agrees: async () => values["yes"] === true || (await agreed("Promote?", "PROMOTION_REFUSED")),
  });
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof ShipError ? error.message : error);
  process.exitCode = 1;
});
