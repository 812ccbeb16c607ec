import { z } from "zod";
import { name, wholeNumber } from "./fields.ts";

const sshFields = {
  kind: z.literal("ssh"),
  host: z
    .string()
    .regex(/^[A-Za-z0-9_.:%-]+$/, "expected a host name or an IP address")
    .meta({ description: "Host name or address of the machine." }),
  port: wholeNumber("TCP port of the SSH server. Default 22.", { min: 1, max: 65535 }).optional(),
  user: name("User to log in as. Default root.").optional(),
  privateKey: z
    .string()
    .optional()
    .meta({ description: "Private key in OpenSSH or PEM form. Kept in memory only.", secret: true }),
  password: z.string().optional().meta({ description: "Password, where no key can be had.", secret: true }),
  agentSocketPath: z
    .string()
    .optional()
    .meta({ description: "Socket of an SSH agent to authenticate with." }),
  hostKey: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).meta({
    description:
      "The public key(s) the machine must show, as in known_hosts (`ssh-ed25519 AAAA…`). Pinned always; there is no accept-any.",
  }),
  perDialTimeout: wholeNumber("Seconds to wait for one connection attempt. Default 15.", {
    min: 1,
    max: 600,
  }).optional(),
  dialErrorLimit: wholeNumber("Connection attempts before giving up. Default 10.", {
    min: 1,
    max: 1000,
  }).optional(),
  become: z.boolean().optional().meta({ description: "Run commands through `sudo -n`. Default false." }),
};

/** A machine reached over SSH; field names are those of @pulumi/command. */
export const SshConnection = z.strictObject({
  ...sshFields,
  proxy: z
    .strictObject(sshFields)
    .optional()
    .meta({ description: "Jump host through which the machine is reached." }),
});

/** The machine that the Pulumi engine runs on. */
export const LocalConnection = z.strictObject({
  kind: z.literal("local"),
  become: z.boolean().optional().meta({ description: "Run commands through `sudo -n`. Default false." }),
});

export const Connection = z.discriminatedUnion("kind", [SshConnection, LocalConnection]);
export type Connection = z.infer<typeof Connection>;

/** A machine by the name that this lab gives it, and how to reach it. The name is the first part of every id on it. */
export const HostReference = z.strictObject({
  name: name("The lab's name of the machine, the first part of the ids of everything on it.", {
    change: "recreate",
  }),
  connection: Connection.meta({ description: "How to reach the machine." }),
});
export type HostReference = z.infer<typeof HostReference>;

export const hostReference = HostReference.meta({ description: "The machine this lives on." });
