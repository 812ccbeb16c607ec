import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  formatBootArguments,
  hugepagesOf,
  lastValue,
  parseBootArguments,
  sameName,
  valuesOf,
} from "../../sdk/observe/boot-arguments.ts";
import { identityFiles } from "../../sdk/observe/identity.ts";
import { recordedMachine } from "./recorded.ts";

test("a server's own command line", () => {
  const answer = recordedMachine("machine/debian-13/emulated-server.txt").get("identity");
  const boot = parseBootArguments(identityFiles.parse(answer!).kernelArguments);
  expect(lastValue(boot, "isolcpus")).toBe("managed_irq,domain,2-3");
  expect(lastValue(boot, "nohz-full")).toBe("2-3");
  expect(lastValue(boot, "quiet")).toBe("");
  expect(lastValue(boot, "nosmt")).toBeUndefined();
  expect(boot.init).toEqual([]);
  expect(hugepagesOf(boot)).toEqual([
    {
      sizeKib: 2048,
      pages: new Map([
        [0, 192],
        [1, 64],
      ]),
    },
  ]);
});

describe("as the kernel reads it", () => {
  test.each([
    ["quotes around a value", 'a="b c" d', [{ name: "a", value: "b c" }, { name: "d" }]],
    ["quotes around a whole argument", '"a=b c" d', [{ name: "a", value: "b c" }, { name: "d" }]],
    [
      "quotes inside a value stay",
      'dyndbg=file\\ "x y"z',
      [{ name: "dyndbg", value: "file\\" }, { name: 'x y"z' }],
    ],
    ["a quote that is never closed", 'a="b c', [{ name: "a", value: "b c" }]],
    ["an empty value is not a flag", "a= b", [{ name: "a", value: "" }, { name: "b" }]],
    ["only the first = parts", "root=LABEL=nfvlab", [{ name: "root", value: "LABEL=nfvlab" }]],
    ["tabs and newlines part as well", " a\t\tb=1 \n", [{ name: "a" }, { name: "b", value: "1" }]],
    ["nothing", " \n", []],
  ])("%s", (_, text, kernel) => {
    expect(parseBootArguments(text)).toEqual({ kernel, init: [] });
  });

  test("what stands behind -- goes to init", () => {
    const boot = parseBootArguments("quiet -- single isolcpus=1 --");
    expect(boot).toEqual({ kernel: [{ name: "quiet" }], init: ["single", "isolcpus=1", "--"] });
    expect(lastValue(boot, "isolcpus")).toBeUndefined();
  });

  test("- and _ are one, in names alone; the last one wins", () => {
    const boot = parseBootArguments("intel-iommu=on rcu_nocbs=1 rcu-nocbs=2_3-4 intel_iommu=off");
    expect(lastValue(boot, "rcu_nocbs")).toBe("2_3-4");
    expect(valuesOf(boot, "intel_iommu")).toEqual(["on", "off"]);
    expect(sameName("kvm-intel.ple_gap", "kvm_intel.ple-gap")).toBe(true);
    expect(sameName("a", "A")).toBe(false);
  });

  test("agrees with next_arg of the kernel's lib/cmdline.c on any text", () => {
    const alphabet = fc.constantFrom("a", "b", "=", '"', " ", "-", "_", "\t", "1");
    fc.assert(
      fc.property(fc.string({ unit: alphabet, maxLength: 24 }), (text) => {
        fc.pre(!/(^|\s)--(\s|$)/.test(text));
        const expected = nextArguments(text);
        expect(parseBootArguments(text).kernel).toEqual(expected);
      }),
      { numRuns: 2000, examples: [['"a="""'], ['"a=""'], ['a="'], ['"']] },
    );
  });

  test("what was written reads back the same", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,8}$/);
    const value = fc.string({
      unit: fc.constantFrom("a", "1", "=", ",", ":", "-", " ", "\t"),
      maxLength: 10,
    });
    const argument = fc.oneof(
      name.map((text) => ({ name: text })),
      fc.record({ name, value }),
    );
    const word = fc.stringMatching(/^[a-z0-9=.-]{1,8}$/);
    fc.assert(
      fc.property(fc.array(argument, { maxLength: 8 }), fc.array(word, { maxLength: 3 }), (kernel, init) => {
        const boot = { kernel, init };
        expect(parseBootArguments(formatBootArguments(boot))).toEqual(boot);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("huge pages", () => {
  test.each([
    [
      "a count belongs to the size before it",
      "hugepagesz=1G hugepages=4 hugepagesz=2M hugepages=512",
      [
        [2 ** 20, 4],
        [2048, 512],
      ],
    ],
    ["no size: the default one", "hugepages=16", [[undefined, 16]]],
    [
      "default_hugepagesz names the default, wherever it stands",
      "hugepages=2 default_hugepagesz=1G",
      [[2 ** 20, 2]],
    ],
    ["a size alone reserves nothing", "default_hugepagesz=1G hugepagesz=1G", []],
    ["twice one size: the first counts", "hugepagesz=2M hugepages=8 hugepagesz=2M hugepages=9", [[2048, 8]]],
    ["a count that is none is nothing", "hugepages=many", []],
    ["behind -- nothing counts", "-- hugepages=8", []],
  ])("%s", (_, text, expected) => {
    expect(hugepagesOf(parseBootArguments(text)).map(({ sizeKib, pages }) => [sizeKib, pages])).toEqual(
      expected,
    );
  });

  test("by node", () => {
    expect(hugepagesOf(parseBootArguments("hugepagesz=1G hugepages=0:1,1:3"))).toEqual([
      {
        sizeKib: 2 ** 20,
        pages: new Map([
          [0, 1],
          [1, 3],
        ]),
      },
    ]);
  });
});

/** next_arg() and parse_args() of Linux, retold character by character: the yardstick, kept apart from what it measures. */
function nextArguments(text: string): { name: string; value?: string }[] {
  const space = (character: string | undefined) => character !== undefined && /\s/.test(character);
  const found: { name: string; value?: string }[] = [];
  let rest = text.trimStart();
  while (rest !== "") {
    let inQuote = false;
    let quoted = false;
    let equals = 0;
    if (rest[0] === '"') {
      rest = rest.slice(1);
      inQuote = true;
      quoted = true;
    }
    let i = 0;
    for (; i < rest.length; i += 1) {
      if (space(rest[i]) && !inQuote) break;
      if (equals === 0 && rest[i] === "=") equals = i;
      if (rest[i] === '"') inQuote = !inQuote;
    }
    let end = i;
    let name: string;
    let value: string | undefined;
    if (equals === 0) {
      if (quoted && i > 0 && rest[i - 1] === '"') end = i - 1;
      name = rest.slice(0, end);
    } else {
      name = rest.slice(0, equals);
      let from = equals + 1;
      if (rest[from] === '"') {
        from += 1;
        if (rest[i - 1] === '"') end = i - 1;
      }
      if (quoted && i > 0 && rest[i - 1] === '"') end = i - 1;
      value = rest.slice(from, Math.max(from, end));
    }
    found.push(value === undefined ? { name } : { name, value });
    rest = rest.slice(i).trimStart();
  }
  return found;
}
