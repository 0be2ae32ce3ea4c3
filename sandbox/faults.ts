import { ShipError } from "../components/shared/errors";
import { readServers } from "./servers-control";
import { faultKinds, faultSchema } from "./support/faults";

const usage = "fault <what> [--times N] [--path REGEX] [--seconds N], or fault clear";

/**
 * Makes the running API or registry misbehave, or well again.
 * @param args the command line after `fault`
 * @throws ShipError SETTINGS_INVALID, SANDBOX_FAILURE.
 */
export async function orderFault(args: readonly string[]): Promise<string> {
  const order = args[0] === "clear" && args.length === 1 ? undefined : parseFault(args);
  const servers = readServers();
  if (servers === undefined) throw failure("the sandbox's servers do not run", "npm run sandbox -- up");
  const answer = await fetch(`${servers.apiUrl}/_sandbox/faults`, {
    method: order === undefined ? "DELETE" : "POST",
    headers: { authorization: `Bearer ${servers.token}`, "content-type": "application/json" },
    ...(order === undefined ? {} : { body: JSON.stringify(order) }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw failure(`HTTP ${answer.status}: ${await answer.text()}`, `use: ${usage}`);
  return order === undefined ? "All faults cleared." : `Ordered: ${JSON.stringify(order)}`;
}

/** The order that the command line means. */
export function parseFault(args: readonly string[]): Record<string, unknown> {
  const [what, ...rest] = args;
  const order: Record<string, unknown> = { what };
  for (let index = 0; index < rest.length; index += 2) {
    const name = rest[index]?.replace(/^--/, "") ?? "";
    const value = rest[index + 1];
    order[name] = name === "path" ? value : Number(value);
  }
  const parsed = faultSchema.safeParse(order);
  if (parsed.success) return parsed.data;
  throw new ShipError({
    code: "SETTINGS_INVALID",
    summary: "this fault cannot be ordered",
    found: `fault ${args.join(" ")}: ${parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`).join("; ")}`,
    expected: `${usage}; what is one of ${faultKinds.join(", ")}`,
    remedy: "correct the command line",
  });
}

function failure(found: string, remedy: string): ShipError {
  return new ShipError({
    code: "SANDBOX_FAILURE",
    summary: "the fault was not ordered",
    found,
    expected: "running servers",
    remedy,
  });
}
