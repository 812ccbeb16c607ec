import { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { HostReference } from "../sdk/schema/connection.ts";
import { quoteAll } from "../sdk/units/quoting.ts";
import { InputCheck } from "./input-check.ts";
import { LabComponent } from "./lab-component.ts";
import { siteConnection } from "./site-connection.ts";
import type { TunedHost } from "./tuned-host.ts";

type Argv = readonly [program: string, ...args: string[]];

export interface SiteCommandArgs {
  /** The host that it runs on, reached by SSH. */
  readonly on: TunedHost;
  /** Program and arguments that do it: an argv array, quoted here and run by no other shell than the login's. Not a place for secrets: everybody on the host sees them. */
  readonly create: Argv;
  /** Program and arguments that undo it. Default: nothing is undone. */
  readonly delete?: Argv;
  /** What both programs read from standard input: the place for a secret. */
  readonly input?: pulumi.Input<string>;
  /** What it writes is a secret, for instance a token that it makes. Default: only where `input` is one. */
  readonly secretOutput?: boolean;
  /** Runs after these. The host's preparation always comes first. */
  readonly after?: readonly pulumi.Resource[];
  /** Runs again when one of these changes: undone first, then done. Add the host's `bootId` for what a boot takes away. */
  readonly rerunOn?: readonly pulumi.Input<unknown>[];
}

interface Built {
  readonly command: remote.Command;
  readonly stdout: pulumi.Output<string>;
}

/**
 * A one-off of this site, for what no resource models: a vendor's tool, a licence, a switch's console. It runs once, by the Command of `@pulumi/command`, with the
 * host's own connection, pinned host key and order. It has no preview of what it changes, no drift and no undo but its own `delete`: a resource of this SDK,
 * where there is one, is the better choice.
 *
 * Needs the plugin of `@pulumi/command`, which the engine fetches when a program uses it. Nothing that is written is logged while it runs.
 *
 * @property create program and arguments; runs through `sudo -n` where the connection says `become`
 * @property delete what undoes it; without it delete forgets it and leaves the machine as it is
 * @property input standard input of both, for secrets; never on a command line
 * @throws InputError `component-inputs` where a program has no name; `site-command-local` where the host is the engine's own machine
 * @example
 * const licence = new SiteCommand("licence", {
 *   on: dut, create: ["/opt/vendor/licence", "install", "--from", "-"], delete: ["/opt/vendor/licence", "remove"],
 *   input: new pulumi.Config().requireSecret("licence"),
 * });
 */
export class SiteCommand extends LabComponent<Built> {
  declare readonly command: remote.Command;
  /** What `create` wrote. */
  declare readonly stdout: pulumi.Output<string>;

  constructor(name: string, args: SiteCommandArgs, options: pulumi.ComponentResourceOptions = {}) {
    checkInputs(name, args);
    super("SiteCommand", name, { ...args.on.lifetime(), ...options }, (scope) => {
      const connection = args.on.reference.apply((host: HostReference) => siteConnection(name, host));
      // Whether it becomes root is no secret, though the connection is one: a reader of the preview sees what runs.
      const become = pulumi.unsecret(connection.apply(({ become }) => become));
      const line = (argv: Argv) => become.apply((asRoot) => commandLine(argv, asRoot));
      const command = scope.child(
        remote.Command,
        "command",
        {
          connection: connection.apply(({ ssh }) => ssh),
          create: line(args.create),
          ...(args.delete !== undefined && { delete: line(args.delete) }),
          ...(args.input !== undefined && { stdin: args.input }),
          // Servers take no such variables unless they are told to, and the output of one run is no input of the next.
          addPreviousOutputInEnv: false,
          logging: "none",
          triggers: [...(args.rerunOn ?? [])],
        },
        {
          dependsOn: [...args.on.preparation, ...(args.after ?? [])],
          ...(args.secretOutput === true && { additionalSecretOutputs: ["stdout", "stderr"] }),
        },
      );
      return { command, stdout: guardedBy(args.input, command.stdout) };
    });
  }
}

/** What is made from a secret is one. */
function guardedBy(
  input: pulumi.Input<string> | undefined,
  output: pulumi.Output<string>,
): pulumi.Output<string> {
  return pulumi.all([output, input]).apply(([written]) => written) as pulumi.Output<string>;
}

function commandLine(argv: Argv, become: boolean): string {
  return quoteAll(become ? ["sudo", "-n", "--", ...argv] : argv);
}

function checkInputs(name: string, args: SiteCommandArgs): void {
  const check = new InputCheck("SiteCommand", name);
  for (const property of ["create", "delete"] as const) {
    const argv = args[property];
    if (argv === undefined || (argv[0] ?? "").trim() !== "") continue;
    check.wrong({
      code: "program-missing",
      property,
      problem: "names no program",
      observed: JSON.stringify(argv),
      expected: 'a program and its arguments, for instance ["systemctl", "start", "licence.service"]',
    });
  }
  check.done();
}
