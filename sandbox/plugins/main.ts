import { command } from "./command/provider";
import { digitalocean } from "./digitalocean/provider";
import { docker } from "./docker/provider";
import { ProviderServer } from "./provider-server";
import type { Provider } from "./resource";

const providers: Readonly<Record<string, () => Provider>> = { command, digitalocean, docker };

// Every half second is soon enough for a person, and costs nothing.
const parentCheckMs = 500;

/** `main <provider> <version> [engine flags] <engine address>`: serves until the engine ends it or is gone. */
async function main(): Promise<void> {
  // Set by the launcher for this process only: commands that run from here must not inherit it.
  delete process.env["NODE_COMPILE_CACHE"];
  const [name = "", version = "", ...rest] = process.argv.slice(2);
  const provider = providers[name];
  if (provider === undefined) throw new Error(`no stand-in plugin "${name}"; there are: ${Object.keys(providers).join(", ")}`);
  const address = rest.filter((argument) => !argument.startsWith("-")).at(-1);
  const server = new ProviderServer(provider(), version);
  const port = await server.listen(address);
  process.stdout.write(`${port}\n`);
  endWithParent(server);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Ctrl-C reaches the whole group; the engine then decides by Cancel what becomes of running work.
    process.on(signal, () => (signal === "SIGTERM" ? end(server) : undefined));
  }
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
  process.exit(0);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
