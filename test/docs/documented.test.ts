import { describe, expect, it } from "vitest";
import {
  argumentsWithoutText,
  classesWithoutExample,
  documentedProgram,
  propertiesWithoutText,
} from "./documented.ts";

describe("what users write with", () => {
  const program = documentedProgram();

  it("has an example for each class", () => {
    expect(classesWithoutExample(program)).toEqual([]);
  });

  it("has a text for each property of what constructors take", async () => {
    expect(await argumentsWithoutText(program)).toEqual([]);
  });

  it("has a docstring for each property of its interfaces", () => {
    expect(propertiesWithoutText(program)).toEqual([]);
  });
});

describe("a source that says too little", () => {
  const text = `
    import type { ArgsOf } from "../sdk/resources/lab-resource.ts";
    import { resourceClass } from "../sdk/resources/lab-resource.ts";
    import type { hugepages } from "../sdk/schema/hugepages.ts";
    import { facts } from "../sdk/schema/facts.ts";
    interface Inner { readonly unseen: string }
    export interface SilentArgs extends Omit<ArgsOf<typeof hugepages>, "host"> {
      /** Told. */
      readonly told: Inner;
      readonly untold: {
        /** Told. */
        readonly a: 1;
        readonly b: 2;
      };
    }
    export class Silent { constructor(name: string, args: SilentArgs) { void [name, args]; } }
    /** @example new Told("a"); */
    export class Told { constructor(name: string) { void name; } }
    /** A class, but no example. */
    export class Facts extends resourceClass(facts) {}
    class Own {}
  `;
  const program = documentedProgram(new Map([["components/silent.ts", text]]));

  it("is found out", async () => {
    expect(classesWithoutExample(program)).toEqual([
      "components/silent.ts Silent",
      "components/silent.ts Facts",
    ]);
    expect(await argumentsWithoutText(program)).toEqual(["components/silent.ts Silent.untold"]);
    expect(propertiesWithoutText(program)).toEqual([
      "components/silent.ts SilentArgs.untold",
      "components/silent.ts SilentArgs.untold.b",
    ]);
  });
});
