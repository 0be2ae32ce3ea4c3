import { ShipError } from "../../components/shared/errors";
import { inTerminal } from "../containers/terminal";
import { listMachines } from "./machine";

/**
 * Runs a command as root on a machine (the first one, or `--droplet ID`), with this terminal; without a command, a shell.
 * @returns its exit code.
 * @throws ShipError SANDBOX_FAILURE when there is no such machine, or it is off.
 */
export async function onMachine(args: readonly string[]): Promise<number> {
  const { droplet, command } = parse(args);
  const machines = await listMachines();
  const machine = machines.find(({ id }) => droplet === undefined || id === droplet);
  if (machine?.state !== "running") {
    throw new ShipError({
      code: "SANDBOX_FAILURE",
      summary: "there is no VPS to run this on",
      found:
        machines.length === 0 ? "no machine" : machines.map(({ id, state }) => `droplet ${id}: ${state}`).join(", "),
      expected: droplet === undefined ? "a machine that runs" : `the machine of droplet ${droplet}, running`,
      remedy: "npm start makes it, and starts it again",
    });
  }
  return inTerminal(machine.container, command === "" ? ["bash", "-l"] : ["bash", "-lc", command]);
}

/** As ssh does it, the words of the command are one line for the shell there. */
export function parse(args: readonly string[]): { readonly droplet: number | undefined; readonly command: string } {
  if (args[0] !== "--droplet") return { droplet: undefined, command: line(args) };
  const droplet = Number(args[1]);
  if (!Number.isInteger(droplet)) {
    throw new ShipError({
      code: "SETTINGS_INVALID",
      summary: "--droplet wants the number of a droplet",
      found: args[1] ?? "nothing",
      expected: "an id, as `npm run sandbox -- status` shows it",
      remedy: "npm run sandbox -- ssh [--droplet ID] [command]",
    });
  }
  return { droplet, command: line(args.slice(2)) };
}

function line(words: readonly string[]): string {
  return words.slice(words[0] === "--" ? 1 : 0).join(" ");
}
