import { z } from "zod";

import { key, whole } from "./key";

const gate = z.enum(["required", "off"]).default("required");
const gateWords = "`required` or `off`";

/** Settings of the gates: what an image must earn before it is released. */
export const gatesKeys = {
  "gates:imageMegabytes": key(
    "data",
    whole(100, 100_000).default(2000),
    "megabytes, 100 to 100000",
    "Size of the unpacked image above which it is not released.",
  ),
  "gates:tests": key(
    "text",
    gate,
    gateWords,
    "Whether the tests of your own modules must pass, with what bandit and pip-audit look for. `off`: each update " +
      "and the report say that this was not checked.",
  ),
  "gates:coverage": key(
    "data",
    whole(0, 100).default(75),
    "percent, 0 to 100",
    "Lines of your own installed modules that their tests must reach. 0: they are counted, and none is required.",
  ),
  "gates:validation": key(
    "text",
    gate,
    gateWords,
    "Whether the pushed image must install into a new database, serve it, and upgrade a filled one of the release " +
      "before. `off`: each update and the report say that this was not checked.",
  ),
} as const;
