import { readFileSync } from "node:fs";
import { functionDefinitions, resourceDefinitions } from "../schema/registry.ts";
import { renderSchema } from "./schema.ts";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as {
  version: string;
};
process.stdout.write(
  `${JSON.stringify(renderSchema(version, resourceDefinitions, functionDefinitions), undefined, 2)}\n`,
);
