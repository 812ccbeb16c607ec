import { lastWords, parseTrafficReport, trafficProgress } from "../observe/traffic.ts";
import { inUnit, stopUnit } from "../plan/benchmarks.ts";
import type { TrafficPlan } from "../plan/traffic-plan.ts";
import { withErrors } from "../plan/traffic-run.ts";
import type { TrafficReport } from "../schema/traffic-report.ts";
import { HostError } from "../units/errors.ts";
import type { Host, Operation } from "./handler.ts";
import { type RawOutputs, runKept } from "./raw-outputs.ts";

/** The option is `--kill-whom` since systemd 252, of which this is a prefix; before that it is its name. */
const SEND_NO_MORE =
  'systemctl kill --kill-who=main --signal=SIGUSR1 "$1" || ! systemctl is-active --quiet "$1"';

/** How much longer than the program itself its unit may live, s. */
const SLACK_S = 15;

/**
 * Does something while traffic goes on: from its first second until the work has ended, whatever time that takes, and then for the frames that are still on their way.
 *
 * @throws HostError `traffic-failed` where the traffic did not start, or ended by itself
 */
export async function besideTraffic<T>(
  { signal, status }: Operation,
  host: Host,
  { unit, plan, raw }: { readonly unit: string; readonly plan: TrafficPlan; readonly raw: RawOutputs },
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly report: TrafficReport }> {
  const stop = stopUnit(unit);
  const seconds = plan.seconds + SLACK_S;
  await host.execute([stop, ...plan.prepare]);
  let isSending: () => void = () => undefined;
  const sending = new Promise<void>((resolve) => {
    isSending = resolve;
  });
  const ended = runKept(raw, host, {
    argv: inUnit(unit, seconds, withErrors(plan.argv), plan.properties),
    timeoutMs: (seconds + SLACK_S) * 1000,
    signal,
    onStdout: (chunk) => {
      if (trafficProgress(Buffer.from(chunk).toString("utf8")) !== undefined) isSending();
    },
  });
  const failed = (code: number, said: string) =>
    new HostError({
      code: "traffic-failed",
      problem: `the traffic program failed on ${host.name}`,
      observed: `exit code ${code}: ${said || "no word of why"}`,
      hint: "a port without a link has no peer; a path that passes no first frame lacks a way through the guest",
    });
  try {
    status("starts the traffic");
    const early = await Promise.race([sending, ended]);
    if (early !== undefined) throw failed(early.code, lastWords(early.stdout) || early.stderr.trim());
    const result = await work();
    await host.execute([
      {
        purpose: `let ${unit} send no more`,
        // One whose time was over meanwhile has told what it saw.
        argv: ["sh", "-c", SEND_NO_MORE, "sh", `${unit}.service`],
      },
    ]);
    const { code, stdout, stderr } = await ended;
    if (code !== 0) throw failed(code, lastWords(stdout) || stderr.trim());
    return { result, report: parseTrafficReport(stdout) };
  } finally {
    // Nothing is left of one that was given up, and nobody else waits for its end.
    await host.transport.execute(stop).catch(() => undefined);
    await ended.catch(() => undefined);
  }
}
