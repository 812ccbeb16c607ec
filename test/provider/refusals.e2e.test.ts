import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { generateKeyPair } from "../../sdk/remote/host-keys.ts";
import { modulePath, TrialProject } from "../lab/trial-project.ts";
import { startRelay } from "../remote/relay.ts";
import { freePort, type Sshd, startSshd } from "../remote/sshd.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { bench, host, libvirt, ovs } from ${modulePath("sdk/index.ts")};

const { CONNECTION, TRIAL } = process.env;
const dut = { name: "dut", connection: pulumi.secret(JSON.parse(CONNECTION)) };
const trials = {
  facts: () => new host.Facts("dut-facts", { host: dut }),
  "unknown CPU": () =>
    new bench.Cyclictest("timers", { host: dut, name: "timers", subject: { kind: "host", cpus: "4095" }, duration: "1s" }),
  "no systemd": () =>
    new bench.Cyclictest("timers", { host: dut, name: "timers", subject: { kind: "host", cpus: "0" }, duration: "1s" }),
  "no pages": () => new host.Hugepages("pool", { host: dut, numaNode: 0, size: "2MiB", count: 0 }),
  "wrong units": () =>
    new libvirt.Domain("vnf", {
      host: dut, name: "vnf", memory: "32GB", pageSize: "2MB", numaNode: 0, vcpuPins: ["1"], emulatorCpus: "0",
      boot: { kind: "kernel", kernel: "/boot/vmlinuz", initramfs: "/boot/initrd.img" },
    } as never),
  "a name with a command in it": () => new ovs.Bridge("bridge", { host: dut, name: "br0; reboot" }),
};
trials[TRIAL]();
`;

describe("what can't be right", () => {
  let sshd: Sshd;
  let project: TrialProject;

  beforeAll(async () => {
    sshd = await startSshd();
    project = new TrialProject("refusals", program);
  });
  afterAll(async () => {
    project.remove();
    await sshd.stop();
  });

  const patience = { perDialTimeout: 2, dialErrorLimit: 2 };
  const trial = (name: string, connection: object, command = "up") =>
    project.start([command, ...(command === "up" ? ["--yes", "--skip-preview"] : [])], {
      TRIAL: name,
      CONNECTION: JSON.stringify(connection),
    });
  const sessions = () => sshd.log().match(/Starting session/g)?.length ?? 0;
  const errors = (said: string) =>
    [...said.slice(said.indexOf("Diagnostics:")).matchAll(/^ +(?:error: |\* )(.*)$/gm)]
      .map(([, sentence]) => (sentence as string).trim())
      .filter((sentence) => !/^(update|preview) failed$|^\d+ errors? occurred/.test(sentence));
  const golden = (name: string) => join(import.meta.dirname, "../golden/refusals", `${name}.txt`);
  /** What is another in each run. */
  const steady = (text: string) =>
    text
      .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:<port>")
      .replaceAll(/SHA256:[\w+/=]+/g, "SHA256:<hash>")
      .replaceAll(/\b(CPUs among )[\d,-]+/g, "$1<online>");

  it.each([
    ["wrong-units", "wrong units", 2],
    ["command-in-a-name", "a name with a command in it", 1],
  ])("%s: refused in preview, without a word to the machine", async (file, name, count) => {
    const before = sessions();
    const { code, said } = await trial(name, sshd.connection(), "preview");
    expect(code, said).not.toBe(0);
    expect(errors(said)).toHaveLength(count);
    await expect(steady(`${errors(said).sort().join("\n")}\n`)).toMatchFileSnapshot(golden(file));
    expect(sessions()).toBe(before);
  });

  it("another host key: refused before anything is said to that machine", async () => {
    const before = sessions();
    const { publicKey } = generateKeyPair();
    const { code, said } = await trial("facts", sshd.connection({ hostKey: publicKey, ...patience }));
    expect(code, said).not.toBe(0);
    await expect(steady(`${errors(said).join("\n")}\n`)).toMatchFileSnapshot(golden("host-key"));
    expect(sessions()).toBe(before);
  });

  it("a machine that does not answer is named, with what to look at", async () => {
    const { code, said } = await trial("facts", sshd.connection({ port: await freePort(), ...patience }));
    expect(code, said).not.toBe(0);
    await expect(steady(`${errors(said).join("\n")}\n`)).toMatchFileSnapshot(golden("unreachable"));
  });

  it("a CPU that the machine has not got: refused with those that it has", async () => {
    const { code, said } = await trial("unknown CPU", sshd.connection());
    expect(code, said).not.toBe(0);
    await expect(steady(`${errors(said).join("\n")}\n`)).toMatchFileSnapshot(golden("unknown-cpu"));
  });

  it.skipIf(existsSync("/run/systemd/system"))(
    "a measurement on a machine that systemd does not run: refused before it begins [needs a machine without systemd]",
    async () => {
      const { code, said } = await trial("no systemd", sshd.connection());
      expect(code, said).not.toBe(0);
      await expect(steady(`${errors(said).join("\n")}\n`)).toMatchFileSnapshot(golden("no-systemd"));
    },
  );

  it("a secret of the program is in no plain text of state or output", async () => {
    const { said } = await trial("facts", sshd.connection());
    const exported = project.pulumi(["stack", "export"]).said;
    const secret = sshd.clientKey.privateKey.split("\n")[2] as string;
    expect(secret.length).toBeGreaterThan(40);
    expect(exported).toContain("dut-facts");
    for (const text of [said, exported]) expect(text).not.toContain(secret);
  });

  it("a delete whose machine is gone: says how to let go of it", async () => {
    const relay = await startRelay(sshd.port);
    const made = await trial("no pages", sshd.connection({ port: relay.port, ...patience }));
    expect(made.code, made.said).toBe(0);
    await relay.close();
    const { code, said } = await project.start(["destroy", "--yes", "--skip-preview"]);
    expect(code).not.toBe(0);
    await expect(steady(`${errors(said).join("\n")}\n`)).toMatchFileSnapshot(golden("delete-unreachable"));

    const moved = await trial("no pages", sshd.connection());
    expect(moved.code, moved.said).toBe(0);
    expect((await project.start(["destroy", "--yes", "--skip-preview"])).code).toBe(0);
  });
});
