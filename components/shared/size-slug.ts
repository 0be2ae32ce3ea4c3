/** Memory and processors of a machine. */
export interface Capacity {
  /** As the host itself sees it: a "2 GB" machine has a little less than 2048. */
  readonly memoryMiB: number;
  readonly cpus: number;
}

/**
 * Reads memory and processors from the name of a Droplet's size, such as `s-2vcpu-4gb`, `c-4-8gib` or
 * `g-2vcpu-8gb-intel`; undefined if the name does not tell. Names: https://slugs.do-api.dev
 */
export function sizeOfSlug(slug: string): Capacity | undefined {
  const found = /^[a-z0-9_.]+-(\d+)(?:vcpu)?-(\d+)(?:gb|gib)(?:-|$)/.exec(slug);
  if (found === null) {
    return undefined;
  }
  const [, cpus, gigabytes] = found;
  return { cpus: Number(cpus), memoryMiB: Number(gigabytes) * 1024 };
}
