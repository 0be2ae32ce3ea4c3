import * as pulumi from "@pulumi/pulumi";

import { ShipError } from "./errors";

/**
 * Runs a program whose errors are for operators: the engine shows their message and no stack. Any other error is a
 * defect, and keeps its stack.
 */
export async function forOperators<T>(program: () => Promise<T>): Promise<T> {
  try {
    return await program();
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
