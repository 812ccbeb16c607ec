import type { FunctionHandler, Handler } from "./handler.ts";
import { emulatedImageHandler } from "./handlers/emulated-image.ts";
import { emulatedServerHandler } from "./handlers/emulated-server.ts";
import { factsHandler, getHostFactsHandler } from "./handlers/facts.ts";
import { hugepagesHandler } from "./handlers/hugepages.ts";

/** Who does the work for each type token. A definition without a handler, or the other way round, fails a test. */
export const handlers: readonly Handler[] = [
  emulatedImageHandler,
  emulatedServerHandler,
  factsHandler,
  hugepagesHandler,
] as unknown as readonly Handler[];

export const functionHandlers: readonly FunctionHandler[] = [
  getHostFactsHandler,
] as unknown as readonly FunctionHandler[];
