const lookMs = 250;

/**
 * Calls back when nobody wants the outcome of this program any more: at SIGINT and SIGTERM, and when Pulumi cancels the
 * update. Of a `command.local.Command` its plugin ends the shell alone, and then waits until what that has started has
 * ended, too.
 * @param ended `how`: the signal's name, or `cancelled`. It should end the process.
 */
export function onCancel(ended: (how: string) => void): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => ended(signal));
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    ended("cancelled");
  }, lookMs);
  timer.unref();
}
