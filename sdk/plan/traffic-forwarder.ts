import { dirname } from "node:path/posix";
import type { ObservedForwarder } from "../observe/traffic.ts";
import type { Inputs } from "../schema/definition.ts";
import type { TrafficPort, trafficForwarder } from "../schema/traffic.ts";
import { forwarderArguments, ownSockets } from "../units/dpdk-arguments.ts";
import { InputError, VerificationError } from "../units/errors.ts";
import type { Step } from "./step.ts";
import { checkTestpmd, testpmdCommand } from "./testpmd.ts";

type ForwarderInputs = Inputs<typeof trafficForwarder>;

/** It writes its counters each second; on a busy machine later. */
const STALE_S = 15;

/** @throws InputError `forwarder-peers`, and those of `checkTestpmd` */
export function checkForwarder(inputs: ForwarderInputs): void {
  const { mode = "io", peers, ports } = inputs;
  if (peers !== undefined && (mode !== "mac" || peers.length !== ports.length))
    throw new InputError({
      code: "forwarder-peers",
      property: "peers",
      problem: "addresses behind the ports are for mode mac, one for each port",
      observed: `${peers.length} for ${ports.length} ports, mode ${mode}`,
      expected: mode === "mac" ? `${ports.length} addresses` : "none, or mode mac",
      hint: "leave `peers` out, or set `mode`",
    });
  checkTestpmd(inputs);
}

/** Name of the transient unit, and of the folder under /run that its counters are in. */
export const forwarderUnit = (tag: string, name: string) => `nfvlab-forwarder-${tag}-${name}`;

/** Starts the forwarder in a unit of its own, which ends with the machine or with `stopUnit`. */
export function startForwarder(inputs: ForwarderInputs, unit: string): Step[] {
  const properties = [
    `RuntimeDirectory=${unit}`,
    "LimitMEMLOCK=infinity",
    ...removeDeadSockets(inputs.ports),
  ];
  return [
    ...makeSocketFolders(inputs.ports),
    {
      purpose: `start ${unit}`,
      argv: [
        ...(["systemd-run", `--unit=${unit}`, "--service-type=exec", "--collect", "--quiet"] as const),
        ...properties.map((property) => `--property=${property}`),
        ...commandOf(inputs, `/run/${unit}/status.json`),
      ],
    },
  ];
}

function commandOf(inputs: ForwarderInputs, status: string): readonly string[] {
  if (inputs.by === "testpmd") return testpmdCommand(inputs, status);
  return [inputs.program ?? "", ...forwarderArguments(inputs, status)];
}

/** Folders of the sockets that these ports make. */
export function makeSocketFolders(ports: readonly TrafficPort[]): Step[] {
  return [...new Set(ownSockets(ports).map((path) => dirname(path)))].map((folder) => ({
    purpose: `make the socket folder ${folder}`,
    argv: ["mkdir", "-p", folder],
  }));
}

/** A program that was killed, or that failed half-way, leaves sockets that its next start would find in its way. One that somebody listens at is another's. */
export function removeDeadSockets(ports: readonly TrafficPort[]): string[] {
  const paths = ownSockets(ports);
  if (paths.length === 0) return [];
  const listening = 'sed -n "s/.* 00010000 .* //p" /proc/net/unix';
  // Percent signs and dollars are systemd's; paths hold neither.
  return [
    `ExecStopPost=-/bin/sh -c 'for path; do ${listening} | grep -qxF -- "$$path" || rm -f -- "$$path"; done' sh ${paths.join(" ")}`,
  ];
}

/** What keeps it from being a forwarder; nothing where it is one. */
export function forwarderFault(seen: ObservedForwarder | undefined): string | undefined {
  if (seen === undefined || !seen.active) return "its unit does not run";
  if (seen.ageSeconds === undefined) return "it has told no counters yet";
  return seen.ageSeconds > STALE_S ? `its counters are ${seen.ageSeconds} s old` : undefined;
}

/** Whether waiting changes nothing any more: it is up, or it has ended. */
export function isSettled(seen: ObservedForwarder | undefined): boolean {
  return seen === undefined || !seen.active || forwarderFault(seen) === undefined;
}

/** Prints what it said last. */
export function journalOf(unit: string): Step {
  return {
    purpose: `read what ${unit} said`,
    argv: ["journalctl", `--unit=${unit}.service`, "--no-pager", "--output=cat", "--lines=40"],
  };
}

/** The last that DPDK says where a port is the server of its socket and nobody connects. */
const WAITS = /\((\/[^()\s]+)\) waiting for client connection\W*$/;

export function forwarderDown(unit: string, fault: string, said: string): VerificationError {
  const socket = WAITS.exec(said)?.[1];
  return new VerificationError({
    code: "forwarder-down",
    problem: `forwarder ${unit} does not come up`,
    observed: said === "" ? fault : `${fault}: ${said}`,
    expected: "a running unit that tells its counters",
    // DPDK's vhost library forgets a client's socket where it could make no device of a connection.
    hint:
      socket === undefined
        ? `read its journal: journalctl -u ${unit}`
        : `no switch connects to ${socket}: its port there is missing, or gave it up when a connection failed; then make that port anew (pulumi up --replace) or restart the switch`,
  });
}
