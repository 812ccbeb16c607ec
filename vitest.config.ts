import { defineConfig } from "vitest/config";

// Tests that start an emulated server or the engine. They share the machine's CPUs and memory, so they run one after another, last.
const laboratory = ["test/**/*.{lab,e2e}.test.ts"];
// What takes a minute on a machine at rest was seen to take four beside other work; a test that hangs ends all the same.
const halfAnHour = 30 * 60_000;

declare module "vitest" {
  interface ProvidedContext {
    readonly updates: boolean;
  }
}

export default defineConfig({
  test: {
    pool: "forks",
    // For what is kept beside the tests and is no text.
    provide: { updates: process.argv.includes("--update") || process.argv.includes("-u") },
    isolate: true,
    projects: [
      {
        extends: true,
        test: {
          name: "fast",
          include: ["test/**/*.test.ts"],
          exclude: laboratory,
          maxWorkers: "100%",
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "lab",
          include: laboratory,
          fileParallelism: false,
          testTimeout: halfAnHour,
          hookTimeout: halfAnHour,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
