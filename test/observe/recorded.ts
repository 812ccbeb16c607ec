import { readFileSync } from "node:fs";
import type { Answer } from "../../sdk/observe/probe.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** What a command printed, without the header that says which command it was, of which version, on what machine. */
export function recorded(path: string): Answer {
  const text = readFileSync(new URL(path, FIXTURES), "utf8");
  return said(text.replace(/^(# .*\n)+/, ""));
}

/** The answers of a whole machine to one round trip, by the name of the probe. */
export function recordedMachine(path: string): Map<string, Answer> {
  const text = readFileSync(new URL(path, FIXTURES), "utf8");
  return new Map(
    text
      .split(/^=== /m)
      .slice(1)
      .map((section) => {
        const [head = "", ...lines] = section.split("\n");
        const [name = "", code] = head.split(" ");
        return [name, { ...said(lines.join("\n")), code: Number(code) }] as const;
      }),
  );
}

/** The answers of a guest's agent to the question what is in force inside it, by the command. */
export function agentAnswers(): Readonly<Record<"guest-exec" | "guest-exec-status", string>> {
  const [exec = "", status = ""] = recorded("qemu-ga/7.2.22/guest-inside.txt").stdout.split("\n");
  return { "guest-exec": exec, "guest-exec-status": status };
}

/** What the guest printed for it. */
export function insideGuest(): string {
  const { return: of } = JSON.parse(agentAnswers()["guest-exec-status"]) as {
    readonly return: { readonly "out-data": string };
  };
  return Buffer.from(of["out-data"], "base64").toString("utf8");
}

export function said(stdout: string): Answer {
  return { code: 0, stdout, stderr: "" };
}
