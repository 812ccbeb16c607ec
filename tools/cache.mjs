import { homedir } from "node:os";
import { join } from "node:path";

/** What is kept from one run to the next, and by all clones of this user: the same folder as the SDK's. */
export function cacheFolder(env = process.env) {
  return env.NFVLAB_CACHE ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "nfvlab");
}
