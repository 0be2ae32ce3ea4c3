import type { Endpoint } from "../test/support/endpoint";

/** Figures of clients that ask again as soon as they are answered, over a stretch of time. */
export interface Load {
  readonly requestsPerSecond: number;
  /** Time to the whole answer, milliseconds. */
  readonly p50: number;
  readonly p95: number;
}

/** One request; anything but the status 200 ends the measurement. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Lets `clients` ask for `forMs` milliseconds, each one request at a time on a connection that it keeps. */
export async function load(endpoint: Endpoint, request: Request, clients: number, forMs: number): Promise<Load> {
  const times: number[] = [];
  const begun = performance.now();
  const client = async () => {
    while (performance.now() - begun < forMs) {
      const asked = performance.now();
      const { status, body } = await endpoint.request(request.method, request.path, request);
      if (status !== 200) throw new Error(`${request.path} answered ${status}: ${body.toString().slice(0, 300)}`);
      if (request.body !== undefined && !body.includes('"result"'))
        throw new Error(`no result: ${body.toString().slice(0, 500)}`);
      times.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const elapsed = (performance.now() - begun) / 1000;
  return { requestsPerSecond: times.length / elapsed, p50: percentile(times, 50), p95: percentile(times, 95) };
}

/** The least figure that so many of a hundred do not exceed. */
export function percentile(figures: readonly number[], percent: number): number {
  const sorted = [...figures].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}
