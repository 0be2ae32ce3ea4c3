/**
 * A number that makes a resource's input a change, where the engine sees none but the world is not as the state says: an image that is gone from
 * the registry, a host that runs something else. Where all is well there is none, and the input is told to stay as it was.
 * @returns seconds since 1970 where another try is needed, else undefined
 */
export function attempts(now: Date): (needed: boolean) => number | undefined {
  const seconds = Math.floor(now.getTime() / 1000);
  return (needed) => (needed ? seconds : undefined);
}
