import * as pulumi from "@pulumi/pulumi";
import { InputError } from "../sdk/units/errors.ts";

/** One program an experiment. `npm run pulumi -- config set experiment NAME` chooses; without it the embedded testbed stands up. */
const experiments = {
  embedded: () => import("./embedded.ts"),
  "exit-cost": () => import("./exit-cost.ts"),
  inspect: () => import("./inspect.ts"),
  "interrupt-latency": () => import("./interrupt-latency.ts"),
  "live-migration": () => import("./live-migration.ts"),
  "lxc-or-kvm": () => import("./lxc-or-kvm.ts"),
  "packet-paths": () => import("./packet-paths.ts"),
  pvp: () => import("./pvp.ts"),
  pvvp: () => import("./pvvp.ts"),
  "sr-iov": () => import("./sr-iov.ts"),
  "vm-to-vm": () => import("./vm-to-vm.ts"),
} as const satisfies Record<string, () => Promise<object>>;

const wanted = new pulumi.Config().get("experiment") ?? "embedded";
if (!Object.hasOwn(experiments, wanted)) {
  throw new InputError({
    code: "experiment-unknown",
    property: "nfvlab:experiment",
    problem: "there is no such experiment",
    observed: wanted,
    expected: Object.keys(experiments).join(", "),
    hint: "set it with: npm run pulumi -- config set experiment embedded",
  });
}

export default { ...(await experiments[wanted as keyof typeof experiments]()) };
