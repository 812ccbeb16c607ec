import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { SshTransport } from "../../sdk/remote/ssh-transport.ts";
import { eventually, processesWith, type Sshd, startSshd } from "./sshd.ts";

async function start(atEnd: (stop: () => Promise<void>) => void): Promise<Sshd> {
  const server = await startSshd();
  atEnd(() => server.stop());
  return server;
}

test.concurrent("a machine that answers nothing any more is given up after three missed keepalives", {
  timeout: 90_000,
}, async ({ onTestFinished }) => {
  const server = await start(onTestFinished);
  const transport = new SshTransport(server.connection());
  const running = join(server.folder, "running");
  const failing = transport.run({
    argv: ["sh", "-c", ': > "$1"; sleep 300; :', "sh", running],
    timeoutMs: 300_000,
  });
  const startedAt = performance.now();
  const judged = expect(failing).rejects.toMatchObject({ name: "TransportError", code: "connection-lost" });
  await eventually("it serves", () => existsSync(running));
  for (const pid of server.servers()) process.kill(pid, "SIGSTOP");
  await judged;
  const seconds = (performance.now() - startedAt) / 1000;
  expect(seconds).toBeGreaterThan(25);
  expect(seconds).toBeLessThan(50);
  await transport.close();
});

test.concurrent("a time limit holds also where the machine does not answer, and the error says what is not known", async ({
  onTestFinished,
}) => {
  const server = await start(onTestFinished);
  const transport = new SshTransport(server.connection());
  const running = join(server.folder, "running");
  const failing = transport.run({
    argv: ["sh", "-c", ': > "$1"; sleep 300; :', "sh", running],
    timeoutMs: 5000,
  });
  const judged = expect(failing).rejects.toMatchObject({
    code: "command-timeout",
    hint: expect.stringContaining("may still run"),
  });
  await eventually("it runs", () => existsSync(running));
  for (const pid of server.servers()) process.kill(pid, "SIGSTOP");
  await judged;
  // Once it answers again, what we asked for still happens.
  for (const pid of server.servers()) process.kill(pid, "SIGCONT");
  await eventually("it is ended", () => processesWith(running).length === 0);
  await transport.close();
});

test.concurrent("a command that we lost is ended by the machine itself", async ({ onTestFinished }) => {
  const server = await start(onTestFinished);
  const transport = new SshTransport(server.connection());
  const running = join(server.folder, "running");
  const failing = transport.run({
    argv: ["sh", "-c", `trap '' TERM; : > "$1"; sleep 300; sleep 300`, "sh", running],
    timeoutMs: 5000,
  });
  const judged = expect(failing).rejects.toMatchObject({ code: "connection-lost" });
  await eventually("it runs", () => existsSync(running));
  for (const pid of server.servers()) process.kill(pid, "SIGKILL");
  await judged;
  await sleep(5000);
  expect(processesWith(running)).not.toEqual([]);
  await eventually("it is ended", () => processesWith(running).length === 0, 40_000);
  await transport.close();
});
