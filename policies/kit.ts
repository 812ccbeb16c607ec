/**
 * What policies are written with, ours and a lab's own: a policy, the lab that it judges, properties that may not be known yet, and the forms of a sentence.
 * How: docs/own-policies.md.
 */
export { type Asking, asking, sayUnplaced } from "./ask.ts";
export { type Chain, chainsOf } from "./chains.ts";
export type { CpuClaim, CpuRole, Gap, MemoryDemand, Where } from "./claims.ts";
export { where, written } from "./claims.ts";
export type { Guest } from "./guests.ts";
export type { Lab } from "./lab.ts";
export { type CataloguedPolicy, type Findings, type LabPolicy, labPolicy } from "./lab-policy.ts";
export type { Machine, Pool, SwitchPort } from "./machine.ts";
export { ofType } from "./machine.ts";
export { matches } from "./pattern.ts";
export {
  flag,
  isNull,
  keys,
  number,
  type Path,
  type PathIn,
  positions,
  type Reading,
  type Stated,
  text,
  titleOf,
  UNKNOWN,
} from "./property.ts";
export { isBenchmark, type Measurement, type MetricAt, measurementsOf, metricsOf } from "./records.ts";
export type { Mend, Remediation } from "./remediation.ts";
export { type ClassOf, type Selection, type StateIn, select } from "./select.ts";
export { cited, cpusOf, listed, property, size } from "./sentence.ts";
export { servePack } from "./serve-pack.ts";
export type { Topology } from "./topology.ts";
