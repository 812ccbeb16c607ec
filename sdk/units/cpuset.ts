import { InputError } from "./errors.ts";

/** A CPU list as Linux writes it: `"0-3,8,10-11"`, `""` for none. */
export type CpuList = string;

const ITEM = /^(\d+)(?:-(\d+)(?::(\d+)\/(\d+))?)?$/;
const HIGHEST_CPU = 8191; // CONFIG_NR_CPUS at its largest on x86

/**
 * An immutable set of logical CPU numbers.
 *
 * Reads the kernel's cpulist (with strides such as `0-10:2/4`) and libvirt's exclusions (`1-4,^2`); writes the canonical
 * form: ascending, ranges collapsed. Masks are computed with BigInt, so hosts beyond 64 CPUs hold.
 *
 * @throws InputError `cpu-list` where the text is no CPU list
 * @see https://docs.kernel.org/admin-guide/kernel-parameters.html#cpu-lists
 * @example CpuSet.parse("0-3,8").minus(CpuSet.parse("1")).format(); // "0,2-3,8"
 */
export class CpuSet implements Iterable<number> {
  static readonly empty = new CpuSet([]);
  readonly #cpus: readonly number[];

  private constructor(cpus: readonly number[]) {
    this.#cpus = cpus;
  }

  static of(cpus: Iterable<number>): CpuSet {
    return new CpuSet([...new Set(cpus)].sort((a, b) => a - b));
  }

  static parse(text: string): CpuSet {
    // What comes from a stack's configuration may be a number, whatever its type says.
    if (typeof text !== "string") throw notACpuList(text);
    const trimmed = text.trim();
    if (trimmed === "" || trimmed === "(null)") return CpuSet.empty;
    const included = new Set<number>();
    const excluded = new Set<number>();
    for (const item of trimmed.split(",")) {
      const negated = item.startsWith("^");
      for (const cpu of expand(negated ? item.slice(1) : item, text))
        (negated ? excluded : included).add(cpu);
    }
    return CpuSet.of([...included].filter((cpu) => !excluded.has(cpu)));
  }

  /** Reads a hexadecimal mask, `0x3c` as OVS writes it or `ff,c01ffc01` as /proc/irq does. */
  static fromMask(mask: string): CpuSet {
    const digits = mask.trim().replace(/^0x/i, "").replaceAll(",", "");
    if (!/^[0-9a-f]+$/i.test(digits)) {
      throw new InputError({
        code: "cpu-mask",
        problem: "not a CPU mask",
        observed: JSON.stringify(mask),
        expected: "hexadecimal digits, for instance 0x3c",
      });
    }
    const cpus: number[] = [];
    let bits = BigInt(`0x${digits}`);
    for (let cpu = 0; bits > 0n; cpu += 1, bits >>= 1n) if (bits & 1n) cpus.push(cpu);
    return new CpuSet(cpus);
  }

  get size(): number {
    return this.#cpus.length;
  }

  get first(): number | undefined {
    return this.#cpus[0];
  }

  [Symbol.iterator](): Iterator<number> {
    return this.#cpus[Symbol.iterator]();
  }

  has(cpu: number): boolean {
    return this.#cpus.includes(cpu);
  }

  union(other: CpuSet): CpuSet {
    return CpuSet.of([...this, ...other]);
  }

  minus(other: CpuSet): CpuSet {
    return CpuSet.of([...this].filter((cpu) => !other.has(cpu)));
  }

  intersect(other: CpuSet): CpuSet {
    return CpuSet.of([...this].filter((cpu) => other.has(cpu)));
  }

  isSubsetOf(other: CpuSet): boolean {
    return this.minus(other).size === 0;
  }

  equals(other: CpuSet): boolean {
    return this.format() === other.format();
  }

  /** Canonical cpulist; `""` for the empty set. */
  format(): CpuList {
    const ranges: string[] = [];
    let start: number | undefined;
    let end = -1;
    const close = () => {
      if (start !== undefined) ranges.push(start === end ? `${start}` : `${start}-${end}`);
    };
    for (const cpu of this.#cpus) {
      if (start === undefined || cpu !== end + 1) {
        close();
        start = cpu;
      }
      end = cpu;
    }
    close();
    return ranges.join(",");
  }

  toString(): string {
    return this.format();
  }

  /** Hexadecimal without leading zeros, as OVS's `pmd-cpu-mask` takes it. */
  toMask(): string {
    return `0x${this.#bits().toString(16)}`;
  }

  /** Comma-grouped 32-bit words, as /proc/irq and the workqueue files take it. */
  toGroupedMask(): string {
    const digits = this.#bits().toString(16);
    const groups: string[] = [];
    for (let end = digits.length; end > 0; end -= 8) groups.unshift(digits.slice(Math.max(0, end - 8), end));
    return groups.join(",");
  }

  #bits(): bigint {
    return this.#cpus.reduce((bits, cpu) => bits | (1n << BigInt(cpu)), 0n);
  }
}

function expand(item: string, whole: string): number[] {
  const match = ITEM.exec(item.trim());
  const [from, to, used, stride] = (match?.slice(1) ?? []).map((digits) =>
    digits === undefined ? undefined : Number(digits),
  );
  const last = to ?? from;
  if (from === undefined || last === undefined || last < from || last > HIGHEST_CPU || stride === 0) {
    throw notACpuList(whole);
  }
  const cpus = Array.from({ length: last - from + 1 }, (_, offset) => from + offset);
  return used === undefined || stride === undefined
    ? cpus
    : cpus.filter((cpu) => (cpu - from) % stride < used);
}

function notACpuList(text: unknown): InputError {
  return new InputError({
    code: "cpu-list",
    problem: "not a CPU list",
    observed: JSON.stringify(text),
    expected: `CPU numbers and ascending ranges up to ${HIGHEST_CPU}, for instance "2-9,34-41"`,
  });
}
