import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** One line of the engine's answer to a build or a push. */
export interface EngineMessage {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  readonly progress?: string;
  readonly aux?: unknown;
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number; readonly message?: string };
}

/** The engine's answer, message by message. Throws its error message, in the registry's or BuildKit's words. */
export async function eachMessage(body: Readable, handle: (message: EngineMessage) => void): Promise<void> {
  for await (const line of createInterface({ input: body, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === "") continue;
    const message = JSON.parse(line) as EngineMessage;
    const error = message.errorDetail?.message ?? message.error;
    if (error !== undefined)
      throw new Error(message.errorDetail?.code === 401 ? `authentication is required: ${error}` : error);
    handle(message);
  }
}
