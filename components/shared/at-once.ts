/** Requests under way at a time. */
const most = 6;

/** Does the same for each of many, some at a time; answers in the order of what was given. */
export async function atOnce<T, R>(all: readonly T[], each: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  const waiting = all.entries();
  const work = async () => {
    for (const [at, one] of waiting) answers[at] = await each(one);
  };
  await Promise.all(Array.from({ length: most }, work));
  return answers;
}
