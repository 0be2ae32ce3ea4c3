import { until } from "./process";
import type { ServersFile } from "./servers";
import type { Progress } from "./tools/cache";

// As long as a program waits for a droplet.
const limitMs = 10 * 60_000;

/**
 * Waits until droplets, clusters and databases of earlier runs have their machines back, which the API brings about at its start.
 * @param matters whether what the API has under way is waited for
 */
export async function waitForDroplets(
  { apiUrl, token }: Pick<ServersFile, "apiUrl" | "token">,
  progress: Progress,
  matters: (what: string) => boolean = () => true,
): Promise<void> {
  let told = false;
  await until(
    async () => {
      const locked = await lockedDroplets(apiUrl, token);
      const busy = [
        ...(locked.length > 0 ? [`starting ${locked.join(", ")}`] : []),
        ...(await underWay(apiUrl, token)).filter(matters),
      ];
      if (!told && busy.length > 0) progress(busy.join(", "));
      told = true;
      return busy.length === 0;
    },
    limitMs,
    200,
  );
}

async function lockedDroplets(apiUrl: string, token: string): Promise<readonly string[]> {
  const { droplets = [] } = (await ask(`${apiUrl}/v2/droplets`, token)) as { droplets?: readonly Droplet[] };
  return droplets.filter(({ locked }) => locked).map(({ name }) => name);
}

async function underWay(apiUrl: string, token: string): Promise<readonly string[]> {
  const { under_way = [] } = (await ask(`${apiUrl}/_sandbox/under-way`, token)) as { under_way?: readonly string[] };
  return under_way;
}

interface Droplet {
  readonly name: string;
  readonly locked: boolean;
}

/** An ordered fault, perhaps, answers nothing: the program will meet it, and this is no place to fail for it. */
async function ask(url: string, token: string): Promise<object> {
  try {
    const answer = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(10_000),
    });
    return answer.ok ? ((await answer.json()) as object) : {};
  } catch {
    return {};
  }
}
