import { describe, expect, it } from "vitest";
import { checkInputs, checkProviderConfig, requireSecretCredentials } from "../../sdk/provider/check.ts";
import { decode, encode } from "../../sdk/provider/wire.ts";
import type { ResourceDefinition } from "../../sdk/schema/definition.ts";
import { hugepages } from "../../sdk/schema/hugepages.ts";
import { libvirtDomain } from "../../sdk/schema/libvirt.ts";
import { ovsBridge, ovsDaemon, ovsFlows } from "../../sdk/schema/ovs.ts";
import { sysctls } from "../../sdk/schema/sysctls.ts";

const host = { name: "dut", connection: { kind: "local" } };
const failures = (
  definition: ResourceDefinition,
  inputs: Record<string, unknown>,
  unknown: string[][] = [],
) =>
  checkInputs({ definition }, decode(encode(inputs, { unknown }))).map(
    ({ property, reason }) => `${property}: ${reason}`,
  );

describe("checkInputs", () => {
  it("says of a value with alternatives what is wrong with the one that is meant", () => {
    const flows = [{ match: { vlan: 9999 }, actions: [] }, "in_port=1", 7];
    expect(failures(ovsFlows, { host, bridge: "br0", name: "a", flows })).toEqual([
      "flows[0].match.vlan: observed 9999, expected a whole number from 0 to 4095",
      'flows[0].actions: observed no action, expected at least one, for instance { kind: "drop" }',
      "flows[1]: expected a flow with actions=",
      "flows[2]: observed 7, expected a flow, as an object or a text",
    ]);
  });

  it("says everything at once, each in one sentence", () => {
    const wrong = {
      host: { name: "dut; reboot", connection: { kind: "ssh", host: "10.0.0.1" } },
      name: "vnf",
      memory: "32GB",
      pageSize: "3MiB",
      vcpuPins: ["x"],
      emulatorCpus: "0",
      boot: { kind: "floppy" },
      nics: { east: { kind: "sriov" } },
      cores: 3,
    };
    expect(failures(libvirtDomain, wrong)).toMatchInlineSnapshot(`
      [
        "host.name: observed "dut; reboot", expected 1 to 63 of the characters A-Z a-z 0-9 _ . -",
        "host.connection.hostKey: is missing",
        "memory: observed "32GB", expected a whole number with KiB, MiB, GiB or TiB, for instance "8GiB"",
        "pageSize: observed "3MiB", expected "4KiB" or "2MiB" or "1GiB"",
        "numaNode: is missing, expected a whole number from 0 to 1023",
        "vcpuPins[0]: observed "x", expected a CPU list such as "2-9,34-41"",
        "boot.kind: observed "floppy", expected "kernel" or "disk"",
        "nics.east.kind: observed "sriov", expected "vhost-user" or "bridge" or "openvswitch" or "network" or "tap" or "macvtap" or "sr-iov" or "pci" or "vdpa"",
        "cores: there is no property "cores"; remove it or correct its name",
      ]
    `);
  });

  it("says what is wrong with a name in a map", () => {
    expect(failures(sysctls, { host, name: "a", values: { "kernel numa": 1 } })).toEqual([
      'values["kernel numa"]: observed "kernel numa", expected a key as sysctl(8) names it, for instance "kernel.numa_balancing"',
    ]);
    const nic = { kind: "network", network: "default" };
    const domain = { host, name: "vnf", memory: "1GiB", numaNode: 0, vcpuPins: ["2"], emulatorCpus: "0" };
    const guest = { ...domain, pageSize: "2MiB", boot: { kind: "disk" }, nics: { "east 1": nic } };
    expect(failures(libvirtDomain, guest)).toEqual([
      'nics["east 1"]: observed "east 1", expected 1 to 63 of the characters A-Z a-z 0-9 _ . -',
    ]);
  });

  it("refuses a bridge name that is a command", () => {
    expect(failures(ovsBridge, { host, name: "br0; reboot" })).toMatchInlineSnapshot(`
      [
        "name: observed "br0; reboot", expected 1 to 15 of the characters A-Z a-z 0-9 _ . -",
      ]
    `);
  });

  it("refuses an empty or a malformed CPU list", () => {
    expect(failures(ovsDaemon, { host, pmdCpus: "" })).toHaveLength(1);
    expect(failures(ovsDaemon, { host, pmdCpus: "3-1" })).toHaveLength(1);
    expect(failures(ovsDaemon, { host, pmdCpus: "2-3" })).toEqual([]);
  });

  it("leaves what is not known yet for later", () => {
    const later = {
      host: { name: "dut", connection: undefined },
      numaNode: 0,
      size: "2MiB",
      count: undefined,
    };
    expect(failures(hugepages, later, [["host", "connection"], ["count"]])).toEqual([]);
    expect(failures(hugepages, { ...later, size: "3MiB" }, [["host", "connection"], ["count"]])).toHaveLength(
      1,
    );
  });
});

describe("the provider's configuration", () => {
  const keys = { accessKeyId: "AKIAX", secretAccessKey: "hunter22" };
  const checked = (value: Record<string, unknown>) => checkProviderConfig({ value, unknown: [] });
  const reasons = (value: Record<string, unknown>) =>
    checked(value).failures.map(({ property, reason }) => `${property}: ${reason}`);

  it("names a folder or a place in a store, and nothing else", () => {
    for (const results of ["results", "/srv/results", "s3://lab-results/nfv?region=lab"])
      expect(checked({ results })).toMatchObject({ failures: [], results });
    expect(reasons({ results: "" })).toEqual([
      'results: observed "", expected a folder, or s3://BUCKET/PREFIX in an object store',
    ]);
    expect(reasons({ results: "https://minio.lab/x" })[0]).toContain(
      "expected a folder, or s3://BUCKET/PREFIX",
    );
    // Of a failure without a property the engine does not print the value.
    expect(reasons({ results: "s3://lab/a//b" })[0]).toMatch(
      /^: nfvlab:results: not a place in an object store: observed /,
    );
    expect(reasons({ results: "s3://AKIAX:hunter22@lab" }).join()).not.toContain("hunter22");
  });

  it("has credentials as an object or its JSON, and as a secret alone", () => {
    const given = [keys, JSON.stringify(keys), { ...keys, sessionToken: "t" }];
    for (const resultsCredentials of given) {
      expect(checked({ resultsCredentials })).toMatchObject({ failures: [], resultsCredentials: keys });
      const config = { value: { resultsCredentials }, unknown: [] };
      requireSecretCredentials({ ...config, secret: [["resultsCredentials"]] });
      const plain = () => requireSecretCredentials({ ...config, secret: [["hosts"]] });
      expect(plain).toThrow("nfvlab:resultsCredentials is no secret, and would be read in the stack's files");
      expect(plain).not.toThrow("hunter22");
    }
    requireSecretCredentials({ value: {}, unknown: [], secret: [] });
  });

  it.each([
    "hunter22",
    '{"accessKeyId":"AKIAX","secretAccessKey":"hunter22"',
    { accessKeyId: "AKIAX" },
    { ...keys, secretAccessKey: ["hunter22"] },
    { ...keys, password: "hunter22" },
  ])("says what credentials are without showing any", (resultsCredentials) => {
    const said = reasons({ resultsCredentials });
    expect(said).toEqual([
      expect.stringMatching(
        /^: nfvlab:resultsCredentials: expected an object with accessKeyId, secretAccessKey and/,
      ),
    ]);
    expect(said.join()).not.toMatch(/hunter22|AKIAX/);
  });
});
