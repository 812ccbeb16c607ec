import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalTransport } from "../remote/local-transport.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { Accelerator } from "./machine.ts";

/** `mov al, 0x10; out 0xf4, al; hlt`, as a boot sector: a guest that proves it ran by how it ends QEMU. */
const BOOT_SECTOR = Buffer.alloc(512);
Buffer.from([0xb0, 0x10, 0xe6, 0xf4, 0xf4]).copy(BOOT_SECTOR);
Buffer.from([0x55, 0xaa]).copy(BOOT_SECTOR, 510);
const PROOF = (0x10 << 1) | 1;
const PROBE_LIMIT_MS = 8000;

/**
 * KVM where it really runs a guest, else emulation. The device file alone says nothing: inside a virtual machine it is often there and works for nothing but itself.
 * The answer holds until the next boot and is kept in the cache.
 */
export async function chooseAccelerator(hypervisor: Hypervisor, cache: string): Promise<Accelerator> {
  if (!existsSync("/dev/kvm")) return "tcg";
  const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const remembered = join(cache, `accelerator-${boot}`);
  const known = await readFile(remembered, "utf8").catch(() => undefined);
  if (known === "kvm" || known === "tcg") return known;
  const accelerator = (await isNested()) && (await runsGuest(hypervisor)) ? "kvm" : "tcg";
  await writeFile(remembered, accelerator);
  return accelerator;
}

/** The server runs guests of its own, so its KVM has to pass the hardware's virtualisation on. */
async function isNested(): Promise<boolean> {
  const answers = await Promise.all(
    ["kvm_intel", "kvm_amd"].map((module) =>
      readFile(`/sys/module/${module}/parameters/nested`, "utf8").catch(() => ""),
    ),
  );
  return answers.some((answer) => /^[Y1]/.test(answer));
}

async function runsGuest(hypervisor: Hypervisor): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "nfvlab-kvm-"));
  try {
    const disk = join(folder, "disk");
    await writeFile(disk, BOOT_SECTOR);
    const { code } = await new LocalTransport().execute({
      argv: hypervisor.argv("qemu-system-x86_64", [
        ...[
          "-accel",
          "kvm",
          "-machine",
          "pc",
          "-nodefaults",
          "-no-user-config",
          "-display",
          "none",
          "-m",
          "16",
        ],
        ...[
          "-drive",
          `file=${disk},format=raw,if=ide`,
          "-device",
          "isa-debug-exit,iobase=0xf4,iosize=1",
          "-no-reboot",
        ],
      ]),
      timeoutMs: PROBE_LIMIT_MS,
    });
    return code === PROOF;
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
