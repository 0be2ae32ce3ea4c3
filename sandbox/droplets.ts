import { until } from "./process";
import type { ServersFile } from "./servers";
import type { Progress } from "./tools/cache";

// As long as a program waits for a droplet.
const limitMs = 10 * 60_000;

/** Waits until the droplets of earlier runs have their machines back, which the API brings about at its start. */
export async function waitForDroplets({ apiUrl, token }: Pick<ServersFile, "apiUrl" | "token">, progress: Progress): Promise<void> {
  let told = false;
  await until(
    async () => {
      const locked = await lockedDroplets(apiUrl, token);
      if (!told && locked.length > 0) progress(`starting ${locked.join(", ")}`);
      told = true;
      return locked.length === 0;
    },
    limitMs,
    200,
  );
}

async function lockedDroplets(apiUrl: string, token: string): Promise<readonly string[]> {
  try {
    const answer = await fetch(`${apiUrl}/v2/droplets`, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(10_000),
    });
    // An ordered fault, perhaps: the program will meet it, and this is no place to fail for it.
    if (!answer.ok) return [];
    const { droplets } = (await answer.json()) as { droplets: readonly { readonly name: string; readonly locked: boolean }[] };
    return droplets.filter(({ locked }) => locked).map(({ name }) => name);
  } catch {
    return [];
  }
}
