import { vlanText } from "../units/vlan.ts";
import type { Probe } from "./probe.ts";
import { jsonOf, understood } from "./understood.ts";

/**
 * Admin state of a virtual function in the words of ip-link(8), by the word that sets each: `mac`, `vlan` (`100 qos 3 proto 802.1Q`), `spoofchk`, `trust`, `state`,
 * `max_tx_rate`, `min_tx_rate`, `query_rss`. What its driver says nothing of is left out.
 */
export type AdminState = ReadonlyMap<string, string>;

/** Admin states by interface of the physical function, then by number. */
export type AdminStates = ReadonlyMap<string, ReadonlyMap<number, AdminState>>;

interface VirtualFunctionInfo {
  readonly vf: number;
  readonly address?: string;
  /** Before iproute2 5.3. */
  readonly mac?: string;
  readonly vlan?: number;
  readonly qos?: number;
  readonly vlan_list?: readonly {
    readonly vlan?: number;
    readonly qos?: number;
    readonly protocol?: string;
  }[];
  readonly rate?: { readonly max_tx?: number; readonly min_tx?: number };
  readonly spoofchk?: boolean;
  readonly link_state?: string;
  readonly trust?: boolean;
  readonly query_rss_en?: boolean;
}

interface Link {
  readonly ifname?: string;
  readonly vfinfo_list?: readonly VirtualFunctionInfo[];
}

export const virtualFunctionStates: Probe<AdminStates> = {
  name: "virtual-function-states",
  ask: { kind: "command", argv: ["ip", "-json", "-details", "link", "show"] },
  parse: (answer) => {
    return understood(
      "`ip -json -details link show`",
      answer,
      () =>
        new Map(
          (jsonOf(answer.stdout) as readonly Link[]).map(({ ifname = "", vfinfo_list: functions = [] }) => [
            ifname,
            new Map(functions.map((info) => [info.vf, adminState(info)])),
          ]),
        ),
    );
  },
};

function adminState(info: VirtualFunctionInfo): AdminState {
  const [tag = info] = info.vlan_list ?? [];
  const protocol = "protocol" in tag ? tag.protocol : undefined;
  const texts: readonly (readonly [string, string | undefined])[] = [
    ["mac", info.address ?? info.mac],
    ["vlan", vlanText(tag.vlan ?? 0, tag.qos, protocol)],
    ["spoofchk", onOff(info.spoofchk)],
    ["trust", onOff(info.trust)],
    ["state", info.link_state],
    ["max_tx_rate", numeral(info.rate?.max_tx)],
    ["min_tx_rate", numeral(info.rate?.min_tx)],
    ["query_rss", onOff(info.query_rss_en)],
  ];
  return new Map(texts.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
}

function onOff(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? "on" : "off";
}

function numeral(value: number | undefined): string | undefined {
  return value === undefined ? undefined : `${value}`;
}
