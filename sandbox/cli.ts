import { ShipError } from "../components/shared/errors";
import { exportLines, sandboxVariables } from "./environment";
import { orderFault } from "./faults";
import { onCluster } from "./kubernetes/shell";
import { runSteps, timesTable } from "./progress";
import { reset, takeDown } from "./removal";
import { readServers } from "./servers-control";
import { runSession } from "./session";
import { stackOutputs } from "./stack";
import { describe, logs } from "./status";
import { hostSteps, prepareImages, prepareTools } from "./steps";
import { once, type Progress } from "./tools/cache";
import { ensureGateTools } from "./tools/gate-tools";
import { ensureRegistryBinary } from "./tools/registry-binary";
import { onMachine } from "./vps/shell";

interface Command {
  readonly help: string;
  /** Whether it changes what runs, so that two may not do it at once. */
  readonly exclusive: boolean;
  run(args: readonly string[]): Promise<void>;
}

const say = (line: string): void => console.log(line);

const commands: Readonly<Record<string, Command>> = {
  up: {
    help: "start everything around the program: Docker engine, API, registry, Pulumi engine, plugins, base images",
    exclusive: true,
    run: async () => say(timesTable(await runSteps(hostSteps(), say))),
  },
  status: { help: "what runs, and what is a stand-in", exclusive: false, run: async () => say(await describe()) },
  logs: { help: "the last lines of every log", exclusive: false, run: async () => say(logs()) },
  ssh: {
    help: "a command as root on the VPS, or a shell: ssh [--droplet ID] [command]",
    exclusive: false,
    run: async (args) => void (process.exitCode = await onMachine(args)),
  },
  kubectl: {
    help: "kubectl as the cluster's administrator: kubectl [--cluster ID] get pods -A",
    exclusive: false,
    run: async (args) => void (process.exitCode = await onCluster(args)),
  },
  down: {
    help: "stop and remove all that runs; state, the disks of VPS and cluster, images and tools stay",
    exclusive: true,
    run: () => takeDown(say),
  },
  reset: {
    help: "down, then remove .sandbox/ with the stack's state, and the disks of VPS and cluster",
    exclusive: true,
    run: () => reset(say),
  },
  env: {
    help: 'export lines for a shell: eval "$(npm run -s sandbox -- env)"',
    exclusive: false,
    run: async () => say(exportLines(sandboxVariables())),
  },
  output: {
    help: "the stack's outputs; --json",
    exclusive: false,
    run: async (args) => {
      const outputs = await stackOutputs({ servers: readServers() });
      if (args.includes("--json")) say(JSON.stringify(outputs, undefined, 2));
      else
        for (const [name, value] of Object.entries(outputs))
          say(`${name}  ${typeof value === "string" ? value : JSON.stringify(value)}`);
    },
  },
  fault: {
    help: "make the API or the registry misbehave: fault <what> [--times N] [--path REGEX] [--seconds N]; fault clear",
    exclusive: false,
    run: async (args) => say(await orderFault(args)),
  },
  tools: {
    help: "only the Pulumi engine, language host, plugins and registry program (what `npm test` needs; no Docker); --gates: those of the gates, too",
    exclusive: false,
    run: async (args) => {
      const steps = [
        { title: "Registry program", work: 1, run: async (say: Progress) => void (await ensureRegistryBinary(say)) },
        { title: "Pulumi engine and plugins", work: 240, run: prepareTools },
        ...(args.includes("--gates") ? [{ title: "Tools of the gates", work: 900, run: ensureGateTools }] : []),
      ];
      await runSteps(steps, (line) => console.error(line));
    },
  },
  images: { help: "only the base images (after `up`)", exclusive: true, run: () => prepareImages(once(say)) },
};

const [name = "help", ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command !== undefined) {
  runSession(command.exclusive, () => command.run(args));
} else if (["help", "--help", "-h"].includes(name)) {
  say(
    Object.entries(commands)
      .map(([key, { help }]) => `npm run sandbox -- ${key.padEnd(8)} ${help}`)
      .join("\n"),
  );
} else {
  runSession(false, () =>
    Promise.reject(
      new ShipError({
        code: "SETTINGS_INVALID",
        summary: "the sandbox does not know this command",
        found: name,
        expected: Object.keys(commands).join(", "),
        remedy: "npm run sandbox -- help",
      }),
    ),
  );
}
