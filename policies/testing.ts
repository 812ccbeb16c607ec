/** What policies are tested with, ours and a lab's own. How: docs/own-policies.md. */
export { blindSpotsOf } from "./blind-spots.ts";
export { faultsOf, type PolicyCases } from "./four-cases.ts";
export {
  type Case,
  type Declared,
  type Judged,
  judge,
  remediated,
  resourcesOf,
  textOf,
  unknown,
  urnOf,
} from "./judging.ts";
