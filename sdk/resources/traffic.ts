import { trafficForwarder, trafficTool, trex } from "../schema/traffic.ts";
import { resourceClass } from "./lab-resource.ts";

/**
 * A program of nfvlab's on a machine, built there: the traffic program, which is generator, sink and forwarder, against the DPDK that the machine has; the end of an exchange between guests; or a guest that times its own exits.
 * Delete removes it where nobody else has built the same.
 *
 * @property program `"traffic"` (default), `"exchange"` or `"exits"`
 * @property path the program, for `nfvlab:bench:Traffic` and `nfvlab:traffic:Forwarder`; an exchange program for `programs` of a boot image, an exits program for `nfvlab:bench:ExitCost`
 * @throws HostError `dpdk-headers-missing`, `compiler-missing`, `architecture`; VerificationError `not-built`
 * @see https://doc.dpdk.org/guides/linux_gsg/sys_reqs.html
 * @example
 * const packages = new Packages("build", { host: dut, name: "build", packages: { gcc: "any", pkgconf: "any", "libdpdk-dev": "any" } });
 * const tool = new Tool("traffic", { host: dut, name: "traffic" }, { dependsOn: packages });
 * @example
 * const end = new Tool("exchange", { host: dut, name: "exchange", program: "exchange" });
 */
export class Tool extends resourceClass(trafficTool) {}

/**
 * TRex on a machine, with the runner by which trials are told to it: TRex as it was unpacked there, or as it is fetched from an address of yours with its sum. nfvlab has none of its own, and fetches
 * none from anywhere else. While it measures, TRex's server runs in a unit of its own, on the CPUs that a generator names, and is reached from this machine alone.
 *
 * @property version what TRex must be, 2.58 or later; another one is refused
 * @property source `{ kind: "path", path }` or `{ kind: "url", url, sha256 }`
 * @property path,program for `generator: { kind: "trex", path, program, version, cpus }` of a measurement
 * @throws InputError `trex-old`; HostError `trex-missing`, `trex-version`, `python-missing`
 * @see https://trex-tgn.cisco.com/trex/doc/trex_book.html
 * @example
 * const trex = new Trex("trex", { host: dut, name: "trex", version: "3.08", source: { kind: "path", path: "/opt/trex/v3.08" } });
 */
export class Trex extends resourceClass(trex) {}

/**
 * A forwarder between two ports, in a transient unit: found gone by refresh, and started again by the next `up`. Delete stops it and removes its sockets.
 *
 * @property ports `{ kind: "virtio-user", socketPath }` and others, two of them, or one that sends back what it receives
 * @property by `"nfvlab"` (default), the traffic program, or `"testpmd"`, DPDK's own, which never sleeps
 * @property mode `"io"` (default), `"mac"`, `"macswap"`, `"5tswap"`
 * @property idle time that it sleeps when there is nothing to forward; without it, it keeps its CPU busy always
 * @throws InputError `forwarder-peers`, `forwarder-program`, `testpmd-idle`, `testpmd-queues`, `cpu-unknown`; VerificationError `forwarder-down`
 * @see https://doc.dpdk.org/guides/testpmd_app_ug/ for the modes
 * @example
 * new Forwarder("vnf", {
 *   host: dut, name: "vnf", program: tool.path, cpus: "3", mode: "macswap",
 *   ports: [
 *     { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/vnf-east.sock" },
 *     { kind: "virtio-user", socketPath: "/run/nfvlab-vhost/vnf-west.sock" },
 *   ],
 * });
 */
export class Forwarder extends resourceClass(trafficForwarder) {}
