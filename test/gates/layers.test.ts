import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as path from "node:path";

import { layersOf, readFromLayers, storedImage, unpackLayer } from "../../gates/layers";
import { inTemporaryFolder } from "../../gates/temporary";
import { diffId, ours, PaperRegistry, paperStack } from "../support/paper-registry";

describe("The layers of an image", () => {
  const history = [
    { created_by: "base one" },
    { created_by: "ENV A=1", empty_layer: true },
    { created_by: "base two" },
    { created_by: ours, empty_layer: true },
    { created_by: "RUN   apt-get\tupgrade" },
  ];
  const diffIds = [0, 1, 2].map(diffId);

  it("are ours from the first argument of our Dockerfile on", () => {
    const layers = layersOf({ rootfs: { diff_ids: diffIds }, history });
    assert.deepEqual(
      layers.map(({ by, own }) => [by, own]),
      [
        ["base one", false],
        ["base two", false],
        ["RUN apt-get upgrade", true],
      ],
    );
  });

  it("are all taken for ours where their history does not tell", () => {
    const own = (config: Parameters<typeof layersOf>[0]) => layersOf(config).filter((layer) => layer.own).length;
    assert.equal(own({ rootfs: { diff_ids: diffIds } }), 3);
    assert.equal(own({ rootfs: { diff_ids: diffIds }, history: history.slice(0, 3) }), 3);
    assert.equal(own({ rootfs: { diff_ids: diffIds }, history: history.slice(1) }), 3);
  });

  it("are told apart by an argument that stands above the first layer of our Dockerfile", () => {
    const dockerfile = fs.readFileSync(path.join(__dirname, "..", "..", "images", "odoo", "Dockerfile"), "utf8");
    const [, system = ""] = /^FROM \$\{BASE_IMAGE\} AS system\n([^]*?)^RUN /m.exec(dockerfile) ?? [];
    assert.match(system, /^ARG SYSTEM_PACKAGES=/m);
    assert.doesNotMatch(system, /^(COPY|ADD|WORKDIR)/m);
  });

  describe("in a registry", () => {
    let registry: PaperRegistry;
    beforeEach(async () => {
      registry = new PaperRegistry();
      await registry.start();
    });
    afterEach(() => registry.remove());

    const looked = <T>(image: string, look: (stored: Awaited<ReturnType<typeof storedImage>>, at: string) => T) =>
      inTemporaryFolder(async (folder) => look(await storedImage({ stack: paperStack, image }, folder), folder));

    it("are unpacked under numbers, without links, wherever their names would lead", async () => {
      const outside = path.join(process.env["TMPDIR"] ?? "", "outside");
      const files = { "../../outside": "a", [outside]: "b", link: "-> /etc", "link/passwd": "c", empty: "" };
      const image = registry.image([{ by: "COPY x", files }]);
      await looked(image, async (stored, folder) => {
        const [layer] = stored.layers;
        assert.ok(layer);
        const target = path.join(folder, "out");
        assert.deepEqual(await unpackLayer(stored, layer, target, 100), ["../../outside", outside, "link/passwd"]);
        assert.deepEqual(fs.readdirSync(target).sort(), ["0", "1", "2"]);
        assert.equal(fs.readFileSync(path.join(target, "2"), "utf8"), "c");
        assert.ok(!fs.existsSync(outside));
      });
      assert.deepEqual(registry.left(), []);
    });

    it("are refused if they are too large, or are not what their digest names", async () => {
      const image = registry.image([{ by: "COPY large", files: { a: "x".repeat(200) } }]);
      await looked(image, async (stored, folder) => {
        const [layer] = stored.layers;
        assert.ok(layer);
        await assert.rejects(
          unpackLayer(stored, layer, path.join(folder, "1"), 100),
          /SCAN_INCOMPLETE[^]*COPY large: ValueError: it has more than 100 bytes/,
        );
        registry.put(Buffer.from("something else"), layer.blob);
        await assert.rejects(unpackLayer(stored, layer, path.join(folder, "2"), 100), /MANIFEST_ERROR[^]*something/);
      });
    });

    it("show a file as the uppermost of ours has it, and fetch nothing below it", async () => {
      const layers = [
        { by: "base", files: { "opt/a": "base" } },
        { by: "RUN 1", files: { "opt/a": "first" } },
        { by: "RUN 2", files: { "opt/a": "second" } },
      ];
      const image = registry.image(layers, 1);
      await looked(image, async (stored, folder) => {
        assert.equal(await readFromLayers(stored, "opt/a", path.join(folder, "a")), "second");
        assert.ok(!registry.asked.some((url) => url.endsWith(stored.layers[1]?.blob ?? "")));
        assert.equal(await readFromLayers(stored, "opt/b", path.join(folder, "b")), undefined);
        assert.ok(!registry.asked.some((url) => url.endsWith(stored.layers[0]?.blob ?? "")), "the base's is not ours");
      });
    });
  });
});
