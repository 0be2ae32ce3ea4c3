import * as fs from "node:fs";
import * as path from "node:path";
import { ProviderServer } from "./provider-server";
import { providers } from "./providers";

// Every half second is soon enough for a person, and costs nothing.
const parentCheckMs = 500;

/** `main <provider> <version> [engine flags] <engine address>`: serves until the engine ends it or is gone. */
async function main(): Promise<void> {
  // Set by the launcher for this process only: commands that run from here must not inherit it.
  delete process.env["NODE_COMPILE_CACHE"];
  const [name = "", version = "", ...rest] = process.argv.slice(2);
  const provider = new Map(Object.entries(providers)).get(name);
  if (provider === undefined)
    throw new Error(`no stand-in plugin "${name}"; there are: ${Object.keys(providers).join(", ")}`);
  const address = rest.filter((argument) => !argument.startsWith("-")).at(-1);
  const server = new ProviderServer(provider(), version);
  const port = await server.listen(address);
  process.stdout.write(`${port}\n`);
  endWithParent(server);
  // The engine ends a plugin by SIGINT to its process group; Ctrl-C in a terminal does not reach that group.
  process.once("SIGINT", () => end(server));
  process.once("SIGTERM", () => end(server));
}

/** An engine that was killed cannot end its plugins: they notice that their parent has changed. */
function endWithParent(server: ProviderServer): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) end(server);
  }, parentCheckMs).unref();
}

function end(server: ProviderServer): void {
  server.close();
  noteProcessorTime();
  process.exit(0);
}

/** For the benchmarks, which tell what of an update is the stand-ins': a file of its own in the folder that the variable names. */
function noteProcessorTime(): void {
  const folder = process.env["SANDBOX_PLUGIN_TIMES"];
  if (folder === undefined) return;
  const { user, system } = process.cpuUsage();
  fs.writeFileSync(path.join(folder, String(process.pid)), String((user + system) / 1e6));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
