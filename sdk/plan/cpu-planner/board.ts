import type { Claim } from "./draft.ts";
import type { Core, Node, Topology } from "./topology.ts";

/** Who has claimed which CPU so far, and which cores are left. */
export class Board {
  readonly topology: Topology;
  readonly claims: Claim[] = [];
  readonly #claimsOf = new Map<number, Claim[]>();

  constructor(topology: Topology) {
    this.topology = topology;
  }

  get claimsOf(): ReadonlyMap<number, readonly Claim[]> {
    return this.#claimsOf;
  }

  claim(claim: Claim): void {
    if (claim.cpus.length === 0) return;
    this.claims.push(claim);
    for (const cpu of claim.cpus) {
      const claims = this.#claimsOf.get(cpu);
      if (claims === undefined) this.#claimsOf.set(cpu, [claim]);
      else claims.push(claim);
    }
  }

  /** No hardware thread of it is claimed: a sibling that works would slow whoever gets the rest. */
  isFree = (core: Core): boolean => !core.cpus.some((cpu) => this.#claimsOf.has(cpu));

  freeCores(node: Node | undefined): Core[] {
    return node?.cores.filter(this.isFree) ?? [];
  }

  node(numaNode: number | undefined): Node | undefined {
    return this.topology.nodes.find((node) => node.numaNode === numaNode);
  }
}
