import { parseArgs, type ParseArgsConfig } from "node:util";

import { ShipError } from "../components/shared/errors";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** How a command is called, for messages. */
export interface Usage {
  /** `npm run releases -- …` */
  readonly usage: string;
  readonly options: Options;
  /** Option with which no stack is needed. */
  readonly withoutStack?: string;
  /** Page with examples. @default docs/rollback.md */
  readonly page?: string;
}

/**
 * Reads the arguments of a command. `--stack` is the variable PULUMI_STACK if it is not given, as Pulumi has it.
 * @throws ShipError SETTINGS_INVALID for an unknown argument, one without its value, or no stack
 */
export function readArguments(
  { usage, options, withoutStack, page }: Usage,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): { readonly stack: string; readonly values: Readonly<Record<string, string | boolean | undefined>> } {
  let values: Record<string, string | boolean | undefined>;
  try {
    const known: Options = { stack: { type: "string" }, ...options };
    values = parseArgs({ args: [...args], options: known, strict: true }).values as typeof values;
  } catch (error) {
    throw misused(usage, error instanceof Error ? error.message : String(error), page);
  }
  if (withoutStack !== undefined && values[withoutStack] === true) return { stack: "", values };
  const stack = values["stack"] ?? environment["PULUMI_STACK"] ?? "";
  if (typeof stack !== "string" || !/^[A-Za-z0-9_][A-Za-z0-9_./-]*$/.test(stack)) {
    throw misused(usage, stack === "" ? "no --stack" : `--stack ${String(stack)}`, page);
  }
  return { stack, values };
}

/** Error about a command that was called wrongly. */
export function misused(usage: string, found: string, page = "docs/rollback.md"): ShipError {
  return new ShipError({
    code: "SETTINGS_INVALID",
    summary: "the command was called in a way that it does not know",
    found,
    expected: usage,
    remedy: `call it as above; ${page} has examples`,
  });
}
