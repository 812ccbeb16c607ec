import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ObservedDomain } from "../../sdk/observe/domains.ts";
import { parseMigrationAbilities } from "../../sdk/observe/migration.ts";
import {
  checkMigration,
  migrateCommand,
  migrationSeconds,
  planParameters,
  requireAbilities,
  requireUnblocked,
  usualOf,
} from "../../sdk/plan/migration.ts";
import { admitLink, linkEndOf, linkKeyOf, linkOf, openLink } from "../../sdk/plan/migration-link.ts";
import {
  checkDestination,
  type DestinationHost,
  requireHome,
  socketFolders,
  whereaboutsOf,
} from "../../sdk/plan/migration-whereabouts.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import { type liveMigration, MigrationSettings } from "../../sdk/schema/migration.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { LabError } from "../../sdk/units/errors.ts";
import { recorded } from "../observe/recorded.ts";

const connection = { kind: "ssh" as const, host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA" };
const inputs = (more: Partial<Inputs<typeof liveMigration>> = {}): Inputs<typeof liveMigration> => ({
  ...{ host: { name: "a", connection }, destination: { name: "b", connection }, name: "run", domain: "vnf" },
  addresses: { host: "198.18.100.1", destination: "198.18.100.2" },
  ...more,
});
const way = { socket: "/run/nfvlab-0badcafe-out/libvirt.sock", address: "198.18.100.2" };
const abilities = (version: string) =>
  parseMigrationAbilities(
    recorded(`qemu/${version}/capabilities.txt`).stdout,
    recorded(`qemu/${version}/parameters.txt`).stdout,
  );

const every: MigrationSettings = {
  ...{
    downtimeLimit: "10ms",
    maxBandwidth: "1GiB",
    switchoverBandwidth: "512MiB",
    connections: 4,
    zeroCopy: true,
  },
  zeroPageDetection: "multifd",
  autoConverge: { initial: 30, increment: 20, max: 90, threshold: 40 },
  postCopy: { after: "5s", maxBandwidth: "100MiB" },
};

describe("settings", () => {
  it("become one command of libvirt's, and parameters where it has none", () => {
    expect(migrateCommand("vnf", every, way).slice(3)).toEqual([
      ...["qemu:///system", "migrate", "--live", "--p2p", "--domain", "vnf"],
      ...["--desturi", "qemu+unix:///system?socket=/run/nfvlab-0badcafe-out/libvirt.sock"],
      ...["--migrateuri", "tcp://198.18.100.2", "--listen-address", "198.18.100.2"],
      ...["--parallel", "--parallel-connections", "4", "--zerocopy", "--bandwidth", "1024"],
      ...["--auto-converge", "--auto-converge-initial", "30", "--auto-converge-increment", "20"],
      ...["--postcopy", "--timeout", "5", "--timeout-postcopy", "--postcopy-bandwidth", "100"],
    ]);
    const steps = planParameters("vnf", every);
    expect(steps.map(({ purpose }) => purpose)).toEqual([
      "limit the downtime of vnf to 10ms",
      "set avail-switchover-bandwidth, zero-page-detection, max-cpu-throttle, throttle-trigger-threshold of vnf",
    ]);
    // Milliseconds, where the seeds' scripts gave seconds.
    expect(steps[0]?.argv.slice(-3)).toEqual(["migrate-setmaxdowntime", "vnf", "10"]);
    expect(JSON.parse(steps[1]?.argv.at(-1) ?? "")).toEqual({
      execute: "migrate-set-parameters",
      arguments: {
        ...{ "avail-switchover-bandwidth": 2 ** 29, "zero-page-detection": "multifd" },
        ...{ "max-cpu-throttle": 90, "throttle-trigger-threshold": 40 },
      },
    });
  });

  it.each([
    [{ compression: { kind: "xbzrle", cacheSize: "64MiB" } }, ["xbzrle", "--comp-xbzrle-cache", "67108864"]],
    [{ connections: 2, compression: { kind: "zstd", level: 3 } }, ["zstd", "--comp-zstd-level", "3"]],
    [{ connections: 2, compression: { kind: "zlib" } }, ["--compressed", "--comp-methods", "zlib"]],
    [{ postCopy: { after: "first-pass" } }, ["--postcopy", "--postcopy-after-precopy"]],
    [{}, ["--listen-address", "198.18.100.2"]],
  ] as const)("%j end with %j", (settings, expected) => {
    expect(migrateCommand("vnf", settings as MigrationSettings, way).slice(-expected.length)).toEqual(
      expected,
    );
  });

  it("leave nothing to set where nothing is asked, nor to put back", () => {
    expect(planParameters("vnf", {})).toEqual([]);
    expect(planParameters("vnf", usualOf({}))).toEqual([]);
  });

  it("are put back to what a new QEMU has, those that were set and no others", () => {
    const parameters = JSON.parse(recorded("qemu/10.0.13/parameters.txt").stdout) as {
      return: Record<string, unknown>;
    };
    const [limit, others] = planParameters("vnf", usualOf(every));
    expect(Number(limit?.argv.at(-1))).toBe(parameters.return["downtime-limit"]);
    const { arguments: set } = JSON.parse(others?.argv.at(-1) ?? "") as {
      arguments: Record<string, unknown>;
    };
    for (const [name, value] of Object.entries(set))
      expect([name, value]).toEqual([name, parameters.return[name]]);
    expect(Object.keys(set)).toHaveLength(4);
    expect(planParameters("vnf", usualOf({ connections: 4, downtimeLimit: "5ms" }))).toHaveLength(1);
  });

  it("that contradict each other are refused, all at once", () => {
    const settings = {
      zeroCopy: true,
      compression: { kind: "zstd" },
      maxBandwidth: "100KiB",
      downtimeLimit: "1us",
    };
    expect(() =>
      checkMigration(
        inputs({ settings: settings as MigrationSettings, limit: "1500ms", destination: inputs().host }),
      ),
    ).toThrow(
      "settings: the migration contradicts itself: observed zeroCopy without connections, which it needs; compression zstd without connections, which do it; " +
        "zeroCopy with compression, which copies every page; maxBandwidth 100KiB, not whole MiB; downtimeLimit 1us, not whole ms from 1ms to 2000s; " +
        "limit 1500ms, not whole seconds; host and destination are both a",
    );
    const addresses = { host: "198.18.0.1", destination: "198.18.0.1" };
    expect(() => checkMigration(inputs({ addresses }))).toThrow(/both machines have address 198.18.0.1/);
    expect(() => checkMigration(inputs({ settings: { ...every, zeroCopy: false } }))).not.toThrow();
  });

  it("that a QEMU does not know are refused by the names it has for them", () => {
    expect(() => requireAbilities(every, abilities("10.0.13"), "QEMU 10.0.13")).not.toThrow();
    expect(() => requireAbilities(every, abilities("7.2.22"), "QEMU 7.2.22")).toThrow(
      "settings: the QEMU that runs the guest can't be asked for this: observed QEMU 7.2.22 without switchoverBandwidth (parameter avail-switchover-bandwidth), " +
        "zeroPageDetection (parameter zero-page-detection); leave these settings out, or start the guest anew with a newer QEMU",
    );
    expect(() =>
      requireAbilities({}, { capabilities: new Set(), parameters: new Set() }, "QEMU 1"),
    ).not.toThrow();
  });

  it("are of no use to a guest that its QEMU holds", () => {
    const status = { status: "none", problem: undefined, ram: undefined };
    const times = { totalMs: undefined, downtimeMs: undefined, setupMs: undefined };
    expect(() => requireUnblocked("vnf", { ...status, ...times, blocked: [] })).not.toThrow();
    const blocked = ["State blocked by non-migratable CPU device (invtsc flag)", "0000:00:04.0: VFIO device"];
    expect(() => requireUnblocked("vnf", { ...status, ...times, blocked })).toThrow(
      "domain: guest vnf can't be migrated as it is: observed State blocked by non-migratable CPU device (invtsc flag); 0000:00:04.0: VFIO device; " +
        "make it for migration: cpu.migratable true, and nothing of its host passed through",
    );
  });

  it("are checked or become a command, whatever they are", () => {
    const size = fc.constantFrom("1MiB", "64MiB", "1GiB", "3KiB") as fc.Arbitrary<"1MiB">;
    const settings = fc.record(
      {
        downtimeLimit: fc.constantFrom("1ms", "10ms", "2000s", "3000s", "5us") as fc.Arbitrary<"1ms">,
        ...{ maxBandwidth: size, switchoverBandwidth: size },
        connections: fc.integer({ min: 1, max: 255 }),
        zeroCopy: fc.boolean(),
        compression: fc.oneof(
          fc.record({ kind: fc.constant("xbzrle" as const), cacheSize: size }, { requiredKeys: ["kind"] }),
          fc.record({ kind: fc.constant("zstd" as const), level: fc.nat(20) }, { requiredKeys: ["kind"] }),
        ),
        postCopy: fc.record(
          { after: fc.constantFrom("first-pass", "3s", "10ms") as fc.Arbitrary<"3s">, maxBandwidth: size },
          { requiredKeys: ["after"] },
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(settings, (given) => {
        const asked = MigrationSettings.parse(given);
        try {
          checkMigration(inputs({ settings: asked }));
        } catch (error) {
          expect(error).toBeInstanceOf(LabError);
          return;
        }
        const words = migrateCommand("vnf", asked, way);
        expect(
          words.every((word) => word !== "" && !word.includes("undefined") && !word.includes("NaN")),
        ).toBe(true);
        // With other connections xbzrle would be left out in silence.
        expect(words.includes("--parallel") && words.includes("xbzrle")).toBe(false);
        planParameters("vnf", asked);
      }),
    );
  });

  it("take a time that is known before", () => {
    expect(migrationSeconds(inputs({ repetitions: 10, limit: "30s", settle: "5s" }))).toBe(5880);
  });
});

describe("the link between the two machines", () => {
  const key = "ssh-ed25519 AAAAC3Nza nfvlab-0badcafe-out";
  const end =
    "@user root\n@socket /run/libvirt/libvirt-sock\nssh-ed25519 AAAAhost root@b\necdsa-sha2-nistp256 AAAAec root@b\n";

  it("trusts only keys that came over the pinned connection", () => {
    const found = linkEndOf(end, "b");
    expect(found).toMatchObject({ user: "root", socket: "/run/libvirt/libvirt-sock" });
    const opened = openLink(linkOf("0badcafe", "out"), found, {
      address: "198.18.100.2",
      port: 22,
      seconds: 60,
    });
    expect(opened.stdin).toBe("198.18.100.2 ssh-ed25519 AAAAhost\n198.18.100.2 ecdsa-sha2-nistp256 AAAAec\n");
    const script = opened.argv.join(" ");
    for (const option of [
      "StrictHostKeyChecking=yes",
      "IdentitiesOnly=yes",
      "GlobalKnownHostsFile=none",
      "-F none",
    ])
      expect(script).toContain(option);
    const other = openLink(linkOf("0badcafe", "out"), found, {
      address: "198.18.100.2",
      port: 2222,
      seconds: 60,
    });
    expect(other.stdin).toMatch(/^\[198\.18\.100\.2\]:2222 ssh-ed25519 /);
  });

  it("lets its key do nothing but lead there, from one address, until a time", () => {
    const step = admitLink(linkOf("0badcafe", "out"), key, "198.18.100.1", 600);
    expect(step.argv.join(" ")).toContain(
      'restrict,port-forwarding,command="/bin/false",from="%s",expiry-time="%s"',
    );
    expect(step.argv.slice(-3)).toEqual(["nfvlab-0badcafe-out", "198.18.100.1", "600"]);
    expect(step.stdin).toBe(`${key}\n`);
  });

  it("takes nothing for a key that is none: what it says goes into authorized_keys", () => {
    expect(linkKeyOf(`${key}\n`, "a")).toBe(key);
    for (const text of [
      "",
      `${key}\nssh-rsa AAAA mallory`,
      'command="x" ssh-rsa AAAA',
      "ssh-keygen: not found",
    ])
      expect(() => linkKeyOf(text, "a")).toThrow(/a made no key for the link/);
  });

  it("needs a libvirt and an SSH server at its end", () => {
    expect(() => linkEndOf("@user root\n", "b")).toThrow(
      "b has not what a link to its libvirt needs: observed no socket of libvirt under /run/libvirt and no key of an SSH server under /etc/ssh, " +
        "expected a running libvirt and OpenSSH's server; start them: systemctl start libvirtd ssh",
    );
  });
});

const guest = (more: Partial<ObservedDomain> = {}): ObservedDomain => ({
  ...{ name: "vnf", uuid: "u1", state: "running", memoryKib: 262144, pageSizeKib: 2048, numaNode: 1 },
  ...{
    vcpuPins: ["3"],
    emulatorCpus: "0",
    iothreadPins: [],
    nics: [],
    sharedMemory: [],
    agent: "absent",
    threads: [],
    xml: "",
  },
  ...more,
});

describe("where a guest is", () => {
  const at = (home: string | undefined, away: string | undefined) =>
    whereaboutsOf({
      ...{ domain: "vnf", uuid: "u1" },
      home: { name: "a", guest: home === undefined ? undefined : guest({ state: home }) },
      away: { name: "b", guest: away === undefined ? undefined : guest({ state: away }) },
    });
  const mended = (home: string | undefined, away: string | undefined) => {
    const { at: place, mend } = at(home, away);
    return [place, ...mend.map(({ on, step }) => `${on}: ${step.argv.slice(-2).join(" ")}`)];
  };

  it.each([
    ["running", undefined, ["home"]],
    ["shut off", "running", ["away"]],
    [undefined, "running", ["away"]],
    // What a migration that failed left there, and what one that came to its end left here.
    ["running", "paused", ["home", "away: destroy vnf"]],
    ["paused", "running", ["away", "home: destroy vnf"]],
    ["paused", undefined, ["home", "home: resume vnf"]],
  ])("%s at home, %s away", (home, away, expected) => {
    expect(mended(home, away)).toEqual(expected);
  });

  it("is for somebody to see to where it runs twice, or nowhere", () => {
    expect(() => at("running", "running")).toThrow(
      "guest vnf runs on both machines, and each copy has changed since: observed running on a, running on b, expected one of them; end the one that you do not want, " +
        "for instance on b: virsh destroy vnf",
    );
    expect(() => at("shut off", undefined)).toThrow(
      /guest vnf runs on neither machine: observed shut off on a, not there on b/,
    );
    expect(() => at("paused", "paused")).toThrow(/runs on neither/);
  });

  it("does not take another guest of its name for it", () => {
    const other = { name: "b", guest: guest({ uuid: "u2" }) };
    expect(
      whereaboutsOf({ domain: "vnf", uuid: "u1", home: { name: "a", guest: guest() }, away: other }),
    ).toEqual({ at: "home", mend: [] });
  });

  it("never ends the only copy, whatever the two states are", () => {
    const state = fc.constantFrom("running", "paused", "shut off", "crashed", "in shutdown", undefined);
    fc.assert(
      fc.property(state, state, (home, away) => {
        let found: ReturnType<typeof at>;
        try {
          found = at(home, away);
        } catch (error) {
          expect(error).toBeInstanceOf(LabError);
          return;
        }
        const states = { home, away };
        for (const { on, step } of found.mend)
          if (step.argv.includes("destroy")) {
            expect(states[on]).not.toBe("running");
            expect(states[found.at]).toBe("running");
          }
      }),
    );
  });

  it("is not started again where it may run elsewhere", () => {
    expect(() => requireHome("vnf", new Map([["vnf", "dut2"]]))).toThrow(
      /guest vnf was being migrated, and its engine was lost: it may run on dut2/,
    );
    expect(() => requireHome("vnf", new Map([["other", "dut2"]]))).not.toThrow();
  });
});

describe("a destination", () => {
  const devices = new Set(["lan0"]);
  const host: DestinationHost = {
    ...{ name: "b", domains: [], onlineCpus: CpuSet.parse("0-3"), missingFiles: [] },
    pools: [{ numaNode: 1, sizeKib: 2048, total: 128, free: 128 } as DestinationHost["pools"][number]],
    attachments: {
      ...{ bridges: devices, networks: new Set(), taps: new Set() },
      ...{ devices, vdpaDevices: new Set(), listening: new Set() },
    },
    switchPorts: [
      { type: "dpdkvhostuserclient", options: { "vhost-server-path": "/run/v/vhu0.sock" }, status: {} },
    ],
  };
  const nics = [
    { type: "bridge", source: "lan0" },
    { type: "vhostuser", source: "/run/v/vhu0.sock" },
  ];

  it("that has what the guest has will do", () => {
    expect(() => checkDestination(guest({ nics }), host)).not.toThrow();
    expect(socketFolders(guest({ nics }), "libvirt-qemu").map(({ argv }) => argv.join(" "))).toEqual([
      "install -d -m 0770 -o libvirt-qemu /run/v",
    ]);
  });

  it("that lacks something is refused, with all of it", () => {
    const poor: DestinationHost = {
      ...host,
      ...{ domains: [guest({ uuid: "u2", state: "shut off" })], onlineCpus: CpuSet.parse("0-1"), pools: [] },
      ...{ missingFiles: ["/k"], switchPorts: [] },
      attachments: { ...host.attachments, devices: new Set() },
    };
    const function0 = { type: "pci", source: "0000:5e:02.0" };
    expect(() => checkDestination(guest({ nics: [...nics, function0] }), poor)).toThrow(
      "destination: b has not what guest vnf needs there: observed a guest vnf is there already, shut off; CPU 3 is not online; " +
        "0 free pages of 2048 KiB on node 1, needed are 128; no file /k; no interface lan0; no port of a switch on /run/v/vhu0.sock; " +
        "function 0000:5e:02.0 is passed through to the guest, and can't go along; make it there by the same names, and let the migration depend on it",
    );
  });
});
