import { describe, expect, it } from "vitest";
import { closeSockets, socketOutputs } from "../../sdk/plan/vhost-sockets.ts";

const path = "/run/nfvlab-vhost/vhu0.sock";
const nics = (mode?: "server" | "client") => ({
  nics: {
    east: {
      kind: "vhost-user" as const,
      socketPath: path,
      mac: "52:54:00:00:00:01",
      ...(mode !== undefined && { mode }),
    },
  },
});
const seen = (mode: string, folderMode = "770") => new Map([[path, { mode, folderMode }]]);

describe("sockets of a guest", () => {
  it("are those that it serves, and closed where others may not write", () => {
    expect(socketOutputs(nics(), seen("755"))).toEqual({
      sockets: { east: { path, mode: "755", folderMode: "770" } },
      socketsPrivate: true,
    });
    expect(closeSockets(nics(), seen("755"))).toEqual([]);
  });

  it.each([
    ["777", "770"],
    ["755", "777"],
    ["755", "1777"],
    ["702", "770"],
  ])("of mode %s in a folder of %s are open", (mode, folderMode) => {
    expect(socketOutputs(nics("server"), seen(mode, folderMode)).socketsPrivate).toBe(false);
  });

  it("are closed again, and nothing else is touched", () => {
    const other = new Map([...seen("757"), ["/run/other.sock", { mode: "777", folderMode: "777" }]]);
    expect(closeSockets(nics(), other)).toEqual([
      { purpose: `close ${path} to others`, argv: ["chmod", "o-w", path] },
    ]);
  });

  it("are none of one that connects, nor where nobody listens", () => {
    const none = { sockets: {}, socketsPrivate: true };
    expect(socketOutputs(nics("client"), seen("777"))).toEqual(none);
    expect(socketOutputs(nics(), new Map())).toEqual(none);
    expect(socketOutputs({}, seen("777"))).toEqual(none);
  });
});
