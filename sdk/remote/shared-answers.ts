import type { Answer } from "../units/question.ts";
import type { Question } from "./batch.ts";

/** Reads that come closer together than this are asked in one round trip, ms. */
const GATHER_MS = 10;
/** Answers that came longer ago are asked for again, ms. One engine step's reads follow each other much faster. */
const FRESH_MS = 15_000;
/** The same in times of what the answers took to come: where they come slowly, so do those who ask. */
const FRESH_TRIPS = 2;

/**
 * The answers of one machine, shared by all who ask about it in one engine step: reads that come together make one round trip, and one that
 * needs more than was asked so far asks for everything at once. So a refresh costs at most two round trips a machine, whatever the number of resources.
 */
export class SharedAnswers {
  readonly #ask: (questions: readonly Question[]) => Promise<Map<string, Answer>>;
  readonly #everything: readonly Question[];
  #answers = new Map<string, Promise<Answer>>();
  #gathering: Map<string, Question> | undefined;
  #trip: Promise<Map<string, Answer>> | undefined;
  #askedBefore = false;
  /** Trips that are gathered or under way, since something was last changed. */
  #away = new Set<object>();
  #freshUntil = 0;

  /** @param everything what any resource of the machine may ask */
  constructor(
    ask: (questions: readonly Question[]) => Promise<Map<string, Answer>>,
    everything: readonly Question[],
  ) {
    this.#ask = ask;
    this.#everything = everything;
  }

  async get(questions: readonly Question[]): Promise<Map<string, Answer>> {
    if (this.#away.size === 0 && performance.now() > this.#freshUntil) this.invalidate();
    for (const question of questions) this.#want(question);
    const answers = await Promise.all(questions.map(({ name }) => this.#answers.get(name)));
    return new Map(questions.map(({ name }, index) => [name, answers[index] as Answer]));
  }

  /** Something has been changed on the machine: what was known of it is out of date. */
  invalidate(): void {
    this.#answers = new Map();
    this.#gathering = undefined;
    this.#trip = undefined;
    this.#askedBefore = false;
    this.#away = new Set();
  }

  #want(question: Question): void {
    if (this.#answers.has(question.name)) return;
    if (this.#gathering === undefined) this.#start();
    const gathering = this.#gathering as Map<string, Question>;
    const trip = this.#trip as Promise<Map<string, Answer>>;
    for (const wanted of this.#askedBefore ? [question, ...this.#everything] : [question]) {
      if (this.#answers.has(wanted.name)) continue;
      gathering.set(wanted.name, wanted);
      const answer = this.#answerOf(wanted.name, trip);
      // Not everybody who is answered has asked: a failure that nobody waits for must not end the process.
      answer.catch(() => undefined);
      this.#answers.set(wanted.name, answer);
    }
  }

  #start(): void {
    const gathering = new Map<string, Question>();
    const away = this.#away;
    away.add(gathering);
    this.#gathering = gathering;
    this.#trip = new Promise((resolve, reject) => {
      setTimeout(() => {
        if (this.#gathering === gathering) {
          this.#gathering = undefined;
          this.#askedBefore = true;
        }
        const asked = performance.now();
        this.#ask([...gathering.values()])
          .finally(() => {
            away.delete(gathering);
            if (away !== this.#away) return;
            const now = performance.now();
            this.#freshUntil = now + Math.max(FRESH_MS, FRESH_TRIPS * (now - asked));
          })
          .then(resolve, reject);
      }, GATHER_MS);
    });
    // A trip that failed says nothing: the next one asks again.
    this.#trip.catch(() => this.invalidate());
  }

  async #answerOf(name: string, trip: Promise<Map<string, Answer>>): Promise<Answer> {
    const answer = (await trip).get(name);
    if (answer === undefined) throw new Error(`no answer to ${name}`);
    return answer;
  }
}
