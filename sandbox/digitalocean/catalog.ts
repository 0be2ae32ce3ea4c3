import { notFound } from "./errors";
import { page } from "./pages";
import type { Route } from "./router";

const regionNames = {
  nyc1: "New York 1",
  nyc2: "New York 2",
  nyc3: "New York 3",
  ams3: "Amsterdam 3",
  sfo2: "San Francisco 2",
  sfo3: "San Francisco 3",
  sgp1: "Singapore 1",
  lon1: "London 1",
  fra1: "Frankfurt 1",
  tor1: "Toronto 1",
  blr1: "Bangalore 1",
  syd1: "Sydney 1",
  atl1: "Atlanta 1",
};
/** Every region's short name. */
export const regionSlugs: readonly string[] = Object.keys(regionNames);

// [slug, memory in MiB, vcpus, disk in GiB, transfer in TB, dollars in a month, description]
const sizeRows: readonly (readonly [string, number, number, number, number, number, string])[] = [
  ["s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, 4, "Basic"],
  ["s-1vcpu-1gb", 1024, 1, 25, 1, 6, "Basic"],
  ["s-1vcpu-2gb", 2048, 1, 50, 2, 12, "Basic"],
  ["s-2vcpu-2gb", 2048, 2, 60, 3, 18, "Basic"],
  ["s-2vcpu-4gb", 4096, 2, 80, 4, 24, "Basic"],
  ["s-4vcpu-8gb", 8192, 4, 160, 5, 48, "Basic"],
  ["s-8vcpu-16gb", 16384, 8, 320, 6, 96, "Basic"],
  ["s-2vcpu-4gb-amd", 4096, 2, 80, 4, 28, "Basic AMD"],
  ["s-4vcpu-8gb-amd", 8192, 4, 160, 5, 56, "Basic AMD"],
  ["s-2vcpu-4gb-intel", 4096, 2, 80, 4, 28, "Basic Intel"],
  ["s-4vcpu-8gb-intel", 8192, 4, 160, 5, 56, "Basic Intel"],
  ["c-2", 4096, 2, 25, 4, 42, "CPU-Optimized"],
  ["g-2vcpu-8gb", 8192, 2, 25, 4, 63, "General Purpose"],
  ["m-2vcpu-16gb", 16384, 2, 50, 4, 84, "Memory-Optimized"],
];

export interface Size {
  readonly slug: string;
  readonly memory: number;
  readonly vcpus: number;
  readonly disk: number;
  readonly transfer: number;
  readonly price_monthly: number;
  readonly price_hourly: number;
  readonly regions: readonly string[];
  readonly available: true;
  readonly description: string;
}

const sizes: readonly Size[] = sizeRows.map(([slug, memory, vcpus, disk, transfer, price_monthly, description]) => ({
  slug,
  memory,
  vcpus,
  disk,
  transfer,
  price_monthly,
  // A month is 672 hours in the price list.
  price_hourly: Number((price_monthly / 672).toFixed(5)),
  regions: regionSlugs,
  available: true,
  description,
}));

const regions = Object.entries(regionNames).map(([slug, name]) => ({
  slug,
  name,
  sizes: sizes.map((size) => size.slug),
  features: ["backups", "metadata", "install_agent", "storage", "image_transfer"],
  available: true,
}));

// Whatever a droplet is made from, its machine is the sandbox's one.
const imageRows: readonly (readonly [number, string, string, string])[] = [
  [195_932_981, "ubuntu-24-04-x64", "Ubuntu", "24.04 (LTS) x64"],
  [129_211_873, "ubuntu-22-04-x64", "Ubuntu", "22.04 (LTS) x64"],
  [197_420_115, "debian-13-x64", "Debian", "13 x64"],
  [173_989_022, "debian-12-x64", "Debian", "12 x64"],
];

const images = imageRows.map(([id, slug, distribution, name]) => ({
  id,
  name,
  distribution,
  slug,
  public: true,
  regions: regionSlugs,
  created_at: "2025-09-01T00:00:00Z",
  min_disk_size: 7,
  type: "base",
  size_gigabytes: 0.6,
  description: `${distribution} ${name}`,
  tags: [],
  status: "available",
}));

export const findSize = (slug: string): Size | undefined => sizes.find((size) => size.slug === slug);
export const findRegion = (slug: string) => regions.find((region) => region.slug === slug);
/** By slug, or by its number. */
export const findImage = (wanted: string | number) =>
  images.find(({ id, slug }) => slug === wanted || String(id) === String(wanted));

/** What there is to choose from: `/v2/sizes`, `/v2/regions`, `/v2/images`. */
export function catalogRoutes(): readonly Route[] {
  return [
    { method: "GET", path: "/v2/sizes", handle: (call) => page(call, "sizes", sizes) },
    { method: "GET", path: "/v2/regions", handle: (call) => page(call, "regions", regions) },
    {
      method: "GET",
      path: "/v2/images",
      handle: (call) => page(call, "images", call.url.searchParams.has("private") ? [] : images),
    },
    {
      method: "GET",
      path: "/v2/images/:id",
      handle: (call) => {
        const image = findImage(call.param("id"));
        if (image === undefined) {
          throw notFound();
        }
        return { status: 200, body: { image } };
      },
    },
  ];
}
