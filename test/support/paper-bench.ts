import { gateTools, type WatchedTools } from "./gate-tools";
import { PaperRegistry } from "./paper-registry";
import { Programs } from "./programs";

/** What a gate that reads an image from its registry works with. */
export interface PaperBench {
  readonly registry: PaperRegistry;
  readonly programs: Programs;
  /** Of the folder of the programs alone. */
  readonly tools: WatchedTools;
}

/** A bench that is new for each test of the group in which this is called, and gone after it. */
export function paperBench(): () => PaperBench {
  let bench: PaperBench;
  beforeEach(async () => {
    const registry = new PaperRegistry();
    await registry.start();
    const programs = new Programs();
    bench = { registry, programs, tools: gateTools(programs.folder) };
  });
  afterEach(() => {
    bench.programs.remove();
    bench.registry.remove();
  });
  return () => bench;
}
