import { unreadable } from "./parse-error.ts";

/** One start of a guest. */
export interface GuestBoot {
  /** From the order to start until libvirt had it running, ms. */
  readonly startMs: number;
  /** From the order to start until its first answer, ms. */
  readonly answerMs: number;
}

/**
 * Reads the times of a start: `@booted`, with when it was ordered, when it ran and when it answered, ms.
 *
 * @throws HostError `parse`
 */
export function parseGuestBoot(text: string): GuestBoot {
  const [from, started, answered] = (/^@booted (\d{1,15}) (\d{1,15}) (\d{1,15})\s*$/m.exec(text) ?? [])
    .slice(1)
    .map(Number);
  if (
    from === undefined ||
    started === undefined ||
    answered === undefined ||
    started < from ||
    answered < started
  )
    throw unreadable("the times of the guest's start", { code: 0, stdout: text, stderr: "" });
  return { startMs: started - from, answerMs: answered - from };
}
