import { expect, it } from "vitest";
import { stateStruct } from "../../sdk/provider/state.ts";
import { decode } from "../../sdk/provider/wire.ts";
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

it("every resource on a host may hold the host's credentials, and nothing else that is secret", () => {
  for (const { token, inputs, outputs } of resourceDefinitions) {
    const secretive = Object.entries({ ...inputs.shape, ...outputs.shape })
      .filter(([, schema]) => mayHoldSecrets(schema))
      .map(([name]) => name);
    // A seed of cloud-init may hold passwords and keys for the guest; a migration has other machines beside its host.
    const others: Readonly<Record<string, readonly string[]>> = {
      "nfvlab:libvirt:Volume": ["source"],
      "nfvlab:bench:LiveMigration": ["destination", "traffic"],
    };
    const allowed = ["host", ...(others[token] ?? [])];
    expect([token, secretive]).toEqual([token, "host" in inputs.shape ? allowed : secretive]);
  }
});
