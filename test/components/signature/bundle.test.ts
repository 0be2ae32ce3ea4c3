import assert from "node:assert/strict";

import { readBundle } from "../../../components/signature/bundle";
import { predicateTypes } from "../../../components/signature/proof";
import { bundleText } from "../../support/signed";

const digest = `sha256:${"a".repeat(64)}`;
const good = bundleText("key", digest, predicateTypes.signature, { x: 1 });

describe("A bundle", () => {
  it("tells its type, its images and what it says", () => {
    const { predicateType, digests, predicate } = readBundle(good) ?? {};
    assert.deepEqual([predicateType, digests, predicate], [predicateTypes.signature, [digest], { x: 1 }]);
  });

  it("is written anew: cosign is shown nothing that was not judged", () => {
    const other = bundleText("other", `sha256:${"b".repeat(64)}`);
    const { dsseEnvelope } = JSON.parse(other) as { dsseEnvelope: unknown };
    // An older format brings its own key along; a second key of one name means different things to two readers.
    const hostile = `{"base64Signature":"eA==","cert":"eA==","dsseEnvelope":${JSON.stringify(dsseEnvelope)},${good.slice(1)}`;
    const read = readBundle(hostile);
    assert.deepEqual(read?.digests, [digest]);
    assert.equal(read.text, JSON.stringify(JSON.parse(good)));
  });

  const bundle = JSON.parse(good) as { dsseEnvelope: Record<string, unknown> };
  const statement = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64");
  const bad: readonly [string, string][] = [
    ["no JSON", "{"],
    ["null", "null"],
    ["another media type", good.replace("v0.3", "v0.1")],
    ["the older format", JSON.stringify({ base64Signature: "eA==", cert: "eA==" })],
    ["another payload", good.replace("vnd.in-toto+json", "vnd.other+json")],
    ["two signatures", good.replace('"signatures":[', '"signatures":[{},')],
    ["none", JSON.stringify({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, signatures: [] } })],
    ["more in its envelope", good.replace('"dsseEnvelope":{', '"dsseEnvelope":{"x":1,')],
    ["a statement about nothing", good.replace(/"payload":"[^"]*"/, `"payload":"${statement({ subject: [] })}"`)],
    ["no statement", good.replace(/"payload":"[^"]*"/, '"payload":"AAAA"')],
  ];
  for (const [what, text] of bad) {
    it(`with ${what} is none`, () => {
      assert.notEqual(text, good);
      assert.equal(readBundle(text), undefined);
    });
  }
});
