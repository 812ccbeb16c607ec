import type { Review } from "../../sdk/report/review.ts";
import { workedExperiment } from "./worked-experiment.ts";

const [host] = workedExperiment.hosts;
if (host === undefined) throw new Error("the worked experiment has a host");
const { nodes } = host;

/** A review with one of everything: each action, verdict and kind of finding, a machine that comes, one that stays. */
export const workedReview: Review = {
  project: "lab",
  stack: "rack",
  outcome: "blocked",
  errors: [],
  changes: [
    {
      action: "create",
      host: "",
      resource: "dut-machine-server",
      type: "nfvlab:emulate:Server",
      properties: [],
    },
    {
      ...{ action: "update", host: "dut", resource: "br0-daemon", type: "nfvlab:ovs:Daemon" },
      properties: [
        { path: "lcoreCpus", before: "nothing", after: '"0-1"', replaces: false },
        { path: 'socketMemory["1"]', before: '"256MiB"', after: "not known yet", replaces: false },
      ],
    },
    {
      ...{ action: "replace", host: "dut", resource: "vnf-domain", type: "nfvlab:libvirt:Domain" },
      properties: [{ path: "memory", before: '"1GiB"', after: "a secret", replaces: true }],
    },
    { action: "delete", host: "dut", resource: "old", type: "nfvlab:ovs:Port", properties: [] },
  ],
  unchanged: 1,
  costs: [
    {
      ...{ kind: "switch restart", host: "dut", resource: "br0-daemon", type: "nfvlab:ovs:Daemon" },
      ...{ property: "lcoreCpus", what: "ovs-vswitchd of dut restarts" },
    },
    {
      ...{ kind: "switch restart", host: "dut", resource: "br0-daemon", type: "nfvlab:ovs:Daemon" },
      ...{ property: 'socketMemory["1"]', what: "ovs-vswitchd of dut restarts" },
    },
    {
      ...{ kind: "guest", host: "dut", resource: "vnf-domain", type: "nfvlab:libvirt:Domain" },
      ...{ property: "memory", what: "guest vnf is shut down, defined anew and started" },
    },
  ],
  notes: [{ resource: "br0-daemon", text: "lcoreCpus: takes a restart of the daemon" }],
  policies: [
    {
      ...{ name: "exclusive-cpus", pack: "nfvlab", severity: "critical", verdict: "violated" },
      description: "Every CPU has at most one exclusive role.",
      remediation: "Give each vCPU a CPU of its own.",
      source: "https://docs.openvswitch.org/en/latest/intro/install/dpdk/ (pmd-cpu-mask)",
    },
    {
      ...{ name: "mitigations-on", pack: "nfvlab", severity: "high", verdict: "advises" },
      ...{ description: "Mitigations are on.", remediation: "", source: "" },
    },
    {
      ...{ name: "one-owner-per-core", pack: "nfvlab", severity: "", verdict: "holds" },
      ...{ description: "", remediation: "", source: "" },
    },
    {
      ...{ name: "site-naming", pack: "site", severity: "low", verdict: "silent" },
      ...{ description: "Names are the site's.", remediation: "", source: "wiki" },
    },
  ],
  findings: [
    {
      ...{ policy: "exclusive-cpus", level: "mandatory", host: "dut", chain: "pvp", resource: "vnf-domain" },
      urn: "urn:pulumi:rack::lab::nfvlab:components:VhostUserVnf$nfvlab:libvirt:Domain::vnf-domain",
      found:
        'CPU 2 of dut belongs to the poll-mode threads and to vCPU 0 of vnf (vcpuPins[0] "2" of vnf-domain).',
      allowed: "Every CPU has at most one exclusive role.",
      fix: "Give each vCPU a CPU of its own.",
      source: "https://docs.openvswitch.org/en/latest/intro/install/dpdk/ (pmd-cpu-mask)",
      place: { declared: 'new VhostUserVnf("vnf")', file: "stacks/lab.ts", line: 17 },
    },
    {
      ...{
        policy: "mitigations-on",
        level: "advisory",
        host: "dut",
        chain: "dut (TunedHost)",
        resource: "dut-boot",
      },
      urn: "urn:pulumi:rack::lab::nfvlab:host:BootArguments::dut-boot",
      ...{ found: "mitigations are off on dut", allowed: "Mitigations are on.", fix: "", source: "" },
      place: { declared: 'new TunedHost("dut")', file: "stacks/lab.ts" },
      exception: { owner: "lab team", reason: "one tenant", until: "2026-12-31" },
    },
    {
      ...{ policy: "mitigations-on", level: "advisory", host: "", chain: "", resource: "", urn: "" },
      ...{ found: "a value isn't known yet", allowed: "", fix: "", source: "" },
      place: { declared: "", file: "stacks/lab.ts" },
    },
  ],
  before: [host],
  after: [
    {
      ...host,
      nodes: nodes.map((node, index) => ({
        ...node,
        cpus: node.cpus.map((cpu, position) =>
          index === nodes.length - 1 && position === 0
            ? { ...cpu, contenders: ["vCPU 0 of vnf", "poll-mode thread"] }
            : cpu,
        ),
      })),
    },
    {
      ...{ name: "new", emulated: false, description: "", bridges: [], guests: [] },
      nodes: [{ node: null, cpus: [{ cpu: 0, core: 0, role: "housekeeping" }], hugepages: [] }],
    },
  ],
};
