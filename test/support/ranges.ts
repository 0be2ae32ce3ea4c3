import { BlockList, isIPv4 } from "node:net";

/** Whether an address lies in a range, of IPv4 or IPv6. */
export function within(address: string, cidr: string): boolean {
  const [base = "", bits = "0"] = cidr.split("/");
  const [wanted, given] = [base, address].map((one) => (isIPv4(one) ? "ipv4" : "ipv6"));
  const range = new BlockList();
  range.addSubnet(base, Number(bits), wanted);
  return wanted === given && range.check(address, given);
}
