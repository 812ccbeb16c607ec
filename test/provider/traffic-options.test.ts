import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sourceOf } from "../../sdk/provider/traffic-source.ts";

const here = spawnSync("gcc", ["--version"]).status === 0;
const unless = here ? "" : " (not tried: needs gcc)";

/** What the program does with its options, without DPDK: tells them, and the trials on standard input. */
const MAIN = `#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "options.h"

int
main(int argc, char **argv)
{
	struct options o;
	char line[512];

	options_parse(argc, argv, &o);
	printf("role %d mode %d ports %u first %s queues %u rate %" PRIu64 " count %" PRIu64 " run %" PRIu32, o.role, o.mode, o.ports,
	       o.port_names[0], o.queues[0], o.steps[0].rate, o.steps[0].count, o.run);
	printf(" %s to %02x:%02x to-ip %08" PRIx32 "\\n", o.drop_refused ? "drops" : "waits", o.addresses.to_mac.bytes[0], o.addresses.to_mac.bytes[5], o.addresses.to_ip);
	while (o.trials && fgets(line, sizeof(line), stdin) != NULL) {
		line[strcspn(line, "\\n")] = '\\0';
		options_trial(line, &o);
		printf("trial %" PRIu64 " %" PRIu64 " %" PRIu64, o.steps[0].rate, o.steps[0].count, o.overrun_ms);
		for (unsigned int i = 0; i < o.sizes; i++)
			printf(" %u", o.frame_sizes[i]);
		if (o.step_count > 1)
			printf(" then %" PRIu64 " %" PRIu64, o.steps[1].rate, o.steps[1].count);
		if (o.unprobed)
			printf(" unprobed");
		putchar('\\n');
	}
	return 0;
}
`;

let folder: string;
let program: string;

beforeAll(async () => {
  if (!here) return;
  folder = mkdtempSync(join(tmpdir(), "nfvlab-options-"));
  const source = await sourceOf("traffic");
  const files = ["argument.c", "argument.h", "options.c", "options.h"];
  for (const name of files) writeFileSync(join(folder, name), source[name]!);
  writeFileSync(join(folder, "main.c"), MAIN);
  program = join(folder, "options");
  const sources = ["main.c", "options.c", "argument.c"].map((name) => join(folder, name));
  execFileSync("gcc", ["-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-o", program, ...sources]);
}, 120_000);
afterAll(() => {
  if (here) rmSync(folder, { recursive: true });
});

const ran = (args: readonly string[], input = "") => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", input });
  return { status, said: stdout.trim(), error: stderr.trim().split("\n").at(-1) };
};
const refusal = (...args: string[]) => {
  const { status, error } = ran(["--port=a", ...args]);
  expect(status).toBe(64);
  return error;
};

describe("the options of the traffic program", () => {
  it.skipIf(!here)(`are taken as they are told${unless}`, () => {
    const whole = ["--role=send", "--port=net_ring0,4", "--rate=2000", "--count=4000000000", "--run=7"];
    const addresses = ["--to-mac=02:00:00:00:00:0f", "--to-ip=198.18.1.2"];
    expect(ran([...whole, ...addresses])).toMatchObject({
      status: 0,
      said: "role 1 mode 0 ports 1 first net_ring0 queues 4 rate 2000 count 4000000000 run 7 waits to 02:0f to-ip c6120102",
    });
    expect(ran([...whole, "--drop-refused"]).said).toContain(" run 7 drops to ");
    expect(ran(["--role=forward", "--port=a", "--mode=5tswap"]).said).toMatch(
      /^role 3 mode 3 ports 1 first a /,
    );
  });

  it.skipIf(!here)(`of trials come by lines${unless}`, () => {
    const trials = "1000 5 0 64\n200000000 1 600000 64,1518,512\n";
    expect(ran(["--port=a", "--trials"], trials).said.split("\n").slice(1)).toEqual([
      "trial 1000 5 0 64",
      "trial 200000000 1 600000 64 1518 512",
    ]);
    const expected =
      "expected RATE COUNT OVERRUN_MS SIZE[,SIZE...], and RATE COUNT where the rate changes, or unprobed";
    for (const [trial, observed] of [
      ["1000 5 0", "3"],
      ["1000 5 0 64 500", "5"],
      ["1000 5 0 64 500 5 1", "more than 6"],
    ] as const)
      expect(ran(["--port=a", "--trials"], `${trial}\n`).error).toBe(
        `nfvlab-traffic: a trial: observed ${observed} words, ${expected}`,
      );
  });

  it.skipIf(!here)(
    `of trials whose rate changes have a second one, and one again where it does not${unless}`,
    () => {
      const trials = "1000 5 0 64 500 7\n1000 5 0 64\n";
      expect(ran(["--port=a", "--trials"], trials).said.split("\n").slice(1)).toEqual([
        "trial 1000 5 0 64 then 500 7",
        "trial 1000 5 0 64",
      ]);
      expect(ran(["--port=a", "--trials"], "1000 4000000000 0 64 500 1\n").error).toBe(
        "nfvlab-traffic: a trial: observed 4000000001 frames, expected at most 4000000000",
      );
    },
  );

  it.skipIf(!here)(`of a trial that no probe goes before say so, for that one alone${unless}`, () => {
    const trials = "1000 5 0 64 unprobed\n1000 5 0 64\n1000 5 0 64 500 7\n";
    expect(ran(["--port=a", "--trials"], trials).said.split("\n").slice(1)).toEqual([
      "trial 1000 5 0 64 unprobed",
      "trial 1000 5 0 64",
      "trial 1000 5 0 64 then 500 7",
    ]);
  });

  it.skipIf(!here)(`are refused in a sentence where they are not understood${unless}`, () => {
    expect(refusal("--role=sent")).toBe("nfvlab-traffic: --role: observed sent, which is none of its words");
    expect(refusal("--from-mac=02:00")).toBe(
      "nfvlab-traffic: --from-mac: observed 02:00, expected a MAC address",
    );
    expect(refusal("--to-ip=198.18.1")).toBe(
      "nfvlab-traffic: --to-ip: observed 198.18.1, expected an IPv4 address",
    );
    expect(refusal("--rate=1")).toBe(
      "nfvlab-traffic: --rate, --count: observed none, expected both of what sends",
    );
  });

  it.skipIf(!here)(
    `that are numbers are whole ones within their range, without a sign or a space${unless}`,
    () => {
      const nearly = fc.oneof(
        fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
        fc.constantFrom("1", "200000000", "200000001", "0", "+5", " 5", "5 ", "5x", "0x5", "", "1e3", "007"),
      );
      fc.assert(
        fc.property(nearly, (text) => {
          const right = /^\d+$/.test(text) && BigInt(text) >= 1n && BigInt(text) <= 200_000_000n;
          const { status, said, error } = ran(["--port=a", "--count=1", `--rate=${text}`]);
          if (right) return status === 0 && said.includes(` rate ${BigInt(text)} `);
          return (
            status === 64 &&
            error ===
              `nfvlab-traffic: --rate: observed ${text}, expected a whole number from 1 to 200000000`.trim()
          );
        }),
        { numRuns: 60 },
      );
    },
  );
});
