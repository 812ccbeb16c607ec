import type { PolicyResource } from "@pulumi/policy";
import { figureOf } from "../budget.ts";
import { labPolicy } from "../lab-policy.ts";
import { flag } from "../property.ts";
import { measurementsOf, metricsOf, refusalsOf } from "../records.ts";

const METRIC = "guest.exit.hypercall.cycles";
const BENCHMARK = "nfvlab:bench:ExitCost";
/** Twice what was published of a Haswell of 3.2 GHz in 2014: 1500 to 1600 cycles. */
const TWICE_PUBLISHED = 3200;

interface Configuration {
  readonly cycles?: number;
}

/**
 * A null hypercall takes at most twice the cycles that it took in 2014.
 *
 * Each exit of a guest takes at least as long, so this is the ground that all other latencies of guests stand on. Mitigations that flush on each entry, a hypervisor below the host
 * (nested virtualisation), and CPUs that lower their frequency add to it, and no tuning of the guest takes it away. A record of an emulated server is not judged: its timings mean nothing.
 *
 * See which mitigations are in force, and whether the host is a guest itself; or give `cycles` the value that your processors have without them.
 *
 * @severity low
 * @see https://docs.kernel.org/virt/kvm/x86/hypercalls.html and "Extending KVM Models Toward High-Performance NFV", KVM Forum 2014
 */
export const hypercallCost = labPolicy({
  name: "hypercall-cost",
  description: "A null hypercall takes at most twice the cycles that it took in 2014.",
  severity: "low",
  checks: ["M19"],
  level: "advisory",
  remediationSteps: "See which mitigations are in force, and whether the host is a guest itself.",
  url: "https://docs.kernel.org/virt/kvm/x86/hypercalls.html",
  configSchema: {
    properties: {
      cycles: {
        type: "number",
        exclusiveMinimum: 0,
        default: TWICE_PUBLISHED,
        description: "Most cycles of the time stamp counter that the median may take.",
      },
    },
  },
  notApplicable: (lab) =>
    measurementsOf(lab).some(({ benchmark }) => isJudged(benchmark))
      ? undefined
      : "this stack times no hypercall on a machine whose timings mean something",
  judge: (lab, findings, args) => {
    const { cycles = TWICE_PUBLISHED } = args.getConfig<Configuration>();
    for (const measurement of measurementsOf(lab)) {
      const { benchmark } = measurement;
      if (!isJudged(benchmark)) continue;
      const metrics = metricsOf(benchmark);
      if (metrics === undefined) {
        findings.pending(`record of ${benchmark.name}`, "what a hypercall takes", benchmark.urn);
        continue;
      }
      for (const refusal of refusalsOf(measurement, "refuse", findings))
        findings.violation(`${METRIC} of ${benchmark.name}: ${refusal}`, benchmark.urn);
      const metric = metrics.find(({ name }) => name === METRIC);
      if (metric === undefined) continue;
      const figure = figureOf(
        benchmark,
        metric,
        { metric: METRIC, percentile: "50" },
        `allowed ${cycles} cycles`,
      );
      if ("missing" in figure) findings.violation(figure.missing, benchmark.urn);
      else if (figure.high > cycles) {
        findings.violation(
          `a null hypercall takes ${figure.value} cycles on ${measurement.machine?.name ?? "a machine unknown"}` +
            `${figure.high === figure.value ? "" : ` (${figure.high} at the upper end of its 95 % interval)`}, expected ${cycles} at most; measured by ` +
            `${benchmark.name}: see which mitigations are in force, and whether the host is a guest itself.`,
          benchmark.urn,
        );
      }
    }
  },
});

function isJudged(benchmark: PolicyResource): boolean {
  return benchmark.type === BENCHMARK && flag(benchmark, "record", "functional") !== true;
}
