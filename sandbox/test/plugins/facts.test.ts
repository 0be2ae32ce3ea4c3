import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";
import { providers } from "../../plugins/providers";
import { SdkTypes, shapeOf } from "../helpers/sdk-types";

// What the types do not show (which input replaces a resource) was compared with the official schemas by hand.
for (const create of Object.values(providers)) {
  const { name, config, resources, functions } = create();
  describe(`The stand-in for ${name} against the npm package's types`, () => {
    let sdk: SdkTypes;
    before(() => {
      sdk = new SdkTypes(name);
    });

    it("takes the same configuration", () => {
      const shape = sdk.shape("provider.d.ts", "ProviderArgs");
      assert.deepEqual(Object.keys(config).sort(), Object.keys(shape).sort());
    });

    for (const { token, sdk: names, inputs, outputs } of [...resources, ...functions]) {
      it(`has the inputs of ${token}`, () => {
        assert.deepEqual(shapeOf(inputs), sdk.shape(names.file, names.args));
      });

      it(`has the outputs of ${token}`, () => {
        assert.deepEqual(shapeOf(outputs), sdk.shape(names.file, names.result));
      });

      it(`has the secret outputs and the token of ${token}`, () => {
        const script = fs.readFileSync(
          path.resolve("node_modules/@pulumi", name, names.file.replace(/\.d\.ts$/, ".js")),
          "utf8",
        );
        const secrets = JSON.parse(/additionalSecretOutputs: (\[.*?\])/.exec(script)?.[1] ?? "[]") as string[];
        assert.deepEqual(
          Object.keys(outputs).filter((output) => outputs[output]?.secret === true),
          secrets,
        );
        assert.match(script, new RegExp(`['"]${token}['"]`));
      });
    }
  });
}
