// The engine's host loads a pack by require(); the pack is TypeScript in ES modules.
module.exports = import("tsx/esm/api").then(({ register }) => {
  register();
  return import("./index.ts");
});
