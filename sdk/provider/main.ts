import { readFileSync } from "node:fs";
import { functionHandlers, handlers } from "./registry.ts";
import { ProviderServer } from "./server.ts";

const here = (file: string) => new URL(file, import.meta.url);
const { version } = JSON.parse(readFileSync(here("package.json"), "utf8")) as { version: string };

const server = new ProviderServer({
  version,
  handlers,
  functionHandlers,
  schema: readFileSync(here("schema.json"), "utf8"),
});

async function end(): Promise<never> {
  await Promise.race([server.close(), new Promise((resolve) => setTimeout(resolve, 5000))]);
  process.exit(0);
}

// A plugin has a process group of its own, so Ctrl-C comes as a Cancel call, and the operations end in order. An interrupt is how the engine
// parts from a plugin that it needs no more: it waits five seconds for it.
process.on("SIGINT", end);
process.on("SIGTERM", end);

// An engine that was killed can't say so: a plugin without its parent ends what it has running and goes.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) void end();
}, 500).unref();

// The engine reads the port as the first line, and nothing else may stand there.
console.log = console.error;
process.stdout.write(`${await server.listen(process.argv[2])}\n`);
