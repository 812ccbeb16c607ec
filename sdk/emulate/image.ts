import { existsSync } from "node:fs";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";
import { LocalTransport } from "../remote/local-transport.ts";
import { HostError } from "../units/errors.ts";
import { quote } from "../units/quoting.ts";
import { ownerOf, withLock } from "./owned-lock.ts";
import { CUSTOMIZE, DISK_LABEL, type ImageSpecification, imageHash } from "./recipe.ts";

export interface Image {
  /** Folder in the cache: `disk.raw`, `hypervisor/`, `manifest.json`. */
  readonly folder: string;
  readonly hash: string;
}

export interface BuildOptions {
  /** Default `$NFVLAB_CACHE`, else `$XDG_CACHE_HOME/nfvlab`, else `~/.cache/nfvlab`. */
  readonly cacheFolder?: string;
  readonly onProgress?: (text: string) => void;
  readonly signal?: AbortSignal;
}

const STEP_LIMIT_MS = 15 * 60_000;
const PROGRAMS = ["qemu-system-x86_64", "qemu-img", "grub-mkimage"] as const;

export function cacheFolder(): string {
  return (
    process.env["NFVLAB_CACHE"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "nfvlab")
  );
}

/** Whether an image is whole: its manifest is written last. */
export function isImage(folder: string): boolean {
  return existsSync(join(folder, "manifest.json"));
}

/**
 * The image of a specification: from the cache, or built into it. Building needs root for the device nodes and owners inside the disk; a finished
 * image is used by anybody who can read it. Two builds that race make one.
 *
 * @throws HostError `image-build` with the last lines of what failed, `image-root` without root
 */
export async function buildImage(
  specification: ImageSpecification,
  options: BuildOptions = {},
): Promise<Image> {
  const hash = imageHash(specification);
  const images = join(options.cacheFolder ?? cacheFolder(), "images");
  const folder = join(images, hash);
  if (isImage(folder)) return { folder, hash };
  const say = options.onProgress ?? (() => undefined);
  await withLock(
    join(images, `${hash}.lock`),
    async () => {
      if (!isImage(folder)) await build(specification, folder, options);
    },
    {
      onWait: (seconds) => say(`waiting for another build of the same image: ${seconds} s`),
      ...(options.signal !== undefined && { signal: options.signal }),
    },
  );
  return { folder, hash };
}

async function build(
  specification: ImageSpecification,
  folder: string,
  options: BuildOptions,
): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new HostError({
      code: "image-root",
      problem: "building the image of an emulated server needs root",
      observed: `user ${process.getuid?.()}`,
      hint: "run this once as root, or set NFVLAB_CACHE to a cache that holds the image",
    });
  }
  // Under the lock nobody else builds this image: what lies here was left by a build that died.
  const work = `${folder}.building`;
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, "hypervisor"), { recursive: true });
  const local = new LocalTransport();
  const seconds = clock();
  const step = async (
    what: string,
    argv: readonly [string, ...string[]],
    stdin?: string,
  ): Promise<string> => {
    const ticking = setInterval(() => options.onProgress?.(`${what}: ${seconds()} s`), 1000);
    try {
      const { stdout } = await local.run({
        argv,
        timeoutMs: STEP_LIMIT_MS,
        ...(stdin !== undefined && { stdin }),
        ...(options.signal !== undefined && { signal: options.signal }),
      });
      return stdout;
    } catch (cause) {
      throw new HostError({
        code: "image-build",
        problem: `could not make the image of emulated servers, at ${what}`,
        observed: cause instanceof Error ? cause.message : String(cause),
        hint: "npm run up installs what it needs: mmdebstrap, debian-archive-keyring, e2fsprogs",
        cause,
      });
    } finally {
      clearInterval(ticking);
    }
  };

  try {
    const tree = join(work, "tree");
    const script = join(work, "customize.sh");
    await writeFile(script, CUSTOMIZE);
    await step(`installing ${specification.packages.length} packages of Debian ${specification.suite}`, [
      "mmdebstrap",
      "--mode=root",
      "--variant=apt",
      "--quiet",
      `--include=${specification.packages.join(",")}`,
      '--aptopt=APT::Install-Recommends "false"',
      "--dpkgopt=path-exclude=/usr/share/doc/*",
      `--customize-hook=chroot "$1" sh -s < ${quote(script)}`,
      specification.suite,
      tree,
    ]);
    await step(
      "gathering its QEMU",
      ["sh", "-s", tree, join(work, "hypervisor"), ...PROGRAMS].flat() as [string, ...string[]],
      GATHER,
    );
    await step(
      "making the disk",
      ["sh", "-s", join(work, "disk.raw"), `${specification.diskMib}M`, tree, DISK_LABEL],
      MAKE_DISK,
    );
    const packages = await step("listing its packages", ["chroot", tree, "dpkg-query", "-W"]);
    await rm(tree, { recursive: true, force: true });
    await rm(script);
    const manifest = {
      hash: basename(folder),
      specification,
      packages: packages.trim().split("\n"),
      builtBy: ownerOf(process.pid),
    };
    await writeFile(join(work, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
    await rm(folder, { recursive: true, force: true });
    await rename(work, folder);
  } catch (error) {
    await rm(work, { recursive: true, force: true });
    throw error;
  }
}

/** Names and versions of an image's packages. */
export async function packagesOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const { packages } = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as {
    packages: string[];
  };
  return new Map(packages.map((line) => line.split("\t") as [string, string]));
}

const GATHER = `set -eu
tree=$1 to=$2; shift 2
mkdir -p "$to/bin" "$to/lib" "$to/firmware" "$to/grub"
for program in "$@"; do cp -L "$tree/usr/bin/$program" "$to/bin/"; done
for program in "$@"; do chroot "$tree" ldd "/usr/bin/$program"; done | sed -n 's/.*=> \\(\\/[^ ]*\\).*/\\1/p' | sort -u |
  while read -r library; do cp -L "$tree$library" "$to/lib/"; done
cp -L "$tree/lib64/ld-linux-x86-64.so.2" "$to/lib/"
cp -L "$tree"/usr/share/seabios/bios-256k.bin "$tree"/usr/share/qemu/linuxboot*.bin "$tree"/usr/share/qemu/kvmvapic.bin "$tree"/usr/share/qemu/pvh.bin "$to/firmware/"
cp -L "$tree"/usr/lib/grub/i386-pc/* "$to/grub/"
`;

const MAKE_DISK = `set -eu
truncate -s "$2" "$1"
mkfs.ext4 -q -F -L "$4" -d "$3" "$1"
chmod 644 "$1"
`;

function clock(): () => number {
  const begun = performance.now();
  return () => Math.round((performance.now() - begun) / 1000);
}
