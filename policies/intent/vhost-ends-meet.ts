import type { PolicyResource } from "@pulumi/policy";
import { asking, sayUnplaced } from "../ask.ts";
import { labPolicy } from "../lab-policy.ts";
import { ofType } from "../machine.ts";
import { keys, UNKNOWN } from "../property.ts";
import { property } from "../sentence.ts";
import { type SocketEnd, socketEnds } from "../sockets.ts";

const TYPES = ["libvirt:Domain", "ovs:Port", "traffic:Forwarder"] as const;

/**
 * Each vhost-user socket has one end that serves it and one that connects, and no third.
 *
 * Two that serve, or two that connect, wait for each other without an error; QEMU then waits at the start of the guest. Two guests on one socket
 * take turns at getting its packets. Nothing says so but a port whose status stays `disconnected`.
 *
 * Change `mode` or `socketPath` of the guest's NIC, `server` of the forwarder's port, or the port of the switch.
 *
 * @severity high
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/
 */
export const vhostEndsMeet = labPolicy({
  name: "vhost-ends-meet",
  description: "Each vhost-user socket has one end that serves it and one that connects.",
  severity: "high",
  checks: ["P29"],
  remediationSteps: "Pair a guest's NIC in mode server with one dpdkvhostuserclient port of the same socket.",
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/",
  notApplicable: ({ resources }) =>
    ofType(resources, ...TYPES).length === 0 ? "this stack has no vhost-user socket" : undefined,
  judge: ({ machines, unplaced }, findings) => {
    const undecided = "whether its two ends meet";
    let isComplete = !unplaced.some(({ type }) => TYPES.some((each) => type === `nfvlab:${each}`));
    const noted = {
      ...findings,
      pending: (...said: Parameters<typeof findings.pending>) => {
        isComplete = false;
        findings.pending(...said);
      },
    };
    const ask = asking(noted, undecided);
    sayUnplaced(unplaced.filter(mayHaveSocket), TYPES, findings, undecided);
    for (const { name, members } of machines) {
      const ends = socketEnds(members, ask);
      const hasSwitch = ofType(members, "ovs:Port").length > 0;
      for (const path of new Set(ends.map((end) => end.path))) {
        const here = ends.filter((end) => end.path === path);
        for (const end of here.filter(({ serves }) => serves === UNKNOWN))
          findings.pending(`who serves ${path} (${end.property} of ${end.resource})`, undecided, end.urn);
        // Benchmarks come one after another: each may open the same socket.
        const staying = here.filter(({ kind }) => kind !== "generator");
        const clash = clashOf(staying) ?? clashOfKinds(here);
        if (clash !== undefined) {
          const [one, other] = clash;
          findings.violation(
            `${one.holder} and ${other.holder} both ${one.serves ? "serve" : "connect to"} ${path} of ${name} ` +
              `(${said(one)}, ${said(other)}), expected one that serves and one that connects: change one of the two.`,
            other.urn,
          );
        }
        const [only] = here;
        if (here.length === 1 && only?.kind === "guest" && hasSwitch && isComplete) {
          findings.violation(
            `${only.holder} has a socket that nothing on ${name} is the other end of (${said(only)}), expected a port of the switch with it: ` +
              "the guest would wait for it at its start.",
            only.urn,
          );
        }
      }
    }
  },
});

function mayHaveSocket(resource: PolicyResource): boolean {
  return !resource.type.endsWith(":Domain") || keys(resource, "nics") !== undefined;
}

/** Two that stay and play one part. */
function clashOf(ends: readonly SocketEnd[]): readonly [SocketEnd, SocketEnd] | undefined {
  for (const serves of [true, false]) {
    const [one, other] = ends.filter((end) => end.serves === serves);
    if (one !== undefined && other !== undefined) return [one, other];
  }
  return undefined;
}

/** A generator that plays the part of the only other end. */
function clashOfKinds(ends: readonly SocketEnd[]): readonly [SocketEnd, SocketEnd] | undefined {
  const generator = ends.find(({ kind }) => kind === "generator");
  const others = ends.filter(({ kind }) => kind !== "generator");
  const [other] = others;
  return generator !== undefined &&
    others.length === 1 &&
    generator.serves !== UNKNOWN &&
    other?.serves === generator.serves
    ? [other, generator]
    : undefined;
}

function said(end: SocketEnd): string {
  return property(end, end.path);
}
