import * as fs from "node:fs";
import * as path from "node:path";
import { paths } from "../config";

const memoryMs = 60 * 60_000;

/**
 * Whether `url` gives an HTTP answer of success within `limitMs`. A "no" is remembered for an hour, so that a closed network costs one
 * wait and not one per run; `npm run sandbox -- reset` forgets it.
 */
export async function reachable(url: string, limitMs = 5000): Promise<boolean> {
  const file = path.join(paths.state, "offline.json");
  const known = read(file);
  const failed = known[url];
  if (failed !== undefined && Date.now() - failed < memoryMs) return false;
  if (await answers(url, limitMs)) return true;
  remember(file, url);
  return false;
}

/** Notes that a download from `url` did not work, although the site answers. */
export function markUnreachable(url: string): void {
  remember(path.join(paths.state, "offline.json"), url);
}

async function answers(url: string, limitMs: number): Promise<boolean> {
  try {
    const answer = await fetch(url, { method: "HEAD", signal: AbortSignal.timeout(limitMs) });
    // A registry asks for a token: it is there.
    return answer.ok || answer.status === 401;
  } catch {
    return false;
  }
}

function remember(file: string, url: string): void {
  fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  fs.writeFileSync(file, JSON.stringify({ ...read(file), [url]: Date.now() }));
}

function read(file: string): Partial<Record<string, number>> {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as Partial<Record<string, number>>;
  } catch {
    return {};
  }
}
