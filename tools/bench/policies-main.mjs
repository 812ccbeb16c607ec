import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { credentials } from "@grpc/grpc-js";
import analyzerServices from "@pulumi/pulumi/proto/analyzer_grpc_pb.js";
import analyzer from "@pulumi/pulumi/proto/analyzer_pb.js";
import struct from "google-protobuf/google/protobuf/struct_pb.js";
import { evidence, intent } from "../../policies/packs.ts";
import { judge, urnOf } from "../../policies/testing.ts";
import { clone } from "../clone.mjs";
import { median } from "./measure.mjs";
import { labOf } from "./policies-lab.mjs";

const MIB = 1024 ** 2;
const [runs, ...sizes] = process.argv.slice(2).map(Number);
const size = sizes.at(-1);
const budgets = [{ metric: "guest.timer.latency", percentile: "99", maxNs: 20_000 }];
const configuration = { "latency-budget": { budgets } };
const policies = [...intent, ...evidence];

async function timed(work) {
  const begun = performance.now();
  const result = await work();
  return [performance.now() - begun, result];
}

/** Median time of each policy by itself on a lab of `count` resources, and the findings of all. */
async function timeEach(count) {
  const lab = labOf(count);
  const findings = [];
  const times = [];
  for (const policy of policies) {
    const config = configuration[policy.name];
    const samples = [];
    for (let round = 0; round < runs; round += 1) {
      const [ms, said] = await timed(() => judge(policy, lab, config));
      samples.push(ms);
      if (round === 0) findings.push(...said.violations, ...said.advice);
    }
    times.push({ name: policy.name, ms: median(samples) });
  }
  return { count, times, findings };
}

/** Median time of the packs as the engine asks them: one call of their server with the whole stack, at the end of a preview. */
async function timePack(count) {
  const pack = spawn(join(clone, "policies/pulumi-analyzer-nfvlab"), ["127.0.0.1:1"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const [port] = await new Promise((resolve, reject) => {
      createInterface(pack.stdout).once("line", (line) => resolve([line]));
      pack.once("exit", (code) => reject(new Error(`the pack ended with ${code} before it served`)));
    });
    const limit = 400 * MIB;
    const client = new analyzerServices.AnalyzerClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
      ...{ "grpc.max_receive_message_length": limit, "grpc.max_send_message_length": limit },
    });
    const call = (method, request) =>
      new Promise((resolve, reject) =>
        client[method](request, (error, response) => (error === null ? resolve(response) : reject(error))),
      );
    const configure = new analyzer.ConfigureAnalyzerRequest();
    for (const [name, properties] of Object.entries(configuration)) {
      const policy = new analyzer.PolicyConfig();
      policy.setEnforcementlevel(analyzer.EnforcementLevel.MANDATORY);
      policy.setProperties(struct.Struct.fromJavaScript(properties));
      configure.getPolicyconfigMap().set(name, policy);
    }
    await call("configure", configure);
    const request = stackOf(labOf(count));
    const samples = [];
    let said = [];
    for (let round = 0; round < runs; round += 1) {
      const [ms, response] = await timed(() => call("analyzeStack", request));
      samples.push(ms);
      said = response.getDiagnosticsList().map((diagnostic) => diagnostic.getMessage());
    }
    client.close();
    return { ms: median(samples), said, mib: request.serializeBinary().length / MIB };
  } finally {
    pack.kill();
  }
}

function stackOf(lab) {
  const urns = new Map(lab.map((resource) => [resource.name, urnOf(resource)]));
  const request = new analyzer.AnalyzeStackRequest();
  request.setResourcesList(
    lab.map((declared) => {
      const resource = new analyzer.AnalyzerResource();
      resource.setType(declared.type);
      resource.setName(declared.name);
      resource.setUrn(urns.get(declared.name));
      resource.setParent(urns.get(declared.parent) ?? "");
      resource.setProperties(struct.Struct.fromJavaScript(declared.props));
      resource.setOptions(new analyzer.AnalyzerResourceOptions());
      return resource;
    }),
  );
  return request;
}

/** A guest on the poll-mode threads' CPUs: policies that did not see it would be fast for nothing. */
async function seesMistake(count) {
  const lab = labOf(count).map((each) =>
    each.name === "dut0-vnf0-domain" ? { ...each, props: { ...each.props, vcpuPins: ["1", "33"] } } : each,
  );
  const policy = policies.find(({ name }) => name === "exclusive-cpus");
  return (await judge(policy, lab)).violations.length > 0;
}

const parts = [];
for (const count of sizes) parts.push(await timeEach(count));
const pack = await timePack(size);
const said = [...parts.flatMap(({ findings }) => findings), ...pack.said];
if (said.length > 0) throw new Error(`the testbed of the bench is not right: ${said[0]}`);
if (!(await seesMistake(size))) throw new Error("the policies did not notice a guest on a poll-mode CPU");
process.stdout.write(JSON.stringify({ parts, pack }));
