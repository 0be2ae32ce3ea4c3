import { pulled } from "./docker";
import { tidied } from "./database/owner";
import type { Gate } from "./gate";
import { fresh, type FreshOrder } from "./validation/fresh";
import { upgrade } from "./validation/upgrade";

export interface ValidationOrder extends FreshOrder {
  /** Where the release is found that serves: `host/namespace/name`. */
  readonly repository: string;
}

/** The pushed image as production would run it: on a new database, and on a filled one of the release before. */
export const validation: Gate<ValidationOrder> = {
  title: "a new database, the server in use, the upgrade from the release before",
  budgetSeconds: 120,
  codes: {
    CONTAINER_START_FAILURE: {
      when: "no container of the image can be started as in production, or its server ends",
      remedy: "read the end of the log; run the same image by hand: docs/by-hand.md",
    },
    DATABASE_CONNECTION_ERROR: {
      when: "the gate's own PostgreSQL does not start, or ends",
      remedy: "run the update again; look at the memory and the disk of this machine",
    },
    HEALTH_CHECK_FAIL: {
      when: "the server on a new database fails the smoke test of a deployment, or logs an error",
      remedy: "the end of the log names what failed; mend it",
    },
    IMPORT_ERROR: {
      when: "Python cannot import something while modules are installed or upgraded",
      remedy: "add what is imported to addons/requirements.txt, or mend the module",
    },
    MODULE_LOAD_ERROR: {
      when: "a configured module does not install into a new database, or not upgrade one of the release before",
      remedy: "the log names the module and the line; mend it, and its migration",
    },
    NETWORK_FAILURE: {
      when: "the image, or that of the release before, cannot be pulled",
      remedy: "run the update again once the registry answers",
    },
  },
  async run(order, tools) {
    const owner = { stack: order.stack, gate: "validation" };
    await pulled(order, tools);
    return tidied(owner, async () => {
      const passed = await fresh(order, owner, tools);
      const upgraded = await upgrade(order, owner, tools);
      return { facts: { used: passed, upgraded }, warnings: [] };
    });
  },
};
