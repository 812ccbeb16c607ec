import * as pulumi from "@pulumi/pulumi";

class Sleeper extends pulumi.CustomResource {
  constructor(name: string, inputs: { seconds: number; reading: number }) {
    super("trial:index:Sleeper", name, { ...inputs, measured: undefined });
  }
}

new Sleeper("first", {
  seconds: Number(process.env.TRIAL_SECONDS),
  reading: Number(process.env.TRIAL_READING ?? 1),
});
