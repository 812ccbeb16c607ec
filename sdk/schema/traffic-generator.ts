import { z } from "zod";
import { cpuList, duration, path, sentence, size, wholeNumber } from "./fields.ts";

/** Where a program of DPDK's runs, and what it may take. */
export const placement = {
  cpus: cpuList(
    "CPUs of its threads, which poll. One does all; with a second one a generator sends on it and receives on the first.",
  ),
  memory: size("Most memory it takes, of the NUMA nodes of its CPUs. Default 64MiB.").optional(),
  hugepages: z.boolean().optional().meta({
    description: "Whether the memory is of huge pages, which vhost-user needs. Default true.",
  }),
  idle: duration(
    "How long a thread sleeps that finds nothing to do, whole µs up to 10 ms; adds as much to latency. Default 0us: it polls, and its CPU is always busy.",
  ).optional(),
};

/** The traffic program as what sends and counts: paced, and every frame stamped. */
export const TrafficProgram = z.strictObject({
  kind: z.literal("nfvlab"),
  program: path("The program that nfvlab:traffic:Tool built, its `path`."),
  ...placement,
});
export type TrafficProgram = z.infer<typeof TrafficProgram>;

/** TRex as what sends and counts: paced by its own clock, a share of the frames stamped. */
export const TrexGenerator = z.strictObject({
  kind: z.literal("trex"),
  program: path("The runner, `program` of a nfvlab:traffic:Trex."),
  path: path("TRex's folder, its `path`."),
  version: z
    .string(sentence("a version"))
    .meta({ description: "TRex's version, its `version`: another one that answers is refused." }),
  cpus: cpuList(
    "CPUs of TRex. Three or more: the first is its master's, the second receives what is stamped, the others send. One alone does all, sleeps meanwhile, and paces less well.",
  ),
  memory: size("Most memory of huge pages that it takes. Default: TRex's own choice.").optional(),
  stampedRate: wholeNumber(
    "Frames per second and direction that bear a stamp, from which latency, duplicates and order are told; at most a tenth of all. Default 1000; 0 for none.",
    { min: 0, max: 1_000_000 },
  ).optional(),
});
export type TrexGenerator = z.infer<typeof TrexGenerator>;

/** testpmd as what sends and counts: as fast as the port takes frames, none of them stamped. */
export const TestpmdGenerator = z.strictObject({
  kind: z.literal("testpmd"),
  program: path("testpmd. Default: dpdk-testpmd in the machine's PATH.").optional(),
  cpus: cpuList(
    "Its CPUs, two or more: the first receives (rxonly), the others send (txonly), each a testpmd of its own. It can't pace, stamps nothing, and never sleeps.",
  ),
  memory: size("Most memory that each of the two takes. Default 64MiB.").optional(),
  hugepages: placement.hugepages,
});
export type TestpmdGenerator = z.infer<typeof TestpmdGenerator>;

/** What is told trials, one after another; told apart by `kind`. */
export const SearchGenerator = z.discriminatedUnion("kind", [
  TrafficProgram,
  TrexGenerator,
  TestpmdGenerator,
]);
export type SearchGenerator = z.infer<typeof SearchGenerator>;

/** What sends and counts; told apart by `kind`. */
export const TrafficGenerator = z.discriminatedUnion("kind", [
  TrafficProgram,
  TrexGenerator,
  TestpmdGenerator,
  z.strictObject({
    kind: z.literal("pktgen"),
    cpus: cpuList(
      "The CPU whose thread of the kernel's packet generator sends. Paced (ratep), between interfaces of the kernel, one way; it stamps nothing, so there is no latency, and tells neither duplicates nor order.",
    ),
  }),
]);
export type TrafficGenerator = z.infer<typeof TrafficGenerator>;
