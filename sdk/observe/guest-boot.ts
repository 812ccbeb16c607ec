import { unreadable } from "./parse-error.ts";

/** One start of a guest or a container. */
export interface GuestBoot {
  /** From the order to start until libvirt or systemd had it running, ms. */
  readonly startMs: number;
  /** From the order to start until its first answer, ms. */
  readonly answerMs: number;
  /** Memory that it took by then; absent where nobody could tell. */
  readonly memoryBytes?: number;
  /** Version of what runs a container; absent of a guest. */
  readonly lxc?: string;
}

/**
 * Reads what a start took: `@booted`, with when it was ordered, when it ran and when it answered, ms, and the memory that it took by then; `@lxc` before it of a container.
 *
 * @throws HostError `parse`
 */
export function parseGuestBoot(text: string): GuestBoot {
  const [, from, started, answered, memory = ""] =
    /^@booted (\d{1,15}) (\d{1,15}) (\d{1,15})(?: (\d{0,15}))?\s*$/m.exec(text) ?? [];
  const [startMs, answerMs] = [Number(started) - Number(from), Number(answered) - Number(from)];
  if (!(startMs >= 0 && answerMs >= startMs))
    throw unreadable("the times of the guest's start", { code: 0, stdout: text, stderr: "" });
  const [, lxc] = /^@lxc (\S+)$/m.exec(text) ?? [];
  return {
    ...{ startMs, answerMs },
    ...(Number(memory) > 0 && { memoryBytes: Number(memory) }),
    ...(lxc !== undefined && { lxc }),
  };
}
