// The tools are plain JavaScript, because they run before anything is installed. This is what of them is tested.

declare module "*/command.mjs" {
  export function run(
    argv: readonly string[],
    options?: {
      env?: NodeJS.ProcessEnv;
      cwd?: string;
      note?: (line: string) => void;
      timeoutMs?: number;
      firstOutputMs?: number;
      nice?: number;
    },
  ): Promise<string>;
}

declare module "*/engine-log.mjs" {
  export interface Create {
    readonly urn: string;
    readonly startMs: number;
    readonly endMs: number;
    readonly properties: {
      readonly record: { readonly startedAt: string; readonly durationMs: number };
    };
  }
  export interface Parts {
    readonly whole: number;
    readonly before: number;
    readonly tool: number;
    readonly around: number;
    readonly after: number;
  }
  export function createsIn(log: string): Create[];
  export function partsOf(
    create: Pick<Create, "startMs" | "endMs" | "properties">,
    toolSeconds: number,
  ): Parts;
}

declare module "*/engine.mjs" {
  export interface Engine {
    readonly folder: string;
    readonly version: string;
    readonly runsPolicyFolders: boolean;
  }
  export const engineVersion: string;
  export function fits(version: string): boolean;
  export function findEngine(env?: NodeJS.ProcessEnv): Engine | undefined;
}

declare module "*/environment.mjs" {
  export interface Backend {
    readonly isOurs: boolean;
    readonly url?: string;
    readonly passphraseFile?: string;
    readonly why: string;
  }
  export function chooseBackend(
    env: NodeJS.ProcessEnv,
    credentials: { readonly current?: string } | undefined,
    folder?: string,
  ): Backend;
  export function environment(env?: NodeJS.ProcessEnv): NodeJS.ProcessEnv;
}

declare module "*/npm-packages.mjs" {
  export interface Lock {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly optional?: boolean }>>;
  }
  export function fitsLock(lock: Lock | undefined, installed: Lock | undefined): boolean;
}

declare module "*/pulumi.mjs" {
  export function stackOf(
    args: readonly string[],
    env?: NodeJS.ProcessEnv,
  ): { readonly stack: string; readonly rest: readonly string[] };
  export function dropSalt(stack: string, folder?: string): void;
  export function isLockedByTheDead(folder: string): boolean;
}

declare module "*/setup.mjs" {
  export function checkNode(version: string): string;
}

declare module "*/system-packages.mjs" {
  export interface Release {
    readonly name: string;
    readonly isDebian: boolean;
  }
  export interface SystemPackage {
    readonly package: string;
    readonly why: string;
  }
  export function osRelease(text: string): Release;
  export function whyNotInstall(
    missing: readonly SystemPackage[],
    release: Release,
    uid: number | undefined,
  ): string | undefined;
}

declare module "*/verdict.mjs" {
  export interface Verdict {
    readonly passed: number;
    readonly failed: number;
    readonly failures: readonly { readonly name: string; readonly message: string }[];
    readonly skipped: readonly string[];
  }
  export function verdict(report: unknown, exitCode: number): Verdict;
  export function verdictLines(verdict: Verdict): string[];
}

declare module "*/where-time-went.mjs" {
  export interface Time {
    readonly name: string;
    readonly seconds: number;
  }
  export function wasUpdated(eventLog: string): boolean;
  export function resourceTimes(eventLog: string): Time[];
  export function timeTable(steps: readonly Time[], resources: readonly Time[], engineStep: string): string;
}

declare module "*/scheduler-trace.mjs" {
  export interface Share {
    readonly turns: number;
    readonly seconds: number;
  }
  export interface Occupancy {
    readonly cpu: number;
    readonly from: number;
    readonly to: number;
    readonly seconds: number;
    readonly tool: Share;
    readonly others: readonly (Share & { readonly name: string; readonly isKernel: boolean })[];
    readonly interrupts: Readonly<Record<string, number>>;
  }
  export function lifeOf(
    lives: string,
    program: string,
    during: { readonly from: number; readonly to: number },
  ): number;
  export function occupancyOf(trace: string, tool: string, kernelThreads: ReadonlySet<number>): Occupancy[];
}

declare module "*/overhead.mjs" {
  import type { Parts } from "*/engine-log.mjs";
  import type { Occupancy } from "*/scheduler-trace.mjs";

  interface TracedJob {
    readonly parts: Parts;
    readonly occupancy: readonly Occupancy[];
    readonly invalidReasons: readonly string[];
  }
  export interface Overhead {
    readonly tool: string;
    readonly interval: string;
    readonly durations: { readonly short: number; readonly long: number };
    readonly measured: readonly number[];
    readonly isolated: number;
    readonly kernel: string;
    readonly short: readonly TracedJob[];
    readonly long: readonly TracedJob[];
    readonly byHand: readonly {
      readonly parts: Pick<Parts, "whole" | "tool">;
      readonly occupancy: readonly Occupancy[];
    }[];
  }
  export function overheadLines(result: Overhead): string[];
}

declare module "*/provider-bundle.mjs" {
  export function bundleProvider(file?: string): Promise<"made" | "unchanged">;
}

declare module "*/browser.mjs" {
  export const hasBrowser: boolean;
  export function browser(cache?: string): {
    readonly folder: string;
    readonly executable: string;
    readonly env: Readonly<Record<string, string>>;
  };
  export function installBrowser(cache?: string): Promise<string>;
}
