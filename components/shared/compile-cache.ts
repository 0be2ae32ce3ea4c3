import * as node from "node:module";
import * as path from "node:path";

/**
 * What the programs that an update starts, a dozen of them, and the operator's commands import first: Node keeps what
 * it has compiled of all that is imported after it, by content, where load-program.js keeps that of the stack's
 * program.
 */
const folder = path.join(__dirname, "..", "..", ".build", "program", "compiled");

// Not in Node before 22.1.
(node as Partial<typeof node>).enableCompileCache?.(folder);
