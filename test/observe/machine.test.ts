import { describe, expect, it } from "vitest";
import { domains } from "../../sdk/observe/domains.ts";
import { hugepagePools } from "../../sdk/observe/hugepages.ts";
import { nicsOf, pciFiles, pciLinks } from "../../sdk/observe/nics.ts";
import type { Answer } from "../../sdk/observe/probe.ts";
import { recorded, recordedMachine } from "./recorded.ts";

const machine = recordedMachine("machine/debian-13/emulated-server.txt");
const answer = (probe: string) => machine.get(probe) as Answer;

it("reads huge pages by node and size", () => {
  const pools = hugepagePools.parse(answer("hugepage-pools"));
  expect(pools).toHaveLength(4);
  expect(pools.find(({ numaNode, sizeKib }) => numaNode === 0 && sizeKib === 2048)).toEqual({
    numaNode: 0,
    sizeKib: 2048,
    total: 192,
    free: 128,
    surplus: 0,
  });
});

it("reads network cards with their node, driver, group and virtual functions", () => {
  const nics = nicsOf(pciFiles.parse(answer("pci-files")), pciLinks.parse(answer("pci-links")));
  expect(nics.map(({ address, driver, numaNode }) => [address, driver, numaNode])).toEqual([
    ["0000:00:02.0", "virtio-pci", -1],
    ["0000:21:00.0", "igb", 0],
    ["0000:31:00.0", "igb", 1],
  ]);
  expect(nics[2]).toMatchObject({
    iommuGroup: 8,
    interfaces: ["ens2"],
    virtualFunctions: { total: 7, active: 0 },
  });
  expect(nics[0]?.interfaces).toEqual(["enp0s2"]);
  expect(nics[0]).not.toHaveProperty("virtualFunctions");
});

describe("guests", () => {
  it("are read from their definition", () => {
    const [guest] = domains.parse(recorded("libvirt/11.3.0/guest-started.txt"));
    expect(guest).toMatchSnapshot({ xml: expect.any(String) });
  });

  it("are none where there is no libvirt", () => {
    expect(domains.parse({ code: 127, stdout: "", stderr: "" })).toEqual([]);
  });

  it("are told with their threads in another place, and left out where they went in between", () => {
    const recording = recorded("libvirt/11.3.0/guest-started.txt");
    const threads = recording.stdout.split("\n").filter((line) => line.startsWith("@/proc/"));
    const definition = recording.stdout.split("\n").filter((line) => !line.startsWith("@/proc/"));
    const apart = [...definition, "@domain gone", "@state ", "@domain vnf probe", ...threads].join("\n");
    expect(threads.length).toBeGreaterThan(2);
    expect(domains.parse({ ...recording, stdout: apart })).toEqual(domains.parse(recording));
  });

  it("are not taken for gone where libvirt did not answer in time", () => {
    const cut = { ...recorded("libvirt/11.3.0/guest-started.txt"), code: 124 };
    expect(() => domains.parse(cut)).toThrow(
      "could not read the guests of libvirt: observed no answer in time; the machine is busy, or the tool hangs",
    );
  });

  it("are not taken for another's where libvirt does not tell their definition", () => {
    const said = {
      code: 0,
      stdout: "@domain vnf\n@state running\n",
      stderr: "error: Disconnected from qemu:///system",
    };
    expect(() => domains.parse(said)).toThrow(
      'could not read the definition of guest vnf: observed "error: Disconnected from qemu:///system"',
    );
  });
});
