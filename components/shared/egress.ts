import { isIP } from "node:net";

/** A range of addresses that may be reached, without the ranges within it that may not. */
export interface Reach {
  readonly cidr: string;
  readonly except: readonly string[];
}

/** A range that a release's own programs may reach, by one port. */
export interface WayOut extends Reach {
  readonly port: number;
}

/** Way to the proxy's certificate authority: its port, and where it may be. */
export interface AuthorityReach {
  readonly port: number;
  readonly to: readonly Reach[];
}

/**
 * Private ranges: nodes, pods, other machines of the network, and the address where each cloud's machines learn their
 * own secrets. A setting's range that lies within one of them is meant, and allowed.
 *
 * The last two of IPv4 are where Oracle's and Azure's machines find what others have at 169.254.169.254. Those of IPv6
 * are a company's own addresses, those of one link, and what a translator turns into IPv4. Addresses such as
 * ::ffff:10.0.0.5 are not among them: they are a way to write IPv4 that is never on a wire.
 */
export const privateRanges: readonly string[] = [
  ...[
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "192.0.0.0/24",
    "168.63.129.16/32",
  ],
  ...["fc00::/7", "fe80::/10", "64:ff9b::/96", "64:ff9b:1::/48"],
];

/** Returns a setting's range without what is private in it. */
export function outsideOf(cidr: string): Reach {
  return { cidr, except: privateRanges.filter((range) => contains(cidr, range)) };
}

/** Splits `203.0.113.7/32:443` and `[2001:db8::/48]:443`; undefined for a text of another shape. */
export function splitWayOut(text: string): { readonly range: string; readonly port: number } | undefined {
  const [, six, four, port] = /^(?:\[([0-9a-fA-F:./]+)\]|([0-9./]+)):(\d{1,5})$/.exec(text) ?? [];
  const range = six ?? four;
  return range === undefined ? undefined : { range, port: Number(port) };
}

/** Returns a way out of `release:egress` without what is private in its range. */
export function wayOut(text: string): WayOut {
  const split = splitWayOut(text);
  if (split === undefined) {
    throw new Error(`${text} is no range and port`);
  }
  return { ...outsideOf(split.range), port: split.port };
}

/**
 * Returns where the authority of an ACME directory may be. Authorities do not say by which addresses they answer, so
 * all public ones are allowed. A private address is allowed if it stands in the URL itself, or if Odoo may go there.
 * @param server URL of the directory, empty for Let's Encrypt's
 * @param egress where Odoo may go
 */
export function authorityReach(server: string, egress: readonly string[]): AuthorityReach {
  if (server === "") {
    return { port: 443, to: [outsideOf("0.0.0.0/0")] };
  }
  const { hostname, port } = new URL(server);
  const ranges = addressIn(hostname) ?? [...new Set(["0.0.0.0/0", ...egress])];
  return { port: port === "" ? 443 : Number(port), to: ranges.map(outsideOf) };
}

/**
 * Returns where the host of dumps may be: by the one port, and anywhere if it has a name. It may be in a private
 * network, and its host key says that it is the one.
 * @param destination `ssh://user@host[:port]/directory`
 */
export function dumpReach(destination: string): { readonly port: number; readonly to: readonly string[] } {
  const { hostname, port } = new URL(destination);
  return { port: port === "" ? 22 : Number(port), to: addressIn(hostname) ?? ["0.0.0.0/0", "::/0"] };
}

/** Returns the range of the one address that a URL names; undefined where it names a host. */
function addressIn(hostname: string): [string] | undefined {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const kind = isIP(host);
  return kind === 0 ? undefined : [`${host}/${kind === 4 ? 32 : 128}`];
}

/** Returns those of the ranges that have everybody in them. */
export function everywhere(ranges: readonly string[]): string[] {
  return ranges.filter((range) => parse(range).bits === 0n);
}

/** Tells whether the first range has the second one within it, and more. */
function contains(outer: string, inner: string): boolean {
  const [a, b] = [parse(outer), parse(inner)];
  return a.width === b.width && a.bits < b.bits && a.address >> (a.width - a.bits) === b.address >> (a.width - a.bits);
}

function parse(cidr: string): { address: bigint; width: bigint; bits: bigint } {
  const [address = "", bits = ""] = cidr.split("/");
  return address.includes(":")
    ? { address: joined(groups(address), 65536n), width: 128n, bits: BigInt(bits) }
    : { address: joined(address.split(".").map(BigInt), 256n), width: 32n, bits: BigInt(bits) };
}

/** Returns the eight numbers of an IPv6 address. The last two may be written as IPv4, and one run of zeros as `::`. */
function groups(address: string): bigint[] {
  const numbers = (text: string): bigint[] =>
    text === ""
      ? []
      : text.split(":").flatMap((part) => {
          if (!part.includes(".")) {
            return [BigInt(`0x${part}`)];
          }
          const address4 = joined(part.split(".").map(BigInt), 256n);
          return [address4 >> 16n, address4 & 0xffffn];
        });
  const [head = "", tail] = address.split("::");
  const [before, after] = [numbers(head), numbers(tail ?? "")];
  return [...before, ...Array<bigint>(8 - before.length - after.length).fill(0n), ...after];
}

function joined(parts: readonly bigint[], base: bigint): bigint {
  return parts.reduce((sum, part) => sum * base + part, 0n);
}
