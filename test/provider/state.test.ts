import { expect, it } from "vitest";
import { secretsOf, stateStruct } from "../../sdk/provider/state.ts";
import { decode } from "../../sdk/provider/wire.ts";
import { cyclictest } from "../../sdk/schema/benchmarks.ts";
import { mayHoldSecrets } from "../../sdk/schema/definition.ts";
import { hugepages } from "../../sdk/schema/hugepages.ts";
import { resourceDefinitions } from "../../sdk/schema/registry.ts";

const ssh = { kind: "ssh", host: "10.0.0.7", hostKey: "ssh-ed25519 AAAA", privateKey: "k" };
const state = { host: { name: "dut", connection: ssh }, numaNode: 0, size: "2MiB", count: 1, found: 0 };

it("what the schema calls secret is secret in state, however it came", () => {
  const written = decode(stateStruct(hugepages, state, { value: state, secret: [], unknown: [] }));
  expect(written.value).toEqual(state);
  expect(written.secret.map((path) => path.join("."))).toEqual(["host.connection.privateKey"]);
});

it("what came as a secret stays one, beside what the schema calls secret", () => {
  const written = decode(stateStruct(hugepages, state, { value: state, secret: [["count"]], unknown: [] }));
  expect(written.secret.map((path) => path.join(".")).sort()).toEqual([
    "count",
    "host.connection.privateKey",
  ]);
});

it("texts that no file may hold are those, and not the address of a machine whose connection is one secret", () => {
  const of = (value: Record<string, unknown>, secret: readonly (readonly string[])[]) =>
    secretsOf(cyclictest, { value, secret, unknown: [] });
  const keyed = { name: "dut", connection: { ...ssh, privateKey: "-----BEGIN\nkey\n-----END" } };
  const subject = { kind: "guest", domain: "customer-7", cpus: "0" };
  expect(of({ host: keyed, name: "timers", subject }, [])).toEqual(["-----BEGIN\nkey\n-----END"]);
  expect(of({ host: keyed, name: "timers", subject }, [["host", "connection"]])).toEqual([
    "-----BEGIN\nkey\n-----END",
  ]);
  const local = { name: "dut", connection: { kind: "local" } };
  expect(of({ host: local, name: "timers", subject }, [["host"]])).toEqual([]);
  expect(of({ host: keyed, name: "timers", subject }, [["subject"], ["host", "connection", "host"]])).toEqual(
    ["-----BEGIN\nkey\n-----END", ...["guest", "customer-7", "10.0.0.7"]],
  );
});

it("every resource on a host may hold the host's credentials, and nothing else that is secret", () => {
  for (const { token, inputs, outputs } of resourceDefinitions) {
    const secretive = Object.entries({ ...inputs.shape, ...outputs.shape })
      .filter(([, schema]) => mayHoldSecrets(schema))
      .map(([name]) => name);
    // A seed of cloud-init may hold passwords and keys for the guest; some measurements have other machines beside their host.
    const others: Readonly<Record<string, readonly string[]>> = {
      "nfvlab:libvirt:Volume": ["source"],
      "nfvlab:bench:LiveMigration": ["destination", "traffic"],
    };
    const forwarding = "systemUnderTest" in inputs.shape ? ["systemUnderTest"] : [];
    const allowed = ["host", ...forwarding, ...(others[token] ?? [])].sort();
    expect([token, secretive.sort()]).toEqual([token, "host" in inputs.shape ? allowed : secretive]);
  }
});
