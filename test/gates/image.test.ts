import assert from "node:assert/strict";

import { image, type ImageOrder } from "../../gates/image";
import { gateTools } from "../support/gate-tools";
import { Programs } from "../support/programs";

const good = {
  id: 'echo "sha256:1"',
  size: "echo 1900000000",
  version: 'echo "Odoo Server 19.0"',
  modules: `echo noise; echo '{"imported": 3, "missing": [], "broken": {}, "contents": {"shop": {"version": "19.0.1.0.0", "hash": "abc"}}}'`,
};

describe("The gate of the pushed image", () => {
  let programs: Programs;
  const order: ImageOrder = {
    stack: "odoo/none",
    image: `registry.example.com/team/odoo@sha256:${"a".repeat(64)}`,
    maxBytes: 2e9,
    modules: ["shop"],
  };
  const tools = gateTools(".");

  /** A Docker that answers each question with a script. */
  function answer(scripts: Partial<typeof good>): void {
    const { id, size, version, modules } = { ...good, ...scripts };
    programs.recorded(
      "docker",
      `case "$*" in
        *.Id*) ${id};;
        *.Size}}*CreatedBy*) printf '1500000000\\tRUN a\\n300000000\\tCOPY  b\\n0\\tENV c\\n5\\tRUN |2 A=1 B=2 /bin/sh -c pip install\\n';;
        *.Size*) ${size};;
        *--version) ${version};;
        run*python3*) ${modules};;
        *) exit 9;;
      esac`,
    );
  }

  beforeEach(() => {
    programs = new Programs();
    answer({});
  });
  afterEach(() => programs.remove());

  it("passes with its size, its layers, its version and its modules", async () => {
    const { facts } = await image.run(order, tools);
    assert.deepEqual(facts, {
      bytes: 1.9e9,
      version: "Odoo Server 19.0",
      modules: 3,
      contents: ["shop 19.0.1.0.0 abc"],
      layers: ["1500000000 RUN a", "300000000 COPY b", "5 RUN pip install"],
    });
  });

  it("runs every container without a network, capabilities and a root that can be written", async () => {
    await image.run(order, tools);
    const runs = programs.calls("docker").filter((call) => call.startsWith("run "));
    assert.equal(runs.length, 2);
    for (const call of runs) assert.match(call, /--read-only .*--cap-drop=ALL .*no-new-privileges .*--network none/);
  });

  const refusals: readonly [string, Partial<typeof good>, RegExp][] = [
    ["larger than it may be", { size: "echo 2100000000" }, /IMAGE_SIZE_EXCEEDED[^]*2100 MB[^]*1500 MB {2}RUN a/],
    ["without an answer of Odoo's", { version: "echo hello" }, /ENTRYPOINT_ERROR[^]*hello/],
    ["that ends at once", { version: "echo broken >&2; exit 3" }, /ENTRYPOINT_ERROR[^]*broken/],
    ["of which there is no container", { version: "echo 'no such runtime' >&2; exit 125" }, /CONTAINER_START_FAILURE/],
    [
      "without a module",
      { modules: `echo '{"imported": 1, "missing": ["shop"], "broken": {}}'` },
      /MISSING_ADDONS[^]*found: +shop/,
    ],
    [
      "with a module that cannot be imported",
      { modules: `echo '{"imported": 2, "missing": [], "broken": {"shop": "ImportError: no stripe"}}'` },
      /IMPORT_ERROR[^]*shop: ImportError: no stripe/,
    ],
    ["whose Odoo cannot be imported", { modules: "echo Traceback >&2; exit 1" }, /IMPORT_ERROR[^]*Traceback/],
  ];
  for (const [what, scripts, expected] of refusals) {
    it(`refuses one ${what}`, async () => {
      answer(scripts);
      await assert.rejects(image.run(order, tools), expected);
    });
  }
});
