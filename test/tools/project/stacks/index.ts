import * as pulumi from "@pulumi/pulumi";

class Sleeper extends pulumi.CustomResource {
  constructor(name: string, inputs: { seconds: number; reading: number }) {
    super("trial:index:Sleeper", name, { ...inputs, measured: undefined });
  }
}

/** A mistake that shows while Pulumi's own code calls the program's. */
class Mistaken extends pulumi.ComponentResource {
  protected override async initialize(): Promise<number> {
    return (JSON.parse("null") as { readonly seconds: number }).seconds;
  }
}

if (process.env.TRIAL_MISTAKE !== undefined) new Mistaken("trial:index:Mistaken", "mistaken");

new Sleeper("first", {
  seconds: Number(process.env.TRIAL_SECONDS),
  reading: Number(process.env.TRIAL_READING ?? 1),
});
