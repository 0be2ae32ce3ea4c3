import { clusterHistory } from "../components/kubernetes/history";
import type { HistoryReader, TargetReport } from "../components/odoo/history";
import { RegistryClient } from "../components/registry/client";
import { imageRepository, isDigest } from "../components/registry/reference";
import { ShipError } from "../components/shared/errors";
import { hostHistory } from "../components/vps/history";
import { readSettings, type Settings } from "../settings";
import type { ImageReader } from "./images";
import type { Stack } from "./stack";

/** Places that are read; a test has made-up ones. */
export interface Places {
  readonly targets: readonly HistoryReader[];
  registry(settings: Settings): ImageReader;
}

/** The real ones: a third target is one more word here. */
export const realPlaces: Places = {
  targets: [hostHistory, clusterHistory],
  registry: ({ registry, registryAccess }) => new RegistryClient(imageRepository(registry), registryAccess),
};

/** What a stack, its targets and its registry say. */
export interface Known {
  readonly settings: Settings;
  readonly registry: ImageReader;
  /** Digest that the stack's file names; empty if it names none. */
  readonly configured: string;
  /** Digest that the last update which came to its end has released; undefined before the first. */
  readonly updated: string | undefined;
  /** One for each target of the stack. */
  readonly reports: readonly TargetReport[];
}

/**
 * Reads stack and targets; it changes nothing.
 * @param changes settings that are about to be written: what they would contradict is told before
 * @throws ShipError SETTINGS_INVALID, TOOL_MISSING
 */
export async function gather(
  root: string,
  stack: Stack,
  places: Places = realPlaces,
  changes: Readonly<Record<string, string>> = {},
): Promise<Known> {
  const [source, outputs] = await Promise.all([stack.config(), stack.outputs()]);
  const settings = readSettings({
    ...source,
    config: { ...source.config, ...changes },
    environment: process.env,
  });
  const reports = await Promise.all(places.targets.map((read) => read({ root, settings, outputs })));
  const digest = outputs["imageDigest"];
  return {
    settings,
    registry: places.registry(settings),
    configured: source.config["image:digest"] ?? "",
    updated: typeof digest === "string" && isDigest(digest) ? digest : undefined,
    reports: reports.filter((report) => report !== undefined),
  };
}

/** Reads something of the registry. What went wrong is an answer, too: the rest is of use without it. */
export async function orProblem<T>(reading: Promise<T>): Promise<{ found?: T; problem: string }> {
  try {
    return { found: await reading, problem: "" };
  } catch (error) {
    if (error instanceof ShipError) {
      return { problem: `${error.code}: ${error.failure.summary}: ${error.failure.found}` };
    }
    if (error instanceof SyntaxError) {
      return { problem: "the registry's answer is no JSON" };
    }
    throw error;
  }
}
