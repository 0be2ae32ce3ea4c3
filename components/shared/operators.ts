import * as pulumi from "@pulumi/pulumi";

import { ShipError } from "./errors";

/**
 * Runs a program whose errors are for operators: the engine shows their message and no stack. Any other error is a
 * defect, and keeps its stack. A program that ends before its outputs are known fails.
 */
export async function forOperators<T extends Readonly<Record<string, unknown>>>(program: () => Promise<T>): Promise<T> {
  const finish = failUnfinished();
  try {
    const outputs = await program();
    // Also in a preview, where a value may stay unknown.
    Promise.all(Object.values(outputs).map(settled)).then(finish, () => undefined);
    return outputs;
  } catch (error) {
    if (!(error instanceof ShipError)) {
      throw error;
    }
    const shown = new pulumi.RunError(error.message);
    // A stack is never shown, and mapping it to sources takes half a minute through the SDK's large packages.
    shown.stack = error.message;
    throw shown;
  }
}

/**
 * Fails the process if it ends well before it is told that all is done. Pulumi's SDK ends without a word where the
 * connection to its engine breaks, since an engine that has ended has said why. One that has not takes the end for that
 * of a program which declares no more: an update half of which was made would be a success.
 * @returns what tells it
 */
function failUnfinished(): () => void {
  // Of an error that nobody has caught the SDK tells, and fails, by itself.
  let told = false;
  for (const error of ["uncaughtException", "unhandledRejection"] as const) process.on(error, () => (told = true));
  const fail = (code: number): void => {
    if (told || code !== 0 || (process.exitCode ?? 0) !== 0) return;
    const { message } = new ShipError({
      code: "DEPLOY_FAILED",
      summary: "the program ended before it had declared everything",
      found: "Pulumi's engine did not answer any more, or has cancelled the update",
      expected: "outputs of all that the stack declares",
      remedy: "if nobody has cancelled it, run the same command again: it goes on with what is missing",
    });
    console.error(message);
    process.exitCode = 1;
  };
  // The SDK tells the engine of a good end after the first of these, unless a failure is known by then.
  const ends = ["beforeExit", "exit"] as const;
  for (const end of ends) process.on(end, fail);
  return () => ends.forEach((end) => process.removeListener(end, fail));
}

/** Ends when the value of an output is known, or known to be unknown; fails with it. */
function settled(value: unknown): Promise<unknown> {
  // Not in the types; copies of the SDK in different versions rely on it among themselves.
  return (pulumi.output(value) as unknown as { promise(): Promise<unknown> }).promise();
}
