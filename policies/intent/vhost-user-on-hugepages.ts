import { asking } from "../ask.ts";
import { where } from "../claims.ts";
import { labPolicy } from "../lab-policy.ts";
import { GENERATING, ofType } from "../machine.ts";
import { text } from "../property.ts";
import { property } from "../sentence.ts";

/**
 * What is behind a vhost-user socket has its memory in huge pages.
 *
 * The switch maps the memory of its peer and reads packets from there. In pages of 4 KiB it takes a translation for every packet, and in memory of a
 * process that is not shared it finds nothing: the port comes up, and no packet passes.
 *
 * Change `pageSize` of the domain, or `hugepages` of the forwarder or generator.
 *
 * @severity high
 * @see https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/ (share=on)
 */
export const vhostUserOnHugepages = labPolicy({
  name: "vhost-user-on-hugepages",
  description: "What is behind a vhost-user socket has its memory in huge pages.",
  severity: "high",
  checks: ["P28"],
  remediationSteps:
    'Set pageSize of the guest to "2MiB" or "1GiB", and leave hugepages of forwarders and generators on.',
  url: "https://docs.openvswitch.org/en/latest/topics/dpdk/vhost-user/",
  notApplicable: ({ resources }) =>
    ofType(resources, "libvirt:Domain", "traffic:Forwarder", ...GENERATING).length === 0
      ? "this stack has nothing behind a vhost-user socket"
      : undefined,
  judge: ({ resources }, { violation, ...findings }) => {
    const ask = asking({ violation, ...findings }, "whether the switch can map its memory");
    for (const domain of ofType(resources, "libvirt:Domain")) {
      const nics = ask
        .keys(domain, "nics")
        .filter((nic) => ask.text(domain, "nics", nic, "kind") === "vhost-user");
      if (nics.length === 0 || ask.text(domain, "pageSize") !== "4KiB") continue;
      violation(
        `nics.${nics[0]} of ${domain.name} is vhost-user, but the guest's memory is not in huge pages ` +
          `(${property(where(domain, ["pageSize"]), "4KiB")}), expected "2MiB" or "1GiB": change pageSize.`,
        domain.urn,
      );
    }
    for (const [type, at, ports] of [
      ["traffic:Forwarder", [], ["ports"]],
      ...GENERATING.map((type) => [type, ["generator"], ["from", "to"]] as const),
    ] as const) {
      for (const each of ofType(resources, type)) {
        const kinds = ports.flatMap((port) =>
          port === "ports"
            ? ask.positions(each, port).map((index) => ask.text(each, port, index, "kind"))
            : [text(each, port, "kind")],
        );
        if (!kinds.includes("virtio-user") || ask.flag(each, ...at, "hugepages") !== false) continue;
        violation(
          `${where(each, [...at, "hugepages"]).property} of ${each.name} is false, but it has a virtio-user port, expected true: ` +
            "the switch can't map its memory otherwise.",
          each.urn,
        );
      }
    }
  },
});
