import { setTimeout as sleep } from "node:timers/promises";
import { VIRSH } from "../plan/domain.ts";
import { HostError } from "../units/errors.ts";
import type { Host } from "./handler.ts";
import { NOTHING_KEPT, type RawOutputs } from "./raw-outputs.ts";

export interface GuestCommandOptions {
  /** Where it is kept with what it printed, which the agent tells at its end; a question that belongs to no measurement is not. */
  readonly raw?: RawOutputs;
  /** The program is given up after this long, ms. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onProgress?: (seconds: number) => void;
}

export interface GuestCommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const POLL_MS = 1000;

/** A program that is asked to end takes along what it has started, and puts back what it has changed, for which it has as long as a unit of the machine. */
const END = 'kill "$1"; for second in $(seq 20); do sleep 1; kill -0 "$1" || exit; done; kill -9 "$1"';

/**
 * Runs a program in a guest through its agent, as `virsh qemu-agent-command` with guest-exec: no network, no login. A program that is given up or aborted is
 * ended in the guest.
 *
 * @throws HostError `guest-agent` where the agent refuses, `guest-timeout`
 * @see https://qemu-project.gitlab.io/qemu/interop/qemu-ga-ref.html
 */
export async function runInGuest(
  host: Host,
  domain: string,
  argv: readonly [string, ...string[]],
  { timeoutMs, signal, onProgress, raw = NOTHING_KEPT }: GuestCommandOptions,
): Promise<GuestCommandResult> {
  const [path, ...arg] = argv;
  const output = raw.begin(`guest ${domain} of ${host.name}`, argv);
  const { pid } = await ask<{ pid: number }>(
    host,
    domain,
    "guest-exec",
    { path, arg, "capture-output": true },
    signal,
  );
  const begun = performance.now();
  try {
    for (;;) {
      const status = await ask<ExecStatus>(host, domain, "guest-exec-status", { pid }, signal);
      if (status.exited) {
        const bytes = (data: string | undefined) => Buffer.from(data ?? "", "base64");
        const [stdout, stderr] = [bytes(status["out-data"]), bytes(status["err-data"])];
        const code = status.exitcode ?? 128 + (status.signal ?? 0);
        output.stdout(stdout);
        output.stderr(stderr);
        output.end(code);
        return { code, stdout: stdout.toString("utf8"), stderr: stderr.toString("utf8") };
      }
      const elapsed = performance.now() - begun;
      if (elapsed > timeoutMs) {
        throw new HostError({
          code: "guest-timeout",
          problem: `\`${path}\` in guest ${domain} did not end`,
          observed: `${Math.round(elapsed / 1000)} s`,
          expected: `${timeoutMs / 1000} s`,
        });
      }
      onProgress?.(Math.round(elapsed / 1000));
      await sleep(POLL_MS, undefined, { signal });
    }
  } catch (error) {
    await ask(
      host,
      domain,
      "guest-exec",
      { path: "/bin/sh", arg: ["-c", END, "sh", String(pid)] },
      AbortSignal.timeout(10_000),
    ).catch(() => undefined);
    throw error;
  }
}

interface ExecStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly signal?: number;
  readonly "out-data"?: string;
  readonly "err-data"?: string;
}

/** Whether the guest's agent answers. */
export async function agentAnswers(host: Host, domain: string, signal: AbortSignal): Promise<boolean> {
  return ask(host, domain, "guest-ping", {}, signal).then(
    () => true,
    (error: unknown) => {
      if (signal.aborted) throw error;
      return false;
    },
  );
}

async function ask<T>(
  host: Host,
  domain: string,
  execute: string,
  args: object,
  signal: AbortSignal,
): Promise<T> {
  const command = JSON.stringify({ execute, arguments: args });
  const { code, stdout, stderr } = await host.transport.execute({
    argv: [...VIRSH, "qemu-agent-command", "--timeout", "10", domain, command],
    timeoutMs: 30_000,
    signal,
  });
  if (code !== 0) {
    throw new HostError({
      code: "guest-agent",
      problem: `the agent of guest ${domain} did not do ${execute}`,
      observed: stderr.trim().split("\n").at(-1) ?? `exit code ${code}`,
      hint: "the guest may still boot, or its image has no qemu-ga",
    });
  }
  return (JSON.parse(stdout) as { return: T }).return;
}
