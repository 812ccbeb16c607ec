import * as pulumi from "@pulumi/pulumi";
import { expect, it } from "vitest";
import { SiteCommand, type SiteCommandArgs } from "../../components/site-command.ts";
import { siteConnection } from "../../components/site-connection.ts";
import { named, register, secret } from "./program.ts";
import { aHost, answers, thrown } from "./testbed.ts";

const ssh = {
  kind: "ssh" as const,
  ...{ host: "10.0.0.7", user: "lab", become: true, privateKey: "KEY" },
  hostKey: ["ssh-ed25519 AAAA", "ssh-rsa BBBB"],
  proxy: {
    kind: "ssh" as const,
    ...{ host: "jump", hostKey: "ssh-ed25519 CCCC", agentSocketPath: "/agent" },
  },
};

const commandOf = async (args: Omit<SiteCommandArgs, "on">) => {
  const registered = await register(
    () => new SiteCommand("licence", { on: aHost({ connection: ssh }), ...args }),
    { answers },
  );
  return named(registered, "licence-command");
};

it("runs with the host's connection, its pinned key and its privileges, after its preparation", async () => {
  const command = await commandOf({
    create: ["/opt/licence", "install", "for 'all'; reboot"],
    delete: ["/opt/licence", "remove"],
    rerunOn: ["edition 2"],
  });
  expect(command.types.at(-1)).toBe("command:remote:Command");
  expect(command.inputs).toMatchObject({
    create: `sudo -n -- /opt/licence install 'for '\\''all'\\''; reboot'`,
    delete: "sudo -n -- /opt/licence remove",
    logging: "none",
    addPreviousOutputInEnv: false,
    triggers: ["edition 2"],
  });
  expect(command.inputs["connection"]).toMatchObject(
    secret({
      ...{ host: "10.0.0.7", user: "lab", privateKey: "KEY", hostKey: "ssh-ed25519 AAAA" },
      proxy: { host: "jump", user: "root", hostKey: "ssh-ed25519 CCCC", agentSocketPath: "/agent" },
    }),
  );
  expect(command.waitsFor).toContain("dut-hugepages-node1-2MiB");
});

it("hands a secret on by standard input alone", async () => {
  const command = await commandOf({ create: ["tee", "/etc/licence"], input: pulumi.secret("hush") });
  expect(command.inputs["stdin"]).toEqual(secret("hush"));
  expect(String(command.inputs["create"])).not.toContain("hush");
});

it("refuses a program without a name, both of them at once", () => {
  const host = () => aHost({ connection: ssh });
  const text = thrown(() => new SiteCommand("licence", { on: host(), create: [""], delete: [" "] }));
  expect(text).toContain("create: names no program");
  expect(text).toContain("delete: names no program");
});

it("refuses the engine's own machine", () => {
  const host = { name: "dut", connection: { kind: "local" } } as const;
  expect(thrown(() => siteConnection("licence", host))).toContain(
    "a site command reaches its host by SSH: observed dut is the machine that the engine runs on",
  );
});
