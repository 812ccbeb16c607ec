declare module "*/tools/evidence.mjs" {
  export interface Finding {
    readonly policy: string;
    readonly level: "mandatory" | "advisory";
    readonly message: string;
    readonly passed: boolean;
  }
  export interface Judgement {
    readonly findings: readonly Finding[];
    readonly judged: ReadonlySet<string>;
    readonly isWhole: boolean;
  }
  export function judgement(events: string): Judgement | undefined;
  export function verdicts(
    update: Judgement | undefined,
    analysis: Judgement | undefined,
  ): Finding[] | undefined;
  export function findingLines(judgement: Judgement): string[];
}
