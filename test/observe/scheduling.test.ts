import { describe, expect, it } from "vitest";
import { irqBalanceNow, ownIrqBalance } from "../../sdk/observe/irq-balance.ts";
import { kernelThreadsNow, ownKernelThreads } from "../../sdk/observe/kernel-threads.ts";
import { ownSystemdCpus, systemdCpusNow } from "../../sdk/observe/systemd-cpus.ts";
import { threadsService } from "../../sdk/plan/kernel-threads.ts";
import { recorded, said } from "./recorded.ts";

describe("the kernel's threads", () => {
  const { threads, service } = kernelThreadsNow.parse(recorded("procfs/6.12/kernel-threads.txt"));
  const named = (name: string) => threads.filter((thread) => thread.name === name);

  it("are those that kthreadd made, with their scheduling, but for workers", () => {
    expect(named("ksoftirqd/2")).toEqual([
      { pid: 33, name: "ksoftirqd/2", policy: "other", priority: 0, cpus: "2", bound: true },
    ]);
    expect(named("migration/3")).toMatchObject([{ policy: "fifo", priority: 99, bound: true }]);
    expect(named("rcu_preempt")).toMatchObject([{ policy: "other", cpus: "0-3", bound: false }]);
    expect(named("jbd2/vda-8")).toMatchObject([{ policy: "other", bound: false }]);
    expect(named("irq/9-acpi")).toMatchObject([{ policy: "fifo", priority: 50, cpus: "1", bound: false }]);
    expect(threads.length).toBe(46);
    expect(service).toBeUndefined();
  });

  it("have our service beside them, where there is one", () => {
    const text = threadsService({ ksoftirqd: { policy: "fifo", priority: 2 } });
    const listing = `@unit enabled\n${text.replaceAll(/^/gm, "@text ").replace(/@text $/, "")}`;
    expect(kernelThreadsNow.parse(said(listing)).service).toEqual({ text, enabled: true });
    expect(ownKernelThreads.parse(said(""))).toBeUndefined();
  });
});

describe("the CPUs of what systemd starts", () => {
  const observed = systemdCpusNow.parse(recorded("systemd/257/systemd-cpus.txt"));

  it("are those of process 1, of the slices, and of the services that run", () => {
    expect([observed.systemd, observed.unified]).toEqual([true, true]);
    expect(Object.fromEntries(observed.effective)).toEqual({
      ...{ manager: "0-1", system: "0-1", user: "0-3", machine: "0-3" },
    });
    expect(observed.services.length).toBe(14);
    expect(observed.services).toContainEqual({ name: "user@0.service", own: "", cpus: "0-3" });
    expect(observed.services).toContainEqual({ name: "ssh.service", own: "", cpus: "0-1" });
  });

  it("have our drop-ins beside them", () => {
    expect([...observed.files]).toEqual([
      ["/etc/systemd/system.conf.d/90-nfvlab-cpus.conf", "[Manager]\nCPUAffinity=\nCPUAffinity=0-1\n"],
      ["/etc/systemd/system/system.slice.d/90-nfvlab-cpus.conf", "[Slice]\nAllowedCPUs=\nAllowedCPUs=0-1\n"],
    ]);
    expect(ownSystemdCpus.parse(said(""))).toBeUndefined();
  });
});

describe("irqbalance", () => {
  it("that is not installed is missing", () => {
    const listing = "MainPID=0\nLoadState=not-found\nActiveState=inactive\n";
    expect(irqBalanceNow.parse(said(listing))).toEqual({
      ...{ presence: "missing", path: undefined, text: undefined, environment: new Map(), knowsLists: false },
    });
    expect(ownIrqBalance.parse(said(""))).toBeUndefined();
  });
});
