import type { BootArgument } from "../observe/boot-arguments.ts";
import type { LoaderKind, MenuEntry } from "../observe/boot-entries.ts";
import type { ObservedBootLoader } from "../observe/boot-loader.ts";
import type { FoundLoader, Restoration, StagedEntry } from "./boot-sets.ts";
import * as entryFiles from "./entry-files.ts";
import * as grubMenu from "./grub-menu.ts";
import type { Step } from "./step.ts";

/** What loaders do each in its own way. */
interface LoaderWay {
  readonly requireOneShot: (loader: ObservedBootLoader, host: string) => void;
  readonly defaultEntry: (loader: ObservedBootLoader) => string;
  readonly ownEntry: (loader: ObservedBootLoader) => MenuEntry | undefined;
  readonly stagedEntry: (loader: ObservedBootLoader) => StagedEntry | undefined;
  readonly stageSteps: (
    name: string,
    list: readonly BootArgument[],
    loader: ObservedBootLoader,
    running: string,
  ) => Step[];
  readonly isConfigured: (name: string, list: readonly BootArgument[], loader: ObservedBootLoader) => boolean;
  readonly requireStaged: (loader: ObservedBootLoader, host: string) => void;
  readonly bootOnce: (loader: ObservedBootLoader, id: string) => Step;
  readonly promoteSteps: (entry: StagedEntry, loader: ObservedBootLoader) => Step[];
  /** Prints what {@link foundLoader} is to keep beside what is observed anyway. */
  readonly foundStep?: Step;
  readonly foundLoader: (loader: ObservedBootLoader, printed: string) => FoundLoader;
  readonly unstageSteps: (name: string, loader: ObservedBootLoader, found: FoundLoader | undefined) => Step[];
  readonly restoreSteps: (loader: ObservedBootLoader, found: FoundLoader) => Restoration;
}

const ways: Readonly<Record<LoaderKind, LoaderWay>> = {
  "grub-menu": {
    ...grubMenu,
    stageSteps: (name, list, loader, running) =>
      grubMenu.stageSteps(name, list, loader, grubMenu.kernelToKeep(loader, running)),
    bootOnce: (_, id) => grubMenu.bootOnce(id),
    foundStep: grubMenu.regeneratedHash,
  },
  "grub-entries": entryFiles,
  "systemd-boot": entryFiles,
};

/**
 * How the boot loader of a machine is dealt with, whichever it is: entries of our own beside the machine's, one of them booted once, and made the default when it
 * came up.
 */
export function wayOf({ kind }: Pick<ObservedBootLoader, "kind">): LoaderWay {
  return ways[kind];
}

/**
 * What the next boot would change, a sentence: it is by another entry of nfvlab's than the machine was booted by. Undefined where it is by the same one, or both are by none.
 */
export function pendingBoot(loader: ObservedBootLoader, booted: string | undefined): string | undefined {
  const next = wayOf(loader).stagedEntry(loader)?.id;
  if (next === booted) return undefined;
  const entry = (id: string | undefined) => (id === undefined ? "no entry of nfvlab's" : `entry ${id}`);
  return `a reboot is pending: the machine runs by ${entry(booted)}, and boots next by ${entry(next)}`;
}
