import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lxcContainers, type ObservedContainer } from "../../sdk/observe/containers.ts";
import { networkLinks } from "../../sdk/observe/links.ts";
import {
  checkContainer,
  commandText,
  configText,
  observedContainer,
  planContainer,
  removeContainer,
  unitText,
  verifyContainer,
} from "../../sdk/plan/lxc-container.ts";
import type { Inputs } from "../../sdk/schema/definition.ts";
import type { container } from "../../sdk/schema/lxc.ts";
import { CpuSet } from "../../sdk/units/cpuset.ts";
import { HostError, VerificationError } from "../../sdk/units/errors.ts";
import { bytes } from "../../sdk/units/size.ts";
import { recorded, said } from "../observe/recorded.ts";
import { refusalOf } from "./refusal.ts";

const links = networkLinks.parse(recorded("iproute2/6.15.0/links.txt"));
const host = { name: "dut", connection: { kind: "local" as const } };
const TAG = "1f0c22aa";

const inputs: Inputs<typeof container> = {
  host,
  name: "vnf",
  root: { kind: "host" },
  command: ["dpdk-testpmd", "--vdev=virtio_user0,path=/run/sockets/vhu0,server=1", "--", "-i", "it's $HOME"],
  cpus: "3,2",
  memory: "512MiB",
  hugepages: true,
  devices: ["/dev/net/tun"],
  mounts: [
    { source: "/run/nfvlab-vhost", target: "/run/sockets" },
    { source: "/srv/data", target: "/srv/data", readOnly: true },
  ],
  nics: [
    {
      kind: "veth",
      name: "eth0",
      hostName: "east0",
      bridge: "lan0",
      mac: "02:00:00:00:00:01",
      mtu: 9000,
      addresses: ["198.18.0.3/24"],
    },
    { kind: "physical", name: "eth1", interface: "ens2" },
  ],
};

/** The container as it would be found once its plan is carried out. */
function inForce(made: Inputs<typeof container>, tag = TAG): ObservedContainer {
  return {
    name: made.name,
    files: { config: configText(made, tag), command: commandText(made), unit: unitText(made) },
    ...{ running: true, enabled: true },
    cpus: made.cpus === undefined ? "" : CpuSet.parse(made.cpus).format(),
    effectiveCpus: CpuSet.parse(made.cpus ?? "0-3").format(),
    ...(made.memory !== undefined && { memory: bytes(made.memory) }),
    threadCpus: "2-3",
  };
}

const state = { ...inputs, running: true, configured: true, effectiveCpus: "2-3", threadCpus: "2-3" };

describe("a container", () => {
  it("is written as LXC and systemd take it", async () => {
    const text = `${configText(inputs, TAG)}--- command\n${commandText(inputs)}--- unit\n${unitText(inputs)}`;
    await expect(text).toMatchFileSnapshot("../golden/lxc/container.txt");
  });

  it("does not start beside another's container of its name, whose processes have the control groups of that name", async () => {
    const [guard = expect.fail("no guard")] =
      unitText(inputs).match(/(?<=^ExecStartPre=)\/bin\/sh .*$/m) ?? [];
    const script = /^\/bin\/sh -c '([^']*)'$/.exec(guard)?.[1]?.replaceAll("$$", "$") ?? expect.fail(guard);
    const start = () => {
      const { status, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
      return [status, stderr.trim()];
    };
    // LXC listens for commands at an abstract socket, which tells where the container is of.
    const meanwhile = async (socket: string) => {
      const listener = createServer();
      await new Promise<void>((resolve) => listener.listen(`\0${socket}`, resolve));
      const started = start();
      await new Promise((resolve) => listener.close(resolve));
      return started;
    };
    const refused = [1, "a container vnf runs that is not of /var/lib/nfvlab/lxc"];
    expect(await meanwhile("/var/lib/lxc/vnf/command")).toEqual(refused);
    expect(await meanwhile("/var/lib/nfvlab/lxc/vnf/command")).toEqual([0, ""]);
    expect(await meanwhile("/var/lib/lxc/vnf2/command")).toEqual([0, ""]);
    expect(start()).toEqual([0, ""]);
  });

  it("is made with its root, its files and its service, once", () => {
    expect(planContainer(inputs, undefined, links, TAG).map(({ purpose }) => purpose)).toEqual([
      "make the root of container vnf (host)",
      "write /var/lib/nfvlab/lxc/vnf/config",
      "write /var/lib/nfvlab/lxc/vnf/command",
      "write /etc/systemd/system/nfvlab-lxc-vnf.service",
      "let systemd read its units again",
      "enable nfvlab-lxc-vnf.service",
      "start container vnf",
    ]);
    expect(planContainer(inputs, inForce(inputs), links, TAG)).toEqual([]);
  });

  it("gets other CPUs and memory without a restart, and what drifted back", () => {
    const steps = planContainer({ ...inputs, cpus: "2", memory: "1GiB" }, inForce(inputs), links, TAG);
    expect(steps.map(({ purpose }) => purpose)).toEqual([
      "write /var/lib/nfvlab/lxc/vnf/config",
      "set cpuset.cpus of container vnf to 2",
      "set memory.max of container vnf to 1073741824",
    ]);
    const strayed = {
      ...links,
      links: links.links.map(({ master, ...link }) => ({
        ...link,
        ...(link.name !== "east0" && master !== undefined && { master }),
      })),
    };
    expect(
      planContainer(inputs, { ...inForce(inputs), cpus: "0-1" }, strayed, TAG).map(({ purpose }) => purpose),
    ).toEqual(["set cpuset.cpus of container vnf to 2-3", "join east0 to lan0"]);
    expect(
      observedContainer(state, { ...inForce(inputs), cpus: "0-1", memory: 2 ** 20 }, strayed, TAG),
    ).toMatchObject({
      cpus: "0-1",
      memory: "1MiB",
      nics: [expect.not.objectContaining({ bridge: "lan0" }), inputs.nics?.[1]],
      configured: true,
    });
  });

  it("restarts for anything else", () => {
    const last = (changed: Partial<typeof inputs>) =>
      planContainer({ ...inputs, ...changed }, inForce(inputs), links, TAG).at(-1)?.purpose;
    expect(last({ command: ["sleep", "1"] })).toBe("start container vnf");
    expect(last({ hugepages: false })).toBe("start container vnf");
    expect(planContainer(inputs, { ...inForce(inputs), running: false }, links, TAG).at(-1)?.purpose).toBe(
      "start container vnf",
    );
  });

  it("reads back as it was written, by its own stack and on import", () => {
    expect(observedContainer(state, inForce(inputs), links, TAG)).toEqual(state);
    const generated = fc.record(
      {
        command: fc.array(fc.stringMatching(/^[ -~]{1,12}$/), { minLength: 1, maxLength: 4 }),
        cpus: fc.constantFrom("0", "2-3", "1,3"),
        memory: fc.constantFrom("64MiB" as const, "1GiB" as const),
        hugepages: fc.boolean(),
        root: fc.constantFrom({ kind: "busybox" as const }, { kind: "folder" as const, path: "/srv/root" }),
      },
      { requiredKeys: ["command", "root"] },
    );
    fc.assert(
      fc.property(generated, (fields) => {
        const made = { host, name: "vnf", ...fields };
        const imported = observedContainer(
          { host, name: "vnf" } as never,
          inForce(made, "ffffffff"),
          links,
          TAG,
        );
        expect(imported).toEqual({
          ...made,
          running: true,
          configured: true,
          effectiveCpus: inForce(made).effectiveCpus,
          threadCpus: "2-3",
        });
      }),
    );
    expect(observedContainer(state, undefined, links, TAG)).toBeUndefined();
    const edited = { ...inForce(inputs), files: { ...inForce(inputs).files, command: "exec true\n" } };
    expect(observedContainer(state, edited, links, TAG)?.configured).toBe(false);
  });

  it("of somebody else, or with a card that the machine is reached by, is refused", () => {
    expect(refusalOf(() => checkContainer(inputs, inForce(inputs, "ffffffff"), links, TAG), HostError)).toBe(
      "name: a container vnf is there already and is not ours: observed owner ffffffff; choose another name",
    );
    const reaching = { ...inputs, nics: [{ kind: "physical" as const, name: "eth0", interface: "enp0s2" }] };
    expect(refusalOf(() => checkContainer(reaching, undefined, links, TAG), HostError)).toContain(
      "nics: enp0s2 carries the connection by which dut is reached",
    );
  });

  it("that does not run, or not on its CPUs, is told", () => {
    expect(
      refusalOf(() => verifyContainer(inputs, { ...inForce(inputs), running: false }), VerificationError),
    ).toBe(
      "container vnf does not run: observed no process in it, expected its command; what it said: journalctl -u nfvlab-lxc-vnf.service",
    );
    expect(
      refusalOf(() => verifyContainer(inputs, { ...inForce(inputs), effectiveCpus: "3" }), VerificationError),
    ).toContain("cpus: container vnf does not have its CPUs: observed 3, expected 2-3");
  });

  it("goes with its service and its folder, and nothing of a root that the user named", () => {
    expect(removeContainer("vnf").map(({ argv }) => argv.join(" "))).toEqual([
      "systemctl --quiet disable --now nfvlab-lxc-vnf.service",
      "rm -rf --one-file-system /etc/systemd/system/nfvlab-lxc-vnf.service /var/lib/nfvlab/lxc/vnf",
      'sh -c rmdir "$1" 2>/dev/null || true sh /var/lib/nfvlab/lxc',
      "systemctl daemon-reload",
    ]);
  });
});

describe("the containers of a machine", () => {
  it("are told by their files, and run while their control group has threads", () => {
    const answer = said(`@container small
@config # nfvlab-owner 1f0c22aa
@config lxc.uts.name = small
@command exec sleep 1
@enabled enabled
@group cpuset.cpus.effective:0-3
@group memory.max:max
Cpus_allowed_list:\t0-1
Cpus_allowed_list:\t1,3
@container stopped
@config x
@enabled disabled
`);
    expect(lxcContainers.parse(answer)).toEqual([
      {
        name: "small",
        files: {
          config: "# nfvlab-owner 1f0c22aa\nlxc.uts.name = small\n",
          command: "exec sleep 1\n",
          unit: "",
        },
        ...{ running: true, enabled: true, cpus: "", effectiveCpus: "0-3", threadCpus: "0-1,3" },
      },
      {
        name: "stopped",
        files: { config: "x\n", command: "", unit: "" },
        running: false,
        enabled: false,
        effectiveCpus: "",
        threadCpus: "",
      },
    ]);
  });
});
