import { imageRepository } from "../components/registry/reference";
import { ShipError } from "../components/shared/errors";
import { type Fit, fitOf } from "./fit";
import { readImage } from "./images";
import type { RollbackPlan } from "./plan";
import { type Known, orProblem } from "./sources";

/**
 * Compares what a stack runs with the digest that it is to run: the two images, and what the change is for each target.
 * @throws ShipError IMAGE_NOT_FOUND
 */
export async function compare(known: Known, to: string): Promise<Omit<RollbackPlan, "point">> {
  const { registry, reports, updated, settings } = known;
  const live = reports.flatMap(({ history }) => history?.live?.digest ?? []);
  // After an update that broke off a target may be at another release than the last one that came to its end.
  const from = updated === to ? (live.find((digest) => digest !== to) ?? to) : (updated ?? live[0]);
  const target = await orProblem(readImage(registry, to));
  if (target.problem === "" && target.found === undefined) {
    throw new ShipError({
      code: "IMAGE_NOT_FOUND",
      summary: "the image to go to is not in the registry; nothing was changed",
      found: `${imageRepository(settings.registry)} has no ${to}`,
      expected: "a release that retention has kept",
      remedy: "npm run releases lists what there is. On a VPS that still has the image: odoo-ship rollback",
    });
  }
  const imageOf = async (digest: string | undefined) =>
    digest === undefined ? undefined : (await orProblem(readImage(registry, digest))).found;
  const fits: Fit[] = [];
  for (const report of reports) {
    // What runs there may be another one than the last update's.
    fits.push(fitOf(report, to, { from: await imageOf(report.history?.live?.digest), to: target.found }));
  }
  return { from, to, images: { from: await imageOf(from), to: target.found }, fits, reports };
}
