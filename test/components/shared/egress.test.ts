import assert from "node:assert/strict";
import { isIPv4 } from "node:net";

import fc from "fast-check";

import { authorityReach, dumpReach, everywhere, outsideOf, privateRanges } from "../../../components/shared/egress";
import { within } from "../../support/ranges";

/** Ranges as people write them, of both kinds. */
const range = fc.oneof(
  fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${address}/${bits}`),
  fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([address, bits]) => `${address}/${bits}`),
  fc.constantFrom(...privateRanges, "0.0.0.0/0", "::/0"),
);

describe("where Odoo may go", () => {
  it("is no private address, unless the setting lies within its range", () => {
    fc.assert(
      fc.property(range, fc.constantFrom(...privateRanges), (cidr, hidden) => {
        const { except } = outsideOf(cidr);
        const [base = "", bits] = hidden.split("/");
        const [own = "", ownBits] = cidr.split("/");
        const wider = Number(ownBits) < Number(bits) && isIPv4(own) === isIPv4(base) && within(base, cidr);
        assert.equal(except.includes(hidden), wider, `${cidr} ${hidden}`);
      }),
      { numRuns: 2000 },
    );
  });

  it("is the whole Internet without what is private", () => {
    assert.deepEqual([...outsideOf("0.0.0.0/0").except, ...outsideOf("::/0").except], privateRanges);
    assert.deepEqual(outsideOf("10.114.0.0/20"), { cidr: "10.114.0.0/20", except: [] });
  });

  it("is named where it has everybody in it", () => {
    assert.deepEqual(everywhere(["203.0.113.0/24", "0.0.0.0/0", "::/0", "2001:db8::/32"]), ["0.0.0.0/0", "::/0"]);
  });
});

describe("where the proxy may go", () => {
  it("is any public address at 443 for Let's Encrypt, whatever Odoo may", () => {
    assert.deepEqual(authorityReach("", []), { port: 443, to: [outsideOf("0.0.0.0/0")] });
  });

  it("is the address that the URL names, and no other", () => {
    assert.deepEqual(authorityReach("https://10.1.2.3:9000/acme", ["0.0.0.0/0"]), {
      port: 9000,
      to: [{ cidr: "10.1.2.3/32", except: [] }],
    });
    assert.deepEqual(authorityReach("https://[fd00::5]/acme", []).to, [{ cidr: "fd00::5/128", except: [] }]);
  });
});

describe("where dumps go", () => {
  for (const [destination, port, to] of [
    ["ssh://backup@dumps.example.com/odoo", 22, ["0.0.0.0/0", "::/0"]],
    ["ssh://backup@203.0.113.9:2222/odoo", 2222, ["203.0.113.9/32"]],
    ["ssh://backup@10.1.2.3/odoo", 22, ["10.1.2.3/32"]],
    ["ssh://backup@[2001:db8::9]:22/odoo", 22, ["2001:db8::9/128"]],
  ] as const)
    it(`is the host of ${destination} by its one port`, () => assert.deepEqual(dumpReach(destination), { port, to }));
});
