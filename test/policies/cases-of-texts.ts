import { type PolicyCases, unknown } from "../../policies/testing.ts";
import { command, nothing, on, real } from "./case.ts";

/** Cases of policies on what a program wrote. */
export const casesOfTexts: Readonly<Record<string, PolicyCases>> = {
  "mitigations-on": {
    violates: {
      stack: real(
        { "dut-facts": { kernel: { arguments: "mce=off quiet" } } },
        on("host:BootArguments", "boot", { arguments: { mitigations: "off" } }),
      ),
    },
    passes: {
      stack: real({}, on("host:BootArguments", "boot", { arguments: { mitigations: "off" } })),
      config: { singleTenant: true },
    },
    notApplicable: nothing,
    unknown: { stack: real({}, on("host:BootArguments", "boot", { arguments: { mitigations: unknown } })) },
  },
  "no-open-listener": {
    violates: {
      stack: [
        command("ovs-vsctl set-manager ptcp:6640 && qemu-system-x86_64 -vnc :1 -monitor tcp:0.0.0.0:4444"),
        {
          type: "libvirt:index:Domain",
          name: "theirs",
          props: { xml: "<graphics type='vnc' listen='0.0.0.0'/>", uri: "qemu+tls://h/system?no_verify=1" },
        },
      ],
    },
    passes: {
      stack: [
        command(
          "ovs-vsctl set-manager ptcp:6640:127.0.0.1 && qemu-system-x86_64 -vnc none -qmp unix:/run/q.sock",
        ),
      ],
    },
    notApplicable: nothing,
    unknown: { stack: [command(unknown)] },
  },
  "no-secret-in-text": {
    violates: {
      stack: [
        command("mount -t cifs //nas/lab /mnt -o username=lab,password=Hunter22", {
          update: "curl http://admin:Hunter22@influx:8086",
        }),
      ],
    },
    passes: {
      stack: [
        command('mount -t cifs //nas/lab /mnt -o password="$PASSWORD"', {
          environment: { PASSWORD: "Hunter22" },
          stdin: "token=Hunter22",
        }),
      ],
    },
    notApplicable: nothing,
    unknown: { stack: [command(unknown)] },
  },
};
