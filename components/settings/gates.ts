import { key, whole } from "./key";

/** Settings of the gates: what an image must earn before it is released. */
export const gatesKeys = {
  "gates:imageMegabytes": key(
    "data",
    whole(100, 100_000).default(2000),
    "megabytes, 100 to 100000",
    "Size of the unpacked image above which it is not released.",
  ),
} as const;
