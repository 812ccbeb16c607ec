/** What QEMU says of its latest migration (query-migrate). Which fields it has depends on state and version: what is not there is undefined. */
export interface MigrationStatus {
  /** `none` where there was none yet, else QEMU's word: `active`, `completed`, `failed`, `cancelled`, … */
  readonly status: string;
  readonly totalMs: number | undefined;
  /** Only of one that completed; before, QEMU tells an expectation by another name. */
  readonly downtimeMs: number | undefined;
  readonly setupMs: number | undefined;
  readonly ram: MigrationRam | undefined;
  /** For people: clients are not to understand it. */
  readonly problem: string | undefined;
  /** Why it could not be migrated now (QEMU 6.0). */
  readonly blocked: readonly string[];
}

export interface MigrationRam {
  readonly totalBytes: number;
  readonly transferredBytes: number;
  readonly remainingBytes: number;
  /** Looks at which pages were written: one more than full passes. */
  readonly iterations: number;
  readonly dirtyPagesPerSecond: number;
  readonly pageSize: number;
}

/** What QEMU can be asked for: capabilities by name, and names of parameters. */
export interface MigrationAbilities {
  readonly capabilities: ReadonlySet<string>;
  readonly parameters: ReadonlySet<string>;
}

/** What libvirt says of a job (virsh domjobinfo --rawstats). */
export interface MigrationJob {
  readonly elapsedMs: number;
  readonly setupMs: number;
  readonly downtimeMs: number | undefined;
  readonly totalBytes: number;
  readonly transferredBytes: number;
  readonly iterations: number;
  readonly dirtyPagesPerSecond: number;
  readonly pageSize: number;
}

/** An event of QEMU's, by the clock of its machine. */
export interface MigrationEvent {
  readonly event: string;
  /** Since 1970, in whole µs: exact in a number until the year 2255. */
  readonly atUs: number;
  /** Of MIGRATION: the state that it has come to. */
  readonly status?: string | undefined;
}

/** Everything that was seen of one migration, from the machine that the guest left. */
export interface ObservedMigration {
  /** Exit code of virsh. */
  readonly code: number;
  /** What virsh said, in one line. */
  readonly said: string;
  /** It was cancelled because its time was over. */
  readonly late: boolean;
  /** libvirt had not cancelled it when the script ended. */
  readonly stuck: boolean;
  readonly events: readonly MigrationEvent[];
  /** The job as it was seen once a second. */
  readonly seen: readonly MigrationJob[];
  /** What the QEMU that the guest left says; undefined where that is gone, as after a migration. */
  readonly status: MigrationStatus | undefined;
}
