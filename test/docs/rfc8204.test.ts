import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { askedOf } from "../../sdk/measure/asked.ts";
import { recordOf } from "../../sdk/measure/record.ts";
import { fingerprintOf, fingerprintProbes } from "../../sdk/observe/fingerprint.ts";
import { parseGuestInside } from "../../sdk/observe/guest-inside.ts";
import { factsOf } from "../../sdk/observe/probe.ts";
import { ResultRecord, recordJsonSchema } from "../../sdk/schema/record.ts";
import { insideGuest, recorded, recordedMachine } from "../observe/recorded.ts";

interface Row {
  readonly item: string;
  readonly places: readonly string[];
}

const page = readFileSync(join(import.meta.dirname, "../../docs/rfc8204.md"), "utf8");
const rows: readonly Row[] = page.split("\n").flatMap((line) => {
  const [, item = "", told = ""] = line.split("|").map((cell) => cell.trim());
  const places = [...told.matchAll(/`([^`]+)`/g)].map(([, place = ""]) => place);
  return item === "" || item === "item" || item.startsWith("---") ? [] : [{ item, places }];
});

/** A field by its dotted path, and keys of it as patterns: `fingerprint.guests: *: memory`. */
function parts(place: string) {
  const [path = "", ...keys] = place.split(": ");
  return { fields: path.split("."), keys };
}

function matches(pattern: string, key: string): boolean {
  const escaped = pattern.split("*").map((text) => text.replaceAll(/[.[\]()+?^${}|\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`).test(key);
}

/** What a record has at a place. */
function valuesAt(record: unknown, place: string): unknown[] {
  const { fields, keys } = parts(place);
  const within = (values: readonly unknown[], taken: (key: string) => boolean) =>
    values.flatMap((value) => {
      const items = Array.isArray(value) ? value : [value];
      return items.flatMap((item: unknown) =>
        Object.entries(Object(item)).flatMap(([key, inner]) => (taken(key) ? [inner] : [])),
      );
    });
  const at = fields.reduce((values, field) => within(values, (key) => key === field), [record] as unknown[]);
  return keys
    .reduce((values, pattern) => within(values, (key) => matches(pattern, key)), at)
    .filter((value) => value !== undefined && value !== null && value !== "");
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

/** Whether the schema of records has a place. */
function isInSchema(schema: Schema, place: string): boolean {
  const { fields, keys } = parts(place);
  const open = (each: Schema): Schema[] => [each, ...(each.anyOf ?? []), ...(each.items ? [each.items] : [])];
  const step = (all: readonly Schema[], inner: (each: Schema) => Schema | boolean | undefined) =>
    all.flatMap(open).flatMap((each) => {
      const next = inner(each);
      return typeof next === "object" ? [next] : [];
    });
  const at = fields.reduce((all, field) => step(all, (each) => each.properties?.[field]), [schema]);
  return keys.reduce((all) => step(all, (each) => each.additionalProperties), at).length > 0;
}

const counted = (uptimeMs: number) => ({
  ...{ uptimeMs, memoryBytes: new Map() },
  cpus: new Map([[2, { timer: uptimeMs, devices: 0, busy: 0, total: uptimeMs }]]),
});

/** The record of a search on a recorded server, with memory, a card and a guest of others, so that it has something to say of each item. */
function exampleRecord(): ResultRecord {
  const answers = recordedMachine("machine/debian-13/emulated-server.txt");
  const change = (name: string, from: string | RegExp, to: string) => {
    const answer = answers.get(name)!;
    const stdout = answer.stdout.replace(from, to);
    expect(stdout).not.toBe(answer.stdout);
    answers.set(name, { ...answer, stdout });
  };
  const link = "/sys/bus/pci/devices/0000:21:00.0";
  answers.set("hardware", recorded("smbios/registered.txt"));
  change(
    "identity",
    "/proc/cmdline:",
    '/etc/os-release:PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n/proc/cmdline:',
  );
  change(
    "pci-files",
    /^/,
    `${link}/current_link_speed:2.5 GT/s PCIe\n${link}/max_link_speed:2.5 GT/s PCIe\n`,
  );
  change("pci-files", /^/, `${link}/current_link_width:1\n${link}/max_link_width:4\n`);
  change("nic-settings", "@card 0000:00:02.0", "@card 0000:3b:00.0");
  change("nic-settings", "firmware-version: ", "firmware-version: 4.51 0x8001b3a1");
  // The capability of PCI Express in the place of the one of MSI-X that the card has last in its list.
  change("nic-settings", " 11 00 02 80 00 80 00 00 00 80", " 10 00 02 80 00 80 00 00 20 50");
  change(
    "libvirt-domains",
    "</interface>",
    "<driver queues='2'/></interface><disk type='block' device='disk'><source dev='/dev/vg/vnf'/><target dev='vda'/></disk>",
  );
  const inside = new Map([["vnf probe", parseGuestInside(insideGuest())]]);
  const fingerprint = fingerprintOf(factsOf(fingerprintProbes, answers), { "firmware.turbo": "off" }, inside);
  return recordOf({
    ...{ kind: "throughput", subject: "dut CPUs 2-3", metrics: [], before: fingerprint, after: fingerprint },
    asked: askedOf({
      generator: { kind: "nfvlab", program: "/var/lib/nfvlab/traffic/a/traffic", cpus: "1" },
      from: { kind: "virtio-user", socketPath: "/run/gen0.sock" },
      to: { kind: "virtio-user", socketPath: "/run/gen1.sock" },
      ...{ frames: [64, "imix"], flows: 100 },
    }),
    tool: { command: ["traffic", "--rate", "1000"], version: "DPDK 24.11.8" },
    disturbances: {
      before: { machineChecks: 0, throttles: 0, managementInterrupts: 4 },
      after: { machineChecks: 0, throttles: 0, managementInterrupts: 4 },
    },
    counts: { before: counted(0), after: counted(1000) },
    trials: [
      {
        ...{ frame: "64", purpose: "search", loadPps: 1000, durationMs: 1000 },
        ...{ intended: 1000, received: 1000, faults: [] },
      },
    ],
    ...{ startedAt: "2026-03-03T08:14:07.120Z", durationMs: 1000, functional: true },
  });
}

describe("RFC 8204's list", () => {
  const record = exampleRecord();

  it("is of a record that its schema takes", () => {
    expect(ResultRecord.safeParse(record).error).toBeUndefined();
  });

  it("has all three parts, each item with its place", () => {
    expect(rows.length).toBeGreaterThan(34);
    expect(rows.filter(({ places }) => places.length === 0)).toEqual([]);
  });

  it.each(rows.map(({ item, places }) => [item, places] as const))("%s", (_, places) => {
    expect(places.filter((place) => !isInSchema(recordJsonSchema() as Schema, place))).toEqual([]);
    expect(places.filter((place) => valuesAt(record, place).length === 0)).toEqual([]);
  });

  it("would not find a place that is none", () => {
    expect(isInSchema(recordJsonSchema() as Schema, "fingerprint.dimms")).toBe(false);
    expect(isInSchema(recordJsonSchema() as Schema, "fingerprint.kernel: *")).toBe(false);
    expect(valuesAt(record, "fingerprint.memory: dimm")).toEqual([]);
  });
});
