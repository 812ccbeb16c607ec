import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { ToolError } from "../tool-error.mjs";

const programs = ["unshare", "mount", "ip", "apt-get", "dpkg", "python3", "ssh", "ssh-keygen", "sshd"];
const folders = [...(process.env.PATH ?? "").split(delimiter).filter(Boolean), "/usr/sbin", "/sbin"];

/** @throws ToolError in one sentence, where this machine can't hold the bench */
export function refuseWhereImpossible() {
  const missing = programs.filter((program) => pathOf(program) === undefined);
  if (process.platform === "linux" && process.getuid() === 0 && missing.length === 0 && hasTun()) return;
  const lack = [
    process.platform === "linux" ? undefined : `this is ${process.platform}`,
    process.getuid?.() === 0 ? undefined : "this is not root",
    missing.length === 0 ? undefined : `${missing.join(", ")} missing`,
    hasTun() ? undefined : "/dev/net/tun missing",
  ].filter(Boolean);
  throw new ToolError(
    `The bench needs root on Debian or Ubuntu with iproute2, openssh-server, openssh-client, python3-venv and /dev/net/tun (${lack.join("; ")}).`,
  );
}

/** Where a program is, also one that only root has on PATH. */
export function pathOf(program) {
  return folders.map((folder) => join(folder, program)).find((path) => may(path, constants.X_OK));
}

function hasTun() {
  return may("/dev/net/tun", constants.F_OK);
}

function may(path, mode) {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
