import { runSession } from "../sandbox/session";
import type { Bench } from "./bench";
import { gatesBench } from "./gates";
import { imageBench } from "./image";
import { largeBench } from "./large";
import { releaseBench } from "./release";
import { rollbackBench } from "./rollback";
import { targetsBench } from "./targets";
import { vpsBench } from "./vps";

const benches: Readonly<Record<string, Bench>> = {
  image: imageBench,
  vps: vpsBench,
  release: releaseBench,
  rollback: rollbackBench,
  targets: targetsBench,
  gates: gatesBench,
  large: largeBench,
};

const [name = ""] = process.argv.slice(2);
const bench = Object.hasOwn(benches, name) ? benches[name] : undefined;
if (bench === undefined) {
  console.error(name === "" ? "which benchmark?" : `no benchmark is named "${name}"`);
  for (const [known, { help }] of Object.entries(benches)) console.error(`  npm run bench -- ${known}  ${help}`);
  process.exitCode = 2;
} else {
  // A reset of the sandbox in the middle would spoil the figures.
  runSession(true, () => bench.run());
}
