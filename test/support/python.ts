import { execFileSync } from "node:child_process";

/** Python itself: `python3` may be a version manager's script, which costs more than most of what tests run with it. */
export const python = execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
