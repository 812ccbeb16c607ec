import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.mjs";
import { waitUntil } from "./wait.mjs";

const runFolder = "/run/openvswitch";
const libraries = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };

/** An Open vSwitch of its own, in user space, from unpacked packages. */
export class Switch {
  #root;
  #folder;

  constructor(root, folder) {
    this.#root = root;
    this.#folder = folder;
  }

  /** In what environment its commands are found and run. */
  get environment() {
    const library = libraries[process.arch] ?? "";
    return {
      PATH: [`${this.#root}/usr/bin`, "/usr/sbin", "/usr/bin", "/sbin", "/bin"].join(":"),
      LD_LIBRARY_PATH: [`${this.#root}/usr/lib/${library}`, `${this.#root}/lib/${library}`].join(":"),
    };
  }

  async start() {
    mkdirSync(runFolder);
    const database = join(this.#folder, "conf.db");
    await this.#run("usr/bin/ovsdb-tool", [
      "create",
      database,
      join(this.#root, "usr/share/openvswitch/vswitch.ovsschema"),
    ]);
    this.#daemon("usr/sbin/ovsdb-server", [database, `--remote=punix:${runFolder}/db.sock`]);
    await waitUntil("ovsdb-server answers", () => this.#vsctl("--no-wait", "init"));
    this.#daemon("usr/lib/openvswitch-switch/ovs-vswitchd", ["--disable-system"]);
    await waitUntil("ovs-vswitchd answers", () =>
      this.#run("usr/bin/ovs-appctl", ["--timeout=1", "--target=ovs-vswitchd", "version"]),
    );
  }

  async version() {
    return /Open vSwitch\) (\S+)/.exec(await this.#run("usr/bin/ovs-vsctl", ["--version"]))[1];
  }

  addBridge(name) {
    return this.#vsctl("add-br", name, "--", "set", "Bridge", name, "datapath_type=netdev");
  }

  deleteBridge(name) {
    return this.#vsctl("del-br", name);
  }

  requestMtu(port, bytes) {
    return this.#vsctl("set", "Interface", port, `mtu_request=${bytes}`);
  }

  clearMtu(port) {
    return this.#vsctl("clear", "Interface", port, "mtu_request");
  }

  #vsctl(...args) {
    return this.#run("usr/bin/ovs-vsctl", ["--timeout=60", ...args]);
  }

  #run(program, args) {
    return run([join(this.#root, program), ...args], { env: this.environment });
  }

  #daemon(program, args) {
    const name = program.split("/").at(-1);
    const options = ["--pidfile", "--no-chdir", "-vconsole:off", `--log-file=${this.#folder}/${name}.log`];
    spawn(join(this.#root, program), [...args, ...options], { env: this.environment, stdio: "ignore" });
  }
}
