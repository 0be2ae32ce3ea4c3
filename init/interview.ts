import { answerNames, type AnswerName, type Answers, problemOf, questionOf, usualAnswer } from "./answers";
import type { StackFile } from "./stack-file";

/** A person at a terminal. */
export interface Person {
  /** Answer in one line. @throws ShipError where nobody answers any more */
  ask(text: string): Promise<string>;
  say(text: string): void;
}

/** Asks all questions that count. A wrong answer is said at once, and asked for again. */
export async function interview(files: readonly StackFile[], person: Person): Promise<Answers> {
  let answers: Answers = {};
  for (const name of answerNames) {
    const question = questionOf(name);
    if (!(question.applies?.(answers) ?? true)) continue;
    const usual = usualOf(name, answers, files);
    for (let problem: string | undefined = ""; problem !== undefined;) {
      const given = (await person.ask(`${question.ask}${usual === "" ? "" : ` [${usual}]`}: `)).trim();
      const tried: Answers = { ...answers, [name]: given === "" ? usual : given };
      problem = problemOf(name, tried);
      if (problem === undefined) answers = tried;
      else person.say(`  ${problem}`);
    }
  }
  return answers;
}

/** Completes answers of a file by what nobody needs to say. */
export function completed(files: readonly StackFile[], given: Answers): Answers {
  return answerNames.reduce<Answers>((answers, name) => {
    if (given[name] !== undefined || !(questionOf(name).applies?.(answers) ?? true)) return answers;
    return { ...answers, [name]: usualOf(name, answers, files) };
  }, given);
}

function usualOf(name: AnswerName, answers: Answers, files: readonly StackFile[]): string {
  const { config = {} } = files.find(({ stack }) => stack === questionOf(name).stack) ?? {};
  const texts = Object.entries(config).map(([key, text]) => [key, name === "from" ? listText(text) : text] as const);
  return usualAnswer(name, answers, Object.fromEntries(texts));
}

/** A list of the file as an answer. */
function listText(text: string): string {
  return text.startsWith("[") ? (JSON.parse(text) as unknown[]).join(", ") : text;
}
