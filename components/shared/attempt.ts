/** Seconds since 1970 where another try is needed, else undefined. */
export type Attempt = (needed: boolean) => number | undefined;

/**
 * Returns a maker of attempts. An attempt is a number in a resource's input. It makes a change where the engine sees
 * none, but the world is not as the state says: an image is gone from the registry, a host runs something else. Where
 * all is well there is no number, and the input stays as it was.
 * @returns seconds since 1970 where another try is needed, else undefined
 */
export function attempts(now: Date): Attempt {
  const seconds = Math.floor(now.getTime() / 1000);
  return (needed) => (needed ? seconds : undefined);
}

/**
 * Variable of the environment by which a rollback or a promotion has a host asked again. Of a created host the program
 * does not know what runs there: after an update that broke off, the state may name a release that it left.
 */
export const askAgain = "ODOO_SHIP_ASK_AGAIN";
