import { createRequire } from "node:module";
import analyzer from "@pulumi/pulumi/proto/analyzer_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { afterEach, describe, expect, it, vi } from "vitest";
import { evidence, intent } from "../../policies/packs.ts";
import { shareProperties } from "../../policies/shared-properties.ts";
import { type Declared, unknown, urnOf } from "../../policies/testing.ts";
import { real, timed, tuned } from "./case.ts";
import { testbed } from "./testbed.ts";

interface Response {
  getDiagnosticsList(): readonly { getPolicyname(): string; getMessage(): string; getUrn(): string }[];
}

/** What the pack's server does with a call of the engine. */
interface Server {
  makeAnalyzeStackRpcFun(
    name: string,
    version: string,
    level: string,
    policies: readonly unknown[],
  ): (call: { readonly request: unknown }, done: (error: unknown, response: Response) => void) => void;
}

const server: Server = createRequire(import.meta.url)("@pulumi/policy/server");
const analyze = server.makeAnalyzeStackRpcFun("nfvlab", "0.1.0", "mandatory", [...intent, ...evidence]);

function requestOf(stack: readonly Declared[]): Uint8Array {
  const urns = new Map(stack.map((each) => [each.name, urnOf(each)]));
  const request = new analyzer.AnalyzeStackRequest();
  request.setResourcesList(
    stack.map(({ type, name, props, parent = "" }) => {
      const resource = new analyzer.AnalyzerResource();
      resource.setType(type);
      resource.setName(name);
      resource.setUrn(urns.get(name) ?? "");
      resource.setParent(urns.get(parent) ?? "");
      resource.setProperties(
        struct.Struct.fromJavaScript(JSON.parse(JSON.stringify(props)) as object as never),
      );
      resource.setOptions(new analyzer.AnalyzerResourceOptions());
      return resource;
    }),
  );
  return request.serializeBinary();
}

async function judged(bytes: Uint8Array): Promise<string[]> {
  const request = analyzer.AnalyzeStackRequest.deserializeBinary(bytes);
  const response = await new Promise<Response>((resolve, reject) =>
    analyze({ request }, (error, answer) => (error ? reject(error) : resolve(answer))),
  );
  return response
    .getDiagnosticsList()
    .map((said) => `${said.getPolicyname()} ${said.getUrn()} ${said.getMessage()}`)
    .sort();
}

describe("what policies share in one call of the engine", () => {
  let undo: () => void = () => undefined;
  afterEach(() => {
    undo();
    vi.restoreAllMocks();
  });

  const stacks: readonly (readonly [string, readonly Declared[]])[] = [
    ["a right stack", real({}, tuned, timed())],
    ["a wrong one", real({ "vnf1-domain": { vcpuPins: ["8", "30"] } }, tuned, timed({ valid: false }))],
    ["a first preview", testbed({ stage: "first-preview" })],
    [
      "one with values that aren't known",
      real({ dut: { cpus: unknown }, "br0-daemon": { pmdCpus: unknown } }),
    ],
  ];

  it.each(stacks)("changes nothing of what they find: %s", async (_, stack) => {
    const bytes = requestOf(stack);
    const alone = await judged(bytes);
    undo = shareProperties();
    expect(await judged(bytes)).toEqual(alone);
    // A second call is another stack, also where it has the same resources.
    expect(await judged(bytes)).toEqual(alone);
  });

  it("is what the properties of a resource are unpacked to", async () => {
    const bytes = requestOf(real({}, tuned));
    const unpacking = vi.spyOn(struct.Struct.prototype, "toJavaScript");
    const callsOf = async () => {
      unpacking.mockClear();
      await judged(bytes);
      return unpacking.mock.calls.length;
    };
    const alone = await callsOf();
    undo = shareProperties();
    // Each policy of a stack unpacked all of it.
    expect((await callsOf()) * 5).toBeLessThan(alone);
  });
});
