import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { labFolder } from "./clone.mjs";
import { projectName } from "./pulumi.mjs";

/** Where the emulated servers of a stack keep what they are. */
export function serversFolder(stack, env = process.env) {
  return join(env.NFVLAB_STATE ?? labFolder, "servers", `${projectName()}.${stack}`);
}

/** Names of the emulated servers that were started and have no process now: after a crash, or since the machine was switched off. */
export function deadServers(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => {
    const [pid, identity] = ["pid", "identity.json"].map((file) => join(folder, name, file));
    if (!existsSync(pid) || !existsSync(identity)) return false;
    const { uuid } = JSON.parse(readFileSync(identity, "utf8"));
    return !commandLine(readFileSync(pid, "utf8").trim()).includes(uuid);
  });
}

/** A process id may have been given to somebody else since: its command line tells. */
function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
