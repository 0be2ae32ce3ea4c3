import { isIPv4 } from "node:net";

/** IPv4 addresses with the same first bits. */
export interface Range {
  /** The first address as a number. */
  readonly first: number;
  readonly bits: number;
}

/** A range in CIDR notation; a bare address is a range of one. `undefined` when it is neither. */
export function parseRange(text: string): Range | undefined {
  const [ip = "", length = "32", ...rest] = text.split("/");
  const bits = Number(length);
  if (!isIPv4(ip) || !/^\d{1,2}$/.test(length) || bits > 32 || rest.length > 0) {
    return undefined;
  }
  return { first: ip.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0), bits };
}

/** Whether the range begins where it says: 10.0.0.1/24 does not. */
export function isNetwork({ first, bits }: Range): boolean {
  return head(first, bits) === first;
}

/** Whether the whole range is one of RFC 1918's private addresses. */
export function isPrivate(range: Range): boolean {
  return ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].some((text) => {
    const outer = parseRange(text);
    return outer !== undefined && range.bits >= outer.bits && overlaps(outer, range);
  });
}

/** Whether an address is in both. */
export function overlaps(one: Range, other: Range): boolean {
  const bits = Math.min(one.bits, other.bits);
  return head(one.first, bits) === head(other.first, bits);
}

/** The first address with the same first bits. */
function head(address: number, bits: number): number {
  return bits === 0 ? 0 : (address & (-1 << (32 - bits))) >>> 0;
}
