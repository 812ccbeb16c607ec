import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Modules that an emulated server boots and is reached by. With all four thousand, depmod alone takes longer than the rest of a trial. */
const KEPT =
  /^kernel\/(crypto|lib|arch\/x86\/crypto|fs\/(autofs|ext4|jbd2|binfmt_misc|configfs|fuse)|drivers\/(virtio|block|firmware|char\/hw_random|net\/(virtio_net|net_failover))|net\/(core|packet))\b|^kernel\/fs\/mbcache/;

/** rtla and what it is linked against. */
const TRACING = ["rtla", "libtracefs1", "libtraceevent1"];

/**
 * Debian 13's real-time kernel and the package that needs it, and rtla, by name as base64: everything as Debian built it, but for modules of hardware that emulated servers don't
 * have. Fetched from where this machine's own packages come from.
 */
export function realtimePackages(): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab-kernel-"));
  try {
    for (const part of ["lists/partial", "archives/partial", "debs"])
      mkdirSync(join(folder, part), { recursive: true });
    writeFileSync(join(folder, "status"), "");
    const archive = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
      .split("\n")
      .find((line) => /\/debian\/?$/.test(line));
    const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    writeFileSync(join(folder, "sources.list"), `deb [signed-by=${keys}] ${archive} trixie main\n`);
    const apt = (program: string, ...args: string[]) => run(program, ...optionsFor(folder), ...args);
    apt("apt-get", "update");
    const meta = "linux-image-rt-amd64";
    const kernel = /Depends: (\S+)/.exec(apt("apt-cache", "depends", meta))?.[1] ?? "";
    execFileSync("apt-get", [...optionsFor(folder), "download", meta, kernel, ...TRACING], {
      cwd: join(folder, "debs"),
      stdio: "pipe",
    });
    strip(join(folder, "debs"), kernel, folder);
    const files = readdirSync(join(folder, "debs"));
    return new Map(files.map((file) => [file, readFileSync(join(folder, "debs", file)).toString("base64")]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function strip(debs: string, kernel: string, folder: string): void {
  const file = readdirSync(debs).find((name) => name.startsWith(`${kernel}_`)) ?? "";
  const tree = join(folder, "tree");
  run("dpkg-deb", "-R", join(debs, file), tree);
  const modules = run("sh", "-c", 'cd "$1" && echo usr/lib/modules/* ', "sh", tree).trim();
  for (const path of run("find", join(tree, modules), "-name", "*.ko*", "-printf", "%P\n").split("\n"))
    if (path !== "" && !KEPT.test(path)) rmSync(join(tree, modules, path));
  rmSync(join(tree, "DEBIAN/md5sums"), { force: true });
  run("dpkg-deb", "-Znone", "-b", tree, join(debs, file));
}

function optionsFor(folder: string): string[] {
  const settings = {
    ...{ "Dir::State": folder, "Dir::State::lists": join(folder, "lists"), "Dir::Cache": folder },
    ...{ "Dir::State::status": join(folder, "status"), "Dir::Etc::sourceparts": "-" },
    ...{ "Dir::Etc::sourcelist": join(folder, "sources.list"), "APT::Architecture": "amd64" },
  };
  return ["-q", ...Object.entries(settings).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { stdio: "pipe" }).toString();
}
