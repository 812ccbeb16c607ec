import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { engineVersion, findEngine, fits } from "../../tools/engine.mjs";
import { chooseBackend, environment } from "../../tools/environment.mjs";
import { fitsLock, type Lock } from "../../tools/npm-packages.mjs";
import { checkNode } from "../../tools/setup.mjs";
import { osRelease, whyNotInstall } from "../../tools/system-packages.mjs";

const root = join(import.meta.dirname, "../..");
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "nfvlab-setup-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}

function script(path: string, text: string): string {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe("Node.js", () => {
  it.each(["20.19.0", "20.20.2", "22.0.0", "24.1.0"])("%s will do", (version) => {
    expect(checkNode(version)).toBe(version);
  });
  it.each(["18.20.0", "20.18.3"])("%s is refused with what to install", (version) => {
    expect(() => checkNode(version)).toThrow(`this is Node.js ${version}; install 20.19 or newer.`);
  });
});

describe("npm packages", () => {
  const lock: Lock = {
    packages: {
      "": { version: "0.1.0" },
      "node_modules/a": { version: "1.0.0" },
      "node_modules/b-darwin": { version: "2.0.0", optional: true },
    },
  };
  const installed = (packages: Lock["packages"]): Lock => ({ packages });

  it("fit when only another platform's are missing", () => {
    expect(fitsLock(lock, installed({ "node_modules/a": { version: "1.0.0" } }))).toBe(true);
  });
  it.each([
    ["nothing is installed", undefined],
    ["one is missing", installed({ "node_modules/b-darwin": { version: "2.0.0" } })],
    ["one has another version", installed({ "node_modules/a": { version: "1.0.1" } })],
    [
      "an optional one has another version",
      installed({ "node_modules/a": { version: "1.0.0" }, "node_modules/b-darwin": { version: "2.0.1" } }),
    ],
    [
      "one is too much",
      installed({ "node_modules/a": { version: "1.0.0" }, "node_modules/c": { version: "1.0.0" } }),
    ],
  ])("don't fit when %s", (_, there) => {
    expect(fitsLock(lock, there)).toBe(false);
  });
  it("fit here, where these tests run", () => {
    expect(
      fitsLock(readJson("package-lock.json") as Lock, readJson("node_modules/.package-lock.json") as Lock),
    ).toBe(true);
  });
});

describe("the engine", () => {
  it.each([
    ["v3.259.0", true],
    ["3.229.0", true],
    ["v3.260.1-alpha.1\n", true],
    ["v3.228.9", false],
    ["v4.0.0", false],
    ["v2.300.0", false],
    ["command not found", false],
  ])("of version %j fits: %s", (version, expected) => {
    expect(fits(version)).toBe(expected);
  });

  it("is the version of the pulumi package", () => {
    expect(
      (readJson("package.json") as { devDependencies: Record<string, string> }).devDependencies.pulumi,
    ).toBe(engineVersion);
  });

  it("on PATH is taken when it fits and has its language host, and is no npm shim", () => {
    const place = (name: string, version: string, host = true): string => {
      script(join(folder, name, "pulumi"), `echo ${version}`);
      if (host) script(join(folder, name, "pulumi-language-nodejs"), "exit 0");
      return join(folder, name);
    };
    const shim = place("project/node_modules/.bin", "v3.259.0");
    const old = place("old", "v3.200.0");
    const bare = place("bare", "v3.259.0", false);
    const good = place("good", "v3.240.0");
    const home = join(folder, "home");
    const path = (...folders: string[]) => ({
      PATH: [...folders, "/usr/bin", "/bin"].join(":"),
      PULUMI_HOME: home,
    });

    expect(findEngine(path(shim, old, bare))).toBeUndefined();
    expect(findEngine(path(shim, old, bare, good))).toEqual({
      folder: good,
      version: "v3.240.0",
      runsPolicyFolders: true,
    });

    const cached = place(`home/versions/${engineVersion}/bin`, `v${engineVersion}`);
    expect(findEngine(path(shim, old, bare))).toEqual({
      folder: cached,
      version: `v${engineVersion}`,
      runsPolicyFolders: true,
    });
    expect(findEngine(path(good))?.folder).toBe(good);
    script(join(folder, "home/versions", engineVersion, "libexec/pulumi-language-nodejs"), "exit 0");
    expect(findEngine(path(old))?.runsPolicyFolders).toBe(false);
  });

  it("runs in the tools' environment, without a login", () => {
    const env = environment({ ...process.env, PULUMI_HOME: undefined });
    expect(execFileSync("pulumi", ["version"], { env, encoding: "utf8" })).toMatch(/^v3\./);
    expect(env.PULUMI_SKIP_UPDATE_CHECK).toBe("true");
  });
});

describe("the language host's wrapper", () => {
  it.each([
    [
      "plain",
      "name: x\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n    nodeargs: --import tsx\n",
      "false",
      "--import tsx",
    ],
    [
      "quoted",
      "runtime:\n  options:\n    nodeargs: \"--import tsx\" # why\n    typescript: 'false'\n",
      "false",
      "--import tsx",
    ],
    ["with a comment", "runtime:\n  options:\n    typescript: false  # no ts-node\n", "false", ""],
    ["without options", "name: x\nruntime: nodejs\n", "true", ""],
  ])("hands over the options of a project that writes them %s", (_, yaml, typescript, nodeargs) => {
    const wrapper = script(join(folder, "bin/pulumi-language-nodejs"), "");
    writeFileSync(wrapper, readFileSync(join(root, "tools/engine/language-nodejs/pulumi-language-nodejs")));
    script(join(folder, "libexec/pulumi-language-nodejs"), 'for each; do echo "[$each]"; done');
    mkdirSync(join(folder, "project/stacks"), { recursive: true });
    writeFileSync(join(folder, "project/Pulumi.yaml"), yaml);
    const said = execFileSync(wrapper, ["-v=9", "127.0.0.1:1"], {
      cwd: join(folder, "project/stacks"),
      encoding: "utf8",
    });
    expect(said.split("\n").slice(0, -1)).toEqual([
      `[-typescript=${typescript}]`,
      `[-nodeargs=${nodeargs}]`,
      "[-v=9]",
      "[127.0.0.1:1]",
    ]);
  });
});

describe("the program", () => {
  it("is named by its file: of a folder, Node.js would take package.json's entry point, the SDK, for an empty stack", () => {
    const main = /^main: (.+)$/m.exec(readFileSync(join(root, "Pulumi.yaml"), "utf8"))?.[1];
    expect(main).toMatch(/^stacks\/.+\.ts$/);
    expect(statSync(join(root, main ?? "")).isFile()).toBe(true);
  });
});

describe("the backend", () => {
  it("is the clone's own, with its own passphrase", () => {
    expect(chooseBackend({}, undefined, "/a b/.nfvlab")).toEqual({
      isOurs: true,
      url: "file:///a%20b/.nfvlab/state",
      passphraseFile: "/a b/.nfvlab/passphrase",
      why: "this clone",
    });
  });
  it.each([
    [
      "PULUMI_BACKEND_URL",
      { PULUMI_BACKEND_URL: "s3://lab", PULUMI_ACCESS_TOKEN: "t" },
      { current: "file://~" },
      "s3://lab",
    ],
    ["PULUMI_ACCESS_TOKEN", { PULUMI_ACCESS_TOKEN: "t" }, undefined, undefined],
    ["the current Pulumi login", {}, { current: "file://~" }, "file://~"],
  ])("is the user's by %s", (why, env, credentials, url) => {
    const choice = chooseBackend(env, credentials, "/x");
    expect(choice).toMatchObject({ isOurs: false, why });
    expect(choice.url).toBe(url);
    expect(choice.passphraseFile).toBeUndefined();
  });
  it.each([
    { PULUMI_CONFIG_PASSPHRASE: "" },
    { PULUMI_CONFIG_PASSPHRASE: "x" },
    { PULUMI_CONFIG_PASSPHRASE_FILE: "/y" },
  ])("leaves the passphrase to the user with %j", (env) => {
    expect(chooseBackend(env, {}, "/x")).toMatchObject({ isOurs: true, url: "file:///x/state" });
    expect(chooseBackend(env, {}, "/x").passphraseFile).toBeUndefined();
  });
});

describe("system packages", () => {
  const debian =
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n';
  const ubuntu = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n';
  const fedora = "NAME='Fedora Linux'\nID=fedora\nPRETTY_NAME='Fedora Linux 42'\n";
  const missing = [
    { package: "mmdebstrap", why: "makes the tree" },
    { package: "openssh-server", why: "tests" },
  ];

  it("are apt's on Debian and its kin", () => {
    expect(osRelease(debian)).toEqual({ name: "Debian GNU/Linux 12 (bookworm)", isDebian: true });
    expect(osRelease(ubuntu)).toEqual({ name: "Ubuntu 24.04.1 LTS", isDebian: true });
    expect(osRelease(fedora)).toEqual({ name: "Fedora Linux 42", isDebian: false });
    expect(osRelease("")).toEqual({ name: "this system", isDebian: false });
    expect(whyNotInstall(missing, osRelease(debian), 0)).toBeUndefined();
  });

  it("are asked for by the exact command where the user is not root", () => {
    expect(whyNotInstall(missing, osRelease(ubuntu), 1000)).toBe(
      [
        "packages are missing and this user may not install them. Run this, then this tool again:",
        "  sudo apt-get install --no-install-recommends mmdebstrap openssh-server",
        "  mmdebstrap: makes the tree",
        "  openssh-server: tests",
      ].join("\n"),
    );
  });

  it("are asked for by name elsewhere, root or not", () => {
    for (const uid of [0, 1000]) {
      expect(whyNotInstall(missing, osRelease(fedora), uid)).toBe(
        [
          "Fedora Linux 42 is not a Debian or one of its kin. Install by its own means what these Debian packages hold, then run this again:",
          "  mmdebstrap: makes the tree",
          "  openssh-server: tests",
        ].join("\n"),
      );
    }
  });

  it("are listed each with what shows that it is there, and a reason", () => {
    for (const entry of readJson("tools/packages.json") as Record<string, string>[]) {
      expect(entry.package).toMatch(/^[a-z0-9][a-z0-9+.-]+$/);
      expect(["up", "tests"]).toContain(entry.for);
      expect([entry.program, entry.file].filter((each) => each !== undefined)).toHaveLength(1);
      expect(entry.why?.length).toBeGreaterThan(10);
    }
  });
});
