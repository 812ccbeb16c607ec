import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import * as components from "../../components/index.ts";
import { resourceDefinitions } from "../../sdk/schema/registry.ts";
import { root } from "./examples.ts";

/** RFC 8204, section 5. */
const TESTS = [
  "Activation.RFC2889.AddressLearningRate",
  "PacketLatency.InitialPacketProcessingLatency",
  "CPDP.Coupling.Flow.Addition",
  "Throughput.RFC2544.SystemRecoveryTime",
  "Throughput.RFC2544.ResetTime",
  "Activation.RFC2889.AddressCachingCapacity",
  "Throughput.RFC2544.PacketLossRate",
  "Stress.RFC2544.0PacketLoss",
  "Throughput.RFC2544.PacketLossRateFrameModification",
  "Throughput.RFC2544.BackToBackFrames",
  "Throughput.RFC2889.MaxForwardingRate",
  "Throughput.RFC2889.ForwardPressure",
  "Throughput.RFC2889.BroadcastFrameForwarding",
  "Throughput.RFC2544.WorstN-BestN",
  "Throughput.Overlay.Network.<tech>.RFC2544.PacketLossRatio",
  "Throughput.RFC2889.ErrorFramesFiltering",
  "Throughput.RFC2544.Profile",
  "Throughput.RFC2889.Soak",
  "Throughput.RFC2889.SoakFrameModification",
  "PacketDelayVariation.RFC3393.Soak",
  "Scalability.RFC2544.0PacketLoss",
  "MemoryBandwidth.RFC2544.0PacketLoss.Scalability",
  "Scalability.VNF.RFC2544.PacketLossProfile",
  "Scalability.VNF.RFC2544.PacketLossRatio",
];

interface Row {
  readonly test: string;
  readonly by: string;
  readonly otherwise: string;
}

function rowsOf(text: string): Row[] {
  return text.split("\n").flatMap((line) => {
    const cells = /^\| (.+?) \| (.+?) \|(?: (.*?))? \|$/.exec(line);
    if (cells === null || cells[1] === "test" || cells[1] === "---") return [];
    const [, test = "", by = "", otherwise = ""] = cells;
    return [{ test: test.replaceAll("\\", ""), by, otherwise }];
  });
}

/** What is wrong with what is between backquotes: a resource and then inputs of it, or a component. */
function* complaintsAbout(text: string): Generator<string> {
  let definition: (typeof resourceDefinitions)[number] | undefined;
  for (const [, span = ""] of text.matchAll(/`([^`]+)`/g)) {
    if (span.startsWith("nfvlab:")) {
      definition = resourceDefinitions.find(({ token }) => token === span);
      if (definition === undefined) yield `${span}: no resource`;
      const component = /^nfvlab:bench:(.+)$/.exec(span)?.[1];
      if (component !== undefined && !(`${component}Benchmark` in components))
        yield `${span}: no component ${component}Benchmark`;
    } else if (/^[A-Z]\w+$/.test(span)) {
      if (!(span in components)) yield `${span}: no component`;
    } else {
      const inputs = runInNewContext(`JSON.stringify({ ${span} })`) as string;
      for (const [name, value] of Object.entries(JSON.parse(inputs) as object)) {
        const field: z.ZodType | undefined = definition?.inputs.shape[name];
        const parsed = field?.safeParse(value);
        if (parsed === undefined) yield `${span}: no input ${name} of ${definition?.token}`;
        else if (!parsed.success) yield `${span}: ${parsed.error.issues.map(({ message }) => message)}`;
      }
    }
  }
}

describe("the table of VSPERF's tests", () => {
  const rows = rowsOf(readFileSync(join(root, "docs/vsperf.md"), "utf8"));

  it("has all of them, each once", () => {
    expect(rows.map(({ test }) => test)).toEqual(TESTS);
  });

  it("says what does each, by resources and inputs that there are, or why nothing does", () => {
    expect(rows.flatMap(({ by }) => [...complaintsAbout(by)])).toEqual([]);
    for (const { test, by, otherwise } of rows) {
      expect(by, test).toMatch(/^(nothing$|`nfvlab:)/);
      if (by === "nothing") expect(otherwise, test).toMatch(/^(not built|can't be)/);
    }
  });
});

describe("a row that has come to be wrong", () => {
  it.each([
    ["a resource that there is none of", "`nfvlab:bench:Learning`", "nfvlab:bench:Learning: no resource"],
    ["an input of another resource", "`nfvlab:bench:Outage` with `percent: 9`", "no input percent"],
    ["a value that an input can't have", '`nfvlab:bench:Outage` with `event: { kind: "fire" }`', "fire"],
    ["a component that there is none of", "`nfvlab:bench:Soak` over `Chains`", "Chains: no component"],
  ])("is told of %s", (_, by, complaint) => {
    expect([...complaintsAbout(by)].join()).toContain(complaint);
  });
});
