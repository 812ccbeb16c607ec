import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { listeningSockets } from "../../sdk/observe/listening-sockets.ts";
import { recorded, said } from "./recorded.ts";

it("finds a socket that somebody listens on, with its mode and that of its folder", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nfvlab sockets-"));
  const path = join(folder, "vhu 0.sock");
  const server = createServer().listen(path);
  const asked = () => {
    const [program = "", ...args] = listeningSockets.ask.kind === "command" ? listeningSockets.ask.argv : [];
    return listeningSockets.parse(said(spawnSync(program, args, { encoding: "utf8" }).stdout)).get(path);
  };
  try {
    await once(server, "listening");
    chmodSync(path, 0o757);
    chmodSync(folder, 0o1777);
    expect(asked()).toEqual({ mode: "757", folderMode: "1777" });
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
  expect(asked()).toBeUndefined();
});

it("reads those of a machine with a guest that serves one", () => {
  const sockets = listeningSockets.parse(recorded("procfs/6.12/listening-sockets.txt"));
  expect(sockets.get("/run/nfvlab-vhost/vhu0.sock")).toEqual({ mode: "775", folderMode: "770" });
  expect(sockets.get("/run/dbus/system_bus_socket")).toEqual({ mode: "666", folderMode: "755" });
});
