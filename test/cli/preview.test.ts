import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSecret, isUnknown, parsePath, shown, valueAt } from "../../sdk/cli/engine-value.ts";
import { placesOf } from "../../sdk/cli/places.ts";
import { type Preview, readPreview } from "../../sdk/cli/preview.ts";
import { placeIn } from "../../sdk/cli/program.ts";
import { isSecretField } from "../../sdk/cli/resource-fields.ts";
import { reviewOf } from "../../sdk/cli/review-of.ts";
import { formatPath } from "../../sdk/provider/wire.ts";

const fixture = (name: string) => readFileSync(join(import.meta.dirname, "../fixtures/engine", name), "utf8");
const events = fixture("preview.events");
const digest = fixture("preview.digest");
const recorded = readPreview(events, digest);

const named = (preview: Preview, name: string) => {
  const found = preview.resources.find(({ urn }) => urn.endsWith(`::${name}`));
  if (found === undefined) throw new Error(`the preview has ${name}`);
  return found;
};
const review = (preview: Preview) =>
  reviewOf({ project: "lab", stack: "rack", preview, catalogue: [], program: new Map([["lab.ts", ""]]) });
const event = (body: object) => JSON.stringify({ sequence: 0, timestamp: 0, ...body });
const finding = (level: string, message: string, urn = "") =>
  event({
    policyEvent: {
      ...{ policyPackName: "nfvlab", policyName: "exclusive-cpus", enforcementLevel: level },
      ...{ resourceUrn: urn, message, severity: "critical" },
    },
  });

describe("what a policy mends by itself", () => {
  const remediation = (before: object, after: object) =>
    readPreview(
      event({
        policyRemediationEvent: {
          ...{ policyPackName: "nfvlab", policyName: "mitigations-on", resourceUrn: "urn:a::boot" },
          ...{ before, after, color: "never", policyPackVersion: "0.1.0" },
        },
      }),
      "{}",
    ).findings;

  it("is advice that names the properties, without their values", () => {
    const found = remediation(
      { arguments: { mitigations: "off", iommu: "pt" }, host: { key: "hidden" } },
      { arguments: { iommu: "on" }, host: { key: "hidden" } },
    );
    expect(found).toEqual([
      {
        ...{ pack: "nfvlab", policy: "mitigations-on", level: "advisory", severity: "", urn: "urn:a::boot" },
        message:
          "The policy changed arguments.mitigations, arguments.iommu itself, at level remediate; the program still has what it refuses.",
      },
    ]);
  });

  it("is nothing where nothing changed", () => {
    expect(remediation({ a: [1] }, { a: [1] })).toEqual([]);
  });
});

describe("a recorded preview", () => {
  it("has each resource once, with what becomes of it", () => {
    const urns = recorded.resources.map(({ urn }) => urn);
    expect(new Set(urns).size).toBe(urns.length);
    expect(named(recorded, "br0-daemon").action).toBe("update");
    expect(named(recorded, "vnf-domain").action).toBe("replace");
    expect(named(recorded, "dut-facts").action).toBe("same");
  });

  it("has each property that differs", () => {
    expect(named(recorded, "vnf-domain").differences).toEqual([
      { path: "memory", kind: "update", replaces: true, isInput: true },
      { path: "vcpuPins[0]", kind: "update", replaces: false, isInput: true },
      { path: "vcpuPins[1]", kind: "add", replaces: false, isInput: true },
    ]);
  });

  it("has the findings, what holds, and that all was judged", () => {
    expect(recorded.findings.map(({ policy, level }) => [policy, level])).toEqual([
      ["exclusive-cpus", "mandatory"],
    ]);
    expect(recorded.held.get("nfvlab")?.has("one-owner-per-core")).toBe(true);
    expect(recorded.held.get("nfvlab")?.has("exclusive-cpus")).toBe(false);
    expect([recorded.isJudged, recorded.errors]).toEqual([true, []]);
  });

  it("is reviewed with values, machines and CPUs of both sides", () => {
    const { changes, before, after, unchanged, outcome } = review(recorded);
    expect(outcome).toBe("blocked");
    expect(unchanged).toBe(6);
    expect(changes.map(({ action, host, resource }) => [action, host, resource])).toEqual([
      ["update", "dut", "br0-daemon"],
      ["replace", "dut", "vnf-domain"],
    ]);
    expect(changes[1]?.properties[0]).toEqual({
      ...{ path: "memory", before: '"256MiB"', after: '"1GiB"', replaces: true },
    });
    const contested = (hosts: typeof before) =>
      hosts.flatMap(({ nodes }) => nodes.flatMap(({ cpus }) => cpus.filter((cpu) => cpu.contenders)));
    expect(contested(before)).toEqual([]);
    expect(contested(after).map(({ cpu, contenders }) => [cpu, contenders])).toEqual([
      [5, ["vCPU 0 of vnf", "poll-mode thread"]],
    ]);
  });

  it("is reviewed alike whatever order the engine tells of resources and findings in", () => {
    const lines = new Map<string, string[]>();
    for (const line of events.split("\n").filter((each) => each.startsWith("{"))) {
      const about = /"metadata":\{"op":"[a-z-]+","urn":("[^"]*")/.exec(line)?.[1] ?? line;
      lines.set(about, [...(lines.get(about) ?? []), line]);
    }
    const groups = [...lines.values()];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(groups, { minLength: groups.length, maxLength: groups.length }),
        (shuffled) => {
          expect(review(readPreview(shuffled.flat().join("\n"), digest))).toEqual(review(recorded));
        },
      ),
      { numRuns: 25 },
    );
  });

  it("that was cut off anywhere is read as far as it goes", () => {
    fc.assert(
      fc.property(fc.nat(events.length), (length) => {
        expect(() => review(readPreview(events.slice(0, length), digest.slice(0, length)))).not.toThrow();
      }),
      { numRuns: 50 },
    );
  });
});

describe("what an engine says", () => {
  it("of a program that is broken is an error, of a policy that blocks is none", () => {
    const said = (message: string) =>
      readPreview(event({ diagnosticEvent: { severity: "error", prefix: "error: ", message } }), "").errors;
    expect(said("preview failed\n")).toEqual([]);
    expect(said("Running program 'lab.ts' failed\n")).toEqual(["Running program 'lab.ts' failed"]);
  });

  it("in debug messages is never looked at", () => {
    const message = "RegisterResource RPC finished: password,,,open-sesame";
    const line = event({
      diagnosticEvent: { prefix: "debug: ", message, color: "never", severity: "debug", urn: "u" },
    });
    expect(JSON.stringify(readPreview(line, ""))).not.toContain("open-sesame");
  });

  it("of a finding is taken apart into what holds, what was found, and who answers for it", () => {
    const [violation] = review(
      readPreview(finding("mandatory", "Every CPU has one role.\nCPU 2 has two.\n"), ""),
    ).findings;
    expect(violation).toMatchObject({ allowed: "Every CPU has one role.", found: "CPU 2 has two." });
    const [excepted] = review(
      readPreview(
        finding("advisory", "CPU 2 has two. Excepted until 2026-12-31 by lab: a trial: short\n"),
        "",
      ),
    ).findings;
    expect(excepted).toMatchObject({
      found: "CPU 2 has two.",
      exception: { until: "2026-12-31", owner: "lab", reason: "a trial: short" },
    });
    const [over] = review(
      readPreview(finding("mandatory", "D.\nCPU 2 has two. Excepted until 2026-12-31 by lab: no\n"), ""),
    ).findings;
    expect(over).not.toHaveProperty("exception");
  });
});

describe("values of the engine", () => {
  const SIGNATURE = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };
  const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

  it("are found by the paths that the provider writes", () => {
    const step = fc.oneof(fc.nat(99), fc.string({ minLength: 1 }));
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.array(step, { maxLength: 5 }), (first, rest) => {
        expect(parsePath(formatPath([first, ...rest]))).toEqual([first, ...rest]);
      }),
    );
  });

  it("that are secret are never shown, at whatever depth, however they are marked", () => {
    const secret = fc.constantFrom(
      { ...SIGNATURE, ciphertext: "open-sesame" },
      { ...SIGNATURE, value: "open-sesame" },
    );
    const tree = fc.letrec((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        secret,
        fc.string(),
        fc.array(tie("node"), { maxLength: 3 }),
        fc.dictionary(fc.string(), tie("node"), { maxKeys: 3 }),
      ),
    })).node;
    fc.assert(
      fc.property(tree, (value) => {
        expect(shown(value)).not.toContain("open-sesame");
      }),
    );
    expect(shown({ ...SIGNATURE, ciphertext: "x" })).toBe("a secret");
    expect(valueAt({ host: "[secret]" }, ["host", "name"])).toBe("[secret]");
    expect(isSecret(valueAt({ host: { ...SIGNATURE, value: "{}" } }, ["host", "value"]))).toBe(true);
  });

  it("of fields for secrets are masked even where a program says them in the open", () => {
    const host = {
      name: "dut",
      connection: { kind: "ssh", host: "h", hostKey: "k", password: "open-sesame" },
    };
    const text = shown(host, (below) => isSecretField("nfvlab:host:Facts", ["host", ...below], { host }));
    expect(text).not.toContain("open-sesame");
    expect(text).toContain('"name":"dut"');
  });

  it("that aren't known yet are said to be so", () => {
    expect(shown(UNKNOWN)).toBe("not known yet");
    expect(shown({ a: [UNKNOWN, 1] })).toBe('{"a":["not known yet",1]}');
    expect(shown(undefined)).toBe("nothing");
    expect(isUnknown(valueAt({ boot: UNKNOWN }, ["boot", "kernel"]))).toBe(true);
  });
});

describe("places", () => {
  const resource = (type: string, name: string, parent: string, more: object = {}) =>
    event({
      resourcePreEvent: {
        metadata: {
          ...{
            op: "create",
            urn: `urn:pulumi:rack::lab::${type}::${name}`,
            type,
            old: null,
            detailedDiff: null,
          },
          new: {
            parent: parent === "" ? "" : `urn:pulumi:rack::lab::${parent}`,
            inputs: {},
            outputs: {},
            ...more,
          },
        },
      },
    });
  const hostsOf = (lines: readonly string[], steps: object[] = []) => {
    const { resources } = readPreview(lines.join("\n"), JSON.stringify({ steps }));
    const places = placesOf(resources);
    return Object.fromEntries(
      resources.map(({ urn }) => [urn.split("::").at(-1), [places.hostOf(urn), places.chainOf(urn)]]),
    );
  };
  const depends = (urn: string, on: string) => ({
    urn: `urn:pulumi:rack::lab::${urn}`,
    newState: { propertyDependencies: { host: [`urn:pulumi:rack::lab::${on}`] } },
  });

  it("are told by names, by parents, and by what a host hangs on where no name is known", () => {
    const lines = [
      resource("nfvlab:emulate:Server", "server", ""),
      resource("nfvlab:components:TunedHost", "dut", ""),
      resource("nfvlab:host:Facts", "dut-facts", "nfvlab:components:TunedHost::dut", {
        inputs: { host: "[secret]" },
      }),
      resource("nfvlab:ovs:Daemon", "br0-daemon", "", { inputs: { host: "[secret]" } }),
      resource("nfvlab:ovs:Port", "other-port", "", { inputs: { host: { name: "other" } } }),
    ];
    const steps = [
      depends("nfvlab:host:Facts::dut-facts", "nfvlab:emulate:Server::server"),
      depends("nfvlab:ovs:Daemon::br0-daemon", "nfvlab:emulate:Server::server"),
    ];
    expect(hostsOf(lines, steps)).toMatchObject({
      ...{ "dut-facts": ["dut", "dut (TunedHost)"], "br0-daemon": ["dut", "br0-daemon (Daemon)"] },
      ...{ "other-port": ["other", "other-port (Port)"], server: ["", "server (Server)"] },
    });
  });

  it("end where resources hang on each other in a circle", () => {
    const lines = [resource("nfvlab:ovs:Port", "a", ""), resource("nfvlab:ovs:Port", "b", "")];
    const steps = [
      depends("nfvlab:ovs:Port::a", "nfvlab:ovs:Port::b"),
      depends("nfvlab:ovs:Port::b", "nfvlab:ovs:Port::a"),
    ];
    expect(hostsOf(lines, steps)["a"]).toEqual(["", "a (Port)"]);
  });

  it("name the chain that goes through a function or a switch", () => {
    const path = { stations: [{ name: "gen" }, { name: "vnf" }], segments: [{ over: "br0" }] };
    const lines = [
      resource("nfvlab:components:ServiceChain", "pvp", "", { outputs: { path } }),
      resource("nfvlab:components:VhostUserVnf", "vnf", ""),
      resource("nfvlab:libvirt:Domain", "vnf-domain", "nfvlab:components:VhostUserVnf::vnf"),
    ];
    expect(hostsOf(lines)["vnf-domain"]?.[1]).toBe("pvp");
  });

  it("in the program are those of the one declaration, and of no example in a comment", () => {
    const text =
      '// new TunedHost("dut")\n * new TunedHost("dut", {\nconst dut = new lab.TunedHost(\n  "dut", {});\n';
    const files = new Map([
      ["main.ts", "import x"],
      ["lab.ts", text],
    ]);
    const declared = 'new TunedHost("dut")';
    expect(placeIn(files, "TunedHost", "dut")).toEqual({ declared, file: "lab.ts", line: 3 });
    const twice = new Map([...files, ["other.ts", "new TunedHost('dut')"]]);
    expect(placeIn(twice, "TunedHost", "dut")).toEqual({ declared, file: "main.ts" });
    expect(placeIn(files, "TunedHost", "other").line).toBeUndefined();
  });
});
