import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { aptSimulation, installedPackages } from "../../sdk/observe/packages.ts";
import {
  additions,
  foreignRemovals,
  lacking,
  requireAdditions,
  requireDpkg,
  unknownPackages,
  verifyPackages,
  versionsOf,
} from "../../sdk/plan/packages.ts";
import { HostError, VerificationError } from "../../sdk/units/errors.ts";
import { refusalOf } from "./refusal.ts";

const listed = [
  "adduser 3.152 ii ",
  "libc6:amd64 2.41-12 ii ",
  "libc6:i386 2.41-12 ii ",
  "held 1.0-1 hi ",
  "left-over 2.0 rc ",
  "",
].join("\n");
const installed = installedPackages.parse({ code: 0, stdout: listed, stderr: "" });

describe("what is installed", () => {
  test("with its version, foreign architectures apart, remains of removed packages left out", () => {
    expect([...installed!]).toEqual([
      ["adduser", "3.152"],
      ["libc6", "2.41-12"],
      ["libc6:i386", "2.41-12"],
      ["held", "1.0-1"],
    ]);
  });
  test("is unknown where there is no dpkg", () => {
    expect(installedPackages.parse({ code: 127, stdout: "", stderr: "" })).toBeUndefined();
  });
  test("lacks what is not there, or there in another version", () => {
    const wanted = {
      adduser: "any",
      libc6: "2.41-12",
      held: "1.0-2",
      "rt-tests": "any",
      "stress-ng": "0.18-1",
    };
    expect(lacking(wanted, installed)).toEqual(["held=1.0-2", "rt-tests", "stress-ng=0.18-1"]);
    expect(versionsOf(wanted, installed)).toEqual({ adduser: "3.152", libc6: "2.41-12", held: "1.0-1" });
    expect(additions(["adduser", "held"], installed)).toEqual({ libc6: "2.41-12", "libc6:i386": "2.41-12" });
  });
});

const recorded = (name: string) =>
  aptSimulation(readFileSync(join(import.meta.dirname, "../fixtures/apt", `${name}.txt`), "utf8"));

describe("what apt would do", () => {
  test("is what comes", () => {
    const { installs, changes, removes } = recorded("simulate-install");
    expect(installs.get("tuned")).toBe("2.20.0-1");
    expect([...installs.keys()].sort()).toEqual(
      "dmidecode ethtool gawk libsigsegv2 python3-linux-procfs python3-pyudev tuned virt-what".split(" "),
    );
    expect([changes.size, removes]).toEqual([0, []]);
  });
  test("is what changes and what goes", () => {
    const { installs, changes, removes } = recorded("simulate-disturbing");
    expect(installs.size).toBe(0);
    expect(changes.get("apt")).toEqual({ from: "2.6.1", to: "2.6.2" });
    expect(removes).toEqual(["libc-devtools", "libgd3"]);
  });
  test("of a removal, beyond what is ours", () => {
    const purge = recorded("simulate-purge");
    const others = ["libc-devtools", "libgd3", "libheif1", "libx265-199", "linux-perf"];
    expect(foreignRemovals(purge, ["rt-tests", "libnuma1"])).toEqual(others);
    expect(aptSimulation("Purg libnuma1:amd64 [2.0.16-1]\n").removes).toEqual(["libnuma1"]);
  });
});

test("refusals say what is there and what to do", async () => {
  const texts = [
    refusalOf(() => requireDpkg(undefined, "dut"), HostError),
    refusalOf(() => requireAdditions(recorded("simulate-disturbing"), ["rt-tests"], "dut"), HostError),
    unknownPackages(["rt-test"], "E: Unable to locate package rt-test\n", "dut").message,
    refusalOf(() => verifyPackages({ held: "1.0-2" }, installed), VerificationError),
  ];
  await expect(`${texts.join("\n")}\n`).toMatchFileSnapshot("../golden/packages/refusals.txt");
  requireDpkg(installed, "dut");
  requireAdditions(recorded("simulate-install"), ["tuned"], "dut");
  verifyPackages({ held: "1.0-1", adduser: "any" }, installed);
});
