import { lookUp } from "./look-up.ts";
import { type TunedMachine, tunedFunctions, unansweredFunctions } from "./tuned-functions.ts";

/** Functions that are asked whether a variable has a value, so also about one that has none. */
const TAKES_TEXT = ["assertion", "assertion_non_equal", "regex_search_ternary"];

/**
 * The variables of a profile, and what texts mean with them. `${name}` stands for a variable that was defined before; `${f:name:a:b}` for a function's
 * answer, innermost first; `\${name}` for itself.
 */
export class TunedVariables {
  readonly #machine: TunedMachine;
  readonly #values = new Map<string, string>();
  readonly #why = new Map<string, string>();
  /** Assertions that failed: tuned would not load the profile. */
  readonly failed: string[] = [];

  constructor(machine: TunedMachine) {
    this.#machine = machine;
  }

  /** Defines a variable by what its text means now. Refuses a name that tuned refuses. */
  define(name: string, text: string): boolean {
    if (!/^\w+$/.test(name)) return false;
    this.#values.set(name, this.expand(text));
    return true;
  }

  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  expand(text: string): string {
    const known = text
      .replaceAll(/(?<!\\)\$\{(\w+)\}/g, (whole, name: string) => this.#values.get(name) ?? whole)
      .replaceAll(/\\(\$\{\w+\})/g, "$1");
    return this.#call(known).replaceAll(/\\(\$\{f:.*\})/g, "$1");
  }

  /** Why a text that was expanded still has a variable or a function in it; undefined where it has none. */
  unsettled(text: string): string | undefined {
    const call = [...this.#why].find(([literal]) => text.includes(literal));
    if (call !== undefined) return call[1];
    const name = /\$\{(\w+)\}/.exec(text)?.[1];
    if (name !== undefined) return `the variable ${name} is not defined`;
    return text.includes("${") ? "its ${...} is not understood" : undefined;
  }

  #call(text: string): string {
    let result = "";
    // Where each ${ that is still open began in `result`, and whether a backslash stood before it.
    const open: { at: number; escaped: boolean }[] = [];
    for (let index = 0; index < text.length; index += 1) {
      if (text.startsWith("${", index)) open.push({ at: result.length, escaped: text[index - 1] === "\\" });
      result += text[index];
      if (text[index] !== "}") continue;
      const start = open.pop();
      if (start === undefined || start.escaped) continue;
      result = result.slice(0, start.at) + this.#answer(result.slice(start.at));
    }
    return result;
  }

  #answer(call: string): string {
    const [keyword, name = "", ...args] = call
      .slice(0, -1)
      .split(/(?<!\\):/)
      .map((part) => part.replaceAll("\\:", ":"));
    if (keyword !== "${f") return call;
    const asked = lookUp(tunedFunctions, name);
    if (asked === undefined) {
      const why = lookUp(unansweredFunctions, name) ?? "no function of that name is known here";
      this.#why.set(call, `the function ${name} is not answered: ${why}`);
      return call;
    }
    const open = args.map((arg) => this.unsettled(arg)).find((reason) => reason !== undefined);
    if (open !== undefined && !(TAKES_TEXT.includes(name) && !args.some((arg) => arg.includes("${f:")))) {
      this.#why.set(call, open);
      return call;
    }
    const answer = asked(args, this.#machine);
    if (typeof answer === "string") return answer;
    if ("fails" in answer) {
      this.failed.push(answer.fails);
      return "";
    }
    this.#why.set(call, `the function ${name} is not answered: ${answer.unknown}`);
    return call;
  }
}
