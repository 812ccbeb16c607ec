import { inspect } from "node:util";

/**
 * Shows errors of a program without colours, whoever threw them. The engine's host shows what ended a program by `inspect` with colours; for those Node 20 marks each package in the
 * stack, and never ends on a path that ends with one, such as `node_modules/@pulumi/resource.ts`, which Pulumi's source maps make: a misspelt name would be told after minutes.
 *
 * Preloaded by `nodeargs: "--import tsx --import nfvlab/plain-errors"` in Pulumi.yaml.
 */
Object.defineProperty(Error.prototype, inspect.custom, {
  configurable: true,
  writable: true,
  value(_depth, options, show = inspect) {
    return show(this, { ...options, colors: false, stylize: undefined, customInspect: false });
  },
});
