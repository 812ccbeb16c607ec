import type { ObservedHolder } from "../observe/latency-holders.ts";
import { exactDuration, nanoseconds } from "../units/duration.ts";
import { HostError, InputError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";
import { readUnitsAgain } from "./systemd.ts";
import { planFile, removeFile } from "./tmpfiles.ts";

const LONGEST_US = 2 ** 31 - 1; // the device takes a signed number of 32 bits

/** @throws InputError `dma-latency` */
export function checkLatency(latency: string): void {
  const us = nanoseconds(latency) / 1000;
  if (Number.isInteger(us) && us <= LONGEST_US) return;
  throw new InputError({
    code: "dma-latency",
    property: "dmaLatency",
    problem: "not a latency that the kernel can be asked for",
    observed: latency,
    expected: `whole µs, at most ${LONGEST_US}us`,
  });
}

export function holderService(name: string): string {
  return `nfvlab-dma-latency-${name}.service`;
}

/** The request lives as long as the device is open, so a shell opens it and becomes a sleep. */
export function holderText(latency: string): string {
  const us = exactDuration(latency, "us");
  const bytes = [0, 8, 16, 24].map((shift) => `\\\\${((us >>> shift) & 0xff).toString(8).padStart(3, "0")}`);
  return `# Written by nfvlab; removed when its resource is deleted.
[Unit]
Description=Wake-up of all CPUs within ${us} us

[Service]
ExecStart=/bin/sh -c 'exec 3> /dev/cpu_dma_latency && printf "${bytes.join("")}" >&3 && exec sleep infinity'
Restart=always

[Install]
WantedBy=multi-user.target
`;
}

/** @throws HostError `dma-latency-missing`; `limit` is what all holders together ask for now */
export function requireLatencyDevice(limit: number | undefined, host: string): void {
  if (limit !== undefined) return;
  throw new HostError({
    code: "dma-latency-missing",
    property: "dmaLatency",
    problem: `${host} can't be asked for a wake-up latency`,
    observed: "no readable /dev/cpu_dma_latency",
    hint: "connect as root; a container has no such device",
  });
}

/** What makes the service hold exactly that; nothing where it does. */
export function planHolder(name: string, latency: string, found: ObservedHolder | undefined): Step[] {
  const text = holderText(latency);
  if (found?.running === true && found.text === text) return [];
  const service = holderService(name);
  return [
    ...planFile(unitPath(name), text, found?.text.trimEnd()),
    readUnitsAgain,
    { purpose: `enable ${service}`, argv: ["systemctl", "enable", service] },
    { purpose: `hold a wake-up latency of ${latency}`, argv: ["systemctl", "restart", service] },
  ];
}

/** What ends the request; nothing where there is none. */
export function planRelease(name: string, found: ObservedHolder | undefined): Step[] {
  if (found === undefined) return [];
  const service = holderService(name);
  return [
    { purpose: `stop ${service}`, argv: ["systemctl", "disable", "--now", service] },
    removeFile(unitPath(name)),
    readUnitsAgain,
  ];
}

function unitPath(name: string): string {
  return `/etc/systemd/system/${holderService(name)}`;
}

/** The latency that is held, in the user's spelling where it means the same; undefined where none is. */
export function heldLatency(
  wanted: string | undefined,
  found: ObservedHolder | undefined,
): string | undefined {
  if (found === undefined || !found.running) return undefined;
  if (wanted !== undefined && found.text === holderText(wanted)) return wanted;
  const us = /^Description=Wake-up of all CPUs within (\d+) us$/m.exec(found.text)?.[1];
  // Its text is not ours any more: who knows what it asks for.
  return us !== undefined && found.text === holderText(`${Number(us)}us`) ? `${us}us` : "unknown";
}

/** Whether the kernel keeps to it. */
export function isHeld(latency: string, limit: number | undefined): boolean {
  return limit !== undefined && limit <= exactDuration(latency, "us");
}

/** @throws VerificationError `dma-latency-not-held` */
export function verifyLatency(latency: string, limit: number | undefined, name: string): void {
  if (isHeld(latency, limit)) return;
  throw new VerificationError({
    code: "dma-latency-not-held",
    property: "dmaLatency",
    problem: "no request for the wake-up latency is in force",
    observed: limit === undefined ? "no answer from /dev/cpu_dma_latency" : `${limit}us`,
    expected: `at most ${latency}`,
    hint: `look at it: systemctl status ${holderService(name)}`,
  });
}
