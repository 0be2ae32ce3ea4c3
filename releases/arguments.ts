import { parseArgs, type ParseArgsConfig } from "node:util";

import { ShipError } from "../components/shared/errors";

type Options = NonNullable<ParseArgsConfig["options"]>;

/** How a command is called, for messages. */
export interface Usage {
  /** `npm run releases -- …` */
  readonly usage: string;
  readonly options: Options;
  /** Page with examples. @default docs/rollback.md */
  readonly page?: string;
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

/** What was given for these options, each of its own type. */
type Given<O extends Options> = ReturnType<typeof parseArgs<{ options: O; strict: true }>>["values"];

/**
 * Reads the arguments of a command for one stack.
 * @throws ShipError SETTINGS_INVALID for an unknown argument, one without its value, or no stack
 */
export function readArguments(
  usage: Usage,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): { readonly stack: string; readonly values: Values } {
  const values = readValues(
    { ...usage, options: { stack: { type: "string" }, ...usage.options } as Options },
    args,
  ) as Values;
  return { stack: stackIn(usage, values, environment), values };
}

/**
 * Reads the arguments of a command.
 * @throws ShipError SETTINGS_INVALID for an unknown argument, or one without its value
 */
export function readValues<O extends Options>(
  { usage, options, page }: Usage & { readonly options: O },
  args: readonly string[],
): Given<O> {
  try {
    return parseArgs({ args: [...args], options, strict: true as const }).values as Given<O>;
  } catch (error) {
    throw misused(usage, error instanceof Error ? error.message : String(error), page);
  }
}

/**
 * The stack of `--stack`, or else of the variable PULUMI_STACK, as Pulumi has it.
 * @throws ShipError SETTINGS_INVALID
 */
export function stackIn(usage: Usage, values: Values, environment: NodeJS.ProcessEnv = process.env): string {
  return stackName(usage, "--stack", values["stack"] ?? environment["PULUMI_STACK"]);
}

/**
 * Checks the name of a stack, which goes to Pulumi as an argument.
 * @throws ShipError SETTINGS_INVALID
 */
export function stackName({ usage, page }: Usage, option: string, value: string | boolean | undefined): string {
  if (typeof value === "string" && /^[A-Za-z0-9_][A-Za-z0-9_./-]*$/.test(value)) return value;
  throw misused(usage, value === undefined || value === "" ? `no ${option}` : `${option} ${String(value)}`, page);
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
