import type { Provider } from "../resource";
import { localCommand } from "./local-command";

/** Commands on this machine. */
export function command(): Provider {
  return { name: "command", config: {}, resources: [localCommand], functions: [], configure: () => undefined };
}
