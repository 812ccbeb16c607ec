import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { clone } from "./clone.mjs";
import { run } from "./command.mjs";
import { serversFolder } from "./dead-servers.mjs";
import { backend, environment } from "./environment.mjs";
import { Progress } from "./progress.mjs";
import { dropSalt, planLevels, prepareStack, pulumi, stackExists, stackOf } from "./pulumi.mjs";
import { setup } from "./setup.mjs";
import { runTool } from "./tool-error.mjs";

const usage = `usage: npm run down -- [--stack STACK] [OPTION OF pulumi destroy]...

Destroys the stack, removes it, and says whether anything of its emulated servers is left: then the exit code is 1. Caches, reports
and results stay. STACK is $NFVLAB_STACK, or dev, where none is named.`;

/** Destroys the stack, removes it, and looks whether anything of its emulated servers is left: then the exit code is 1. */
await runTool(
  async (args) => {
    const { stack, rest } = stackOf(args);
    const progress = new Progress();
    await setup(progress);
    if (await stackExists(stack)) {
      await progress.step(`stack ${stack}`, () => prepareStack(stack));
      const code = await pulumi(["destroy", "--yes", "--stack", stack, ...rest]);
      if (code !== 0) return code;
      await run(["pulumi", "stack", "rm", stack, "--yes", "--preserve-config", "--non-interactive"], {
        cwd: clone,
        env: environment(),
      });
      if (backend().isOurs) dropSalt(stack);
      rmSync(planLevels(stack), { force: true });
      console.log(`Stack ${stack} is gone.`);
    } else {
      console.log(`There is no stack ${stack}.`);
    }
    const servers = serversFolder(stack);
    const left = [...leftProcesses(servers), ...leftFolders(servers)];
    console.log(
      left.length === 0
        ? "Nothing is left."
        : ["Left behind:", ...left.map((line) => `  ${line}`)].join("\n"),
    );
    return left.length === 0 ? 0 : 1;
  },
  { usage },
);

function leftProcesses(servers) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        const places = [...argv, `${readlinkSync(`/proc/${pid}/cwd`)}/`];
        return places.some((place) => place.includes(`${servers}/`)) ? [`process ${pid}: ${argv[0]}`] : [];
      } catch {
        return [];
      }
    });
}

function leftFolders(servers) {
  return existsSync(servers) ? readdirSync(servers).map((name) => join(servers, name)) : [];
}
