/** A live check that somebody on the machine makes false. */
export interface LiveCheck {
  /** What is done by hand, for the title. */
  readonly what: string;
  /** The policy that refuses it after a refresh, and no other does. */
  readonly policy: string;
  /** Name of the resource that the policy then names. */
  readonly about: string;
  /** Script on the machine; `$CARD` is the interface of the physical function. */
  readonly byHand: string;
  /** Script that undoes it, where `pulumi up` leaves it alone since it is somebody else's. */
  readonly undone?: string;
}

const CPU3 = "/sys/devices/system/cpu/cpu3";
const MEMORY = "/sys/kernel/mm";
const POOL = "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages";
const option = (key: string) => `ovs-vsctl --timeout=30 set Open_vSwitch . other_config:${key}`;
const movable = `$(grep -E 'PCI-MSIX.*virtio[0-9]+-' /proc/interrupts | head -n 1 | cut -d: -f1 | tr -d ' ')`;

/** On a host whose CPUs 2 and 3 are isolated and leased, CPU 2 for the switch, CPU 3 for a guest. */
export const liveChecks: readonly LiveCheck[] = [
  {
    what: "an interrupt moved onto an isolated CPU",
    policy: "work-outside-isolated",
    about: "interrupts",
    byHand: `echo 3 > /proc/irq/${movable}/smp_affinity_list`,
  },
  {
    what: "deferred work of the kernel let onto isolated CPUs",
    policy: "work-outside-isolated",
    about: "work",
    byHand: "echo f > /sys/devices/virtual/workqueue/cpumask",
  },
  {
    what: "a foreign process pinned to a leased CPU",
    policy: "leased-cpus-alone",
    about: "dut-lease",
    byHand: "systemd-run --quiet --unit=trial-stranger taskset -c 3 sleep 100000",
    undone: "systemctl stop trial-stranger",
  },
  {
    what: "a lease whose holder was killed",
    policy: "leased-cpus-alone",
    about: "dut-lease",
    byHand: "systemctl stop 'nfvlab-lease-*'",
  },
  {
    what: "deep sleep of an isolated CPU allowed",
    policy: "tuned-in-force",
    about: "idle",
    byHand: `echo 100 > ${CPU3}/power/pm_qos_resume_latency_us`,
  },
  {
    what: "transparent huge pages turned on",
    policy: "tuned-in-force",
    about: "memory",
    byHand: `echo always > ${MEMORY}/transparent_hugepage/enabled`,
  },
  {
    what: "NUMA balancing turned on",
    policy: "tuned-in-force",
    about: "dut-sysctls",
    byHand: "sysctl -qw kernel.numa_balancing=1",
  },
  {
    what: "a vhost-user socket made writable for everybody",
    policy: "sockets-closed",
    about: "vnf-domain",
    byHand: "chmod o+w /run/nfvlab-vhost/vhu0.sock",
  },
  {
    what: "the sockets' folder made writable for everybody",
    policy: "sockets-closed",
    about: "vnf-domain",
    byHand: "chmod 777 /run/nfvlab-vhost",
  },
  {
    what: "a virtual function of a shared card trusted",
    policy: "trusted-function-alone",
    about: "vf0",
    byHand: 'ip link set dev "$CARD" vf 0 trust on',
  },
  {
    what: "spoof checking of a shared card turned off",
    policy: "shared-card-checked",
    about: "vf1",
    byHand: 'ip link set dev "$CARD" vf 1 spoofchk off',
  },
  {
    what: "poll-mode threads moved to a vCPU's CPU",
    policy: "exclusive-cpus",
    about: "vnf-domain",
    byHand: option("pmd-cpu-mask=8"),
  },
  {
    what: "huge pages taken from a pool",
    policy: "pools-granted",
    about: "dut-hugepages-node1-2MiB",
    byHand: `echo $(($(cat ${POOL}) - 4)) > ${POOL}`,
  },
  {
    what: "a port's interface taken away",
    policy: "switch-in-force",
    about: "br0-triallink1",
    byHand: "ip link del triallink0",
  },
];

/** The checks in rounds, in each of which no policy comes twice: so each finding of a round has one cause. */
export function roundsOf(checks: readonly LiveCheck[]): readonly (readonly LiveCheck[])[] {
  const rounds: LiveCheck[][] = [];
  for (const check of checks) {
    const round = rounds.find((each) => each.every(({ policy }) => policy !== check.policy));
    if (round === undefined) rounds.push([check]);
    else round.push(check);
  }
  return rounds;
}

/** Policies of evidence that nobody makes false by hand, each with the reason. */
export const notByHand: Readonly<Record<string, string>> = {
  "isolated-while-measured": "judges records, which a refresh does not take anew",
  "tuned-while-measured": "judges records, which a refresh does not take anew",
  "switch-steady-while-measured": "judges records, which a refresh does not take anew",
  "isolated-cpus-tickless": "judges records, which a refresh does not take anew",
  "few-management-interrupts": "judges records, which a refresh does not take anew",
  "switch-lost-nothing": "judges records, which a refresh does not take anew",
  "poll-mode-headroom": "judges records, which a refresh does not take anew",
  "links-at-full": "judges facts, which are taken anew after a boot; no command makes a link narrower",
  "hypercall-cost": "judges records, which a refresh does not take anew",
  "latency-budget": "judges records, which a refresh does not take anew",
  "nothing-pending": "judges what records were taken beside, and an emulated server has none that are timed",
};
