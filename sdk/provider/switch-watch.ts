import { switchActivity } from "../measure/switch-activity.ts";
import { switchCounts } from "../observe/switch-counts.ts";
import type { SwitchActivity } from "../schema/record.ts";
import type { Host } from "./handler.ts";

/** What came to a switch since it was asked before; undefined where none answers. */
export type SwitchWatch = (sendingMs?: number) => Promise<SwitchActivity | undefined>;

/** Begins to watch the switch of a machine. Each question is one round trip, between two measurements and never in one; of a machine without a switch there is none. */
export async function watchSwitch(host: Host): Promise<SwitchWatch> {
  let { switchCounts: before } = await host.observeNow({ switchCounts });
  return async (sendingMs) => {
    if (before === undefined) return undefined;
    const { switchCounts: after } = await host.observeNow({ switchCounts });
    const activity = after && switchActivity(before, after, sendingMs);
    before = after;
    return activity;
  };
}
