import { findRegion, findSize } from "./catalog";
import { unprocessable } from "./errors";
import type { Route } from "./router";

/**
 * DOKS offers three minor versions, each at its newest patch. The sandbox's node is the first of them, whatever a cluster's version says:
 * the others are there so that upgrades can be tried.
 */
const versions = ["1.34.3-do.0", "1.33.6-do.0", "1.32.10-do.0"].map((slug) => ({
  slug,
  kubernetes_version: slug.replace(/-.*/, ""),
  supported_features: ["cluster-autoscaler", "docr-integration", "token-authentication"],
}));

const regionSlugs = ["nyc1", "nyc3", "ams3", "sfo2", "sfo3", "sgp1", "lon1", "fra1", "tor1", "blr1", "syd1", "atl1"];
// A worker has at least 2 GB, of which half is Kubernetes' own.
const sizeSlugs = [
  ...["s-1vcpu-2gb", "s-2vcpu-2gb", "s-2vcpu-4gb", "s-4vcpu-8gb", "s-8vcpu-16gb", "s-2vcpu-4gb-amd", "s-4vcpu-8gb-amd"],
  ...["s-2vcpu-4gb-intel", "s-4vcpu-8gb-intel", "c-2", "g-2vcpu-8gb", "m-2vcpu-16gb"],
];

/** `/v2/kubernetes/options`. */
export function kubernetesOptionRoutes(): readonly Route[] {
  const regions = regionSlugs.map((slug) => ({ name: findRegion(slug)?.name ?? slug, slug }));
  const sizes = sizeSlugs.filter((slug) => findSize(slug) !== undefined).map((slug) => ({ name: slug, slug }));
  return [
    {
      method: "GET",
      path: "/v2/kubernetes/options",
      handle: () => ({ status: 200, body: { options: { regions, versions, sizes } } }),
    },
  ];
}

/** The version that a new cluster gets for a slug, a minor version such as `1.34`, or `latest`. */
export function offeredVersion(wanted: string): string {
  const found =
    wanted === "latest"
      ? versions[0]
      : versions.find(({ slug }) => slug === wanted || minorOf(slug) === wanted.replace(/\.?$/, ""));
  if (found === undefined) {
    throw unprocessable("validation error: invalid version slug");
  }
  return found.slug;
}

/** What a cluster of this version can be upgraded to: newer patches, and the next minor version. */
export function upgradesFrom(current: string): typeof versions {
  const [major = 0, minor = 0] = numbersOf(current);
  return versions.filter(({ slug }) => {
    const [otherMajor, otherMinor = 0] = numbersOf(slug);
    return otherMajor === major && (otherMinor === minor || otherMinor === minor + 1) && isNewer(slug, current);
  });
}

/** Refuses a region or a node's size that DOKS does not have. */
export function requireOffered({
  region,
  sizes,
}: {
  readonly region?: string;
  readonly sizes: readonly string[];
}): void {
  if (region !== undefined && !regionSlugs.includes(region)) {
    throw unprocessable("validation error: invalid region slug");
  }
  const unknown = sizes.find((size) => !sizeSlugs.includes(size));
  if (unknown !== undefined) {
    throw unprocessable(`validation error: invalid size slug: ${unknown}`);
  }
}

function isNewer(one: string, other: string): boolean {
  const [left, right] = [numbersOf(one), numbersOf(other)];
  const different = left.findIndex((number, index) => number !== right[index]);
  return different >= 0 && (left[different] ?? 0) > (right[different] ?? 0);
}

function minorOf(slug: string): string {
  return numbersOf(slug).slice(0, 2).join(".");
}

/** `1.34.3-do.0` as [1, 34, 3, 0]. */
function numbersOf(slug: string): number[] {
  return [...slug.matchAll(/\d+/g)].map(([digits]) => Number(digits));
}
