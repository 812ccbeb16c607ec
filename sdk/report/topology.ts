import { contestedLines } from "./cpu-map.ts";
import { escapeText } from "./escape.ts";
import type {
  ReportedBridge,
  ReportedCpu,
  ReportedGuest,
  ReportedHost,
  ReportedNode,
  ReportedPort,
  Role,
} from "./experiment.ts";
import { fitText } from "./fit.ts";
import { describeHost } from "./host-words.ts";
import { fixed, told } from "./plot.ts";
import { ROLES } from "./roles.ts";

const WIDTH = 800;
const GAP = 16;
const PAD = 14;

const GUEST = { height: 72, perRow: 3, width: (WIDTH - GAP) / 2 };
const PORT = { height: 60, width: 150, least: 96, gap: 10 };
const BRIDGE_LABEL = 34;
const LINKS = { top: 26, lane: 12, bottom: 14 };
const NODES_PER_ROW = 2;
/** A cell of a CPU: with words, or small with a letter where a node has many. */
const CELL = { large: { width: 62, height: 58 }, small: { width: 34, height: 36 }, gap: 6, many: 32 };
/** Pixels of a letter in the widest of the usual fonts: text that is cut too early is better than text beyond its box. */
const LETTER = { title: 10.5, strong: 9.4, plain: 8, small: 7.2 };

const KINDS: Readonly<Record<string, string>> = { dpdkvhostuserclient: "vhost-user", dpdk: "DPDK" };

export interface Part {
  readonly svg: string;
  readonly height: number;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/**
 * A machine as its traffic sees it: guests, the switch below them, the CPUs and memory of each NUMA node at the bottom. Roles of CPUs differ by
 * word and outline, not by colour alone; styles are the page's.
 *
 * Guests are tied to ports by lines as long as all of them stand side by side. Where there are more, ports name their guests instead.
 */
export function drawHost(host: ReportedHost): string {
  const top = 58;
  const guests = drawGuests(host.guests, top);
  const bridgesTop = host.guests.length === 0 ? top : top + guests.height + spaceForLinks(host);
  const switches = placeBridges(host.bridges, bridgesTop);
  const bridges = drawBridges(host, switches);
  const nodesTop = host.bridges.length === 0 ? bridgesTop : bridgesTop + bridges.height + GAP;
  const nodes = drawNodes(host.nodes, nodesTop);
  const legendTop = nodesTop + nodes.height + GAP;
  const legend = drawLegend(host, legendTop);
  const title = `${host.name}${host.emulated ? " (emulated server)" : ""}`;
  return [
    // Two pixels around for the strokes of the outermost boxes.
    `<svg class="topology" viewBox="-2 0 ${WIDTH + 4} ${fixed(legendTop + legend.height)}" role="img">${told(`Topology of ${title}`, describeHost(host))}`,
    label("title", 0, 20, title, WIDTH, LETTER.title),
    label("soft", 0, 42, host.description, WIDTH, LETTER.plain),
    ...(isTied(host) ? drawLinks(host, switches, top) : []),
    guests.svg,
    bridges.svg,
    nodes.svg,
    legend.svg,
    "</svg>",
  ].join("");
}

/** The CPUs of a machine alone, without a frame: what a larger drawing puts in its place. */
export function drawCpus(host: Pick<ReportedHost, "nodes">): Part & { readonly width: number } {
  const nodes = drawNodes(host.nodes, 0);
  const legend = drawLegend(host, nodes.height + GAP);
  return { svg: nodes.svg + legend.svg, width: WIDTH, height: nodes.height + GAP + legend.height };
}

function drawGuests(guests: readonly ReportedGuest[], top: number): Part {
  const rows = Math.ceil(guests.length / GUEST.perRow);
  const svg = guests.map((guest, index) => {
    const { x, y, width } = guestPlace(index, guests.length, top);
    const inner = width - 2 * PAD;
    return [
      `<g class="guest${guest.running ? "" : " down"}"><rect x="${fixed(x)}" y="${y}" width="${fixed(width)}" height="${GUEST.height}" rx="8"/>`,
      label("strong", x + PAD, y + 22, guest.name, inner - 84, LETTER.strong),
      `<text class="small end" x="${fixed(x + width - PAD)}" y="${y + 21}">${guest.running ? "running" : "STOPPED"}</text>`,
      label("", x + PAD, y + 42, `${guest.memory} on node ${guest.numaNode}`, inner, LETTER.plain),
      label("", x + PAD, y + 60, pinsText(guest.vcpuPins), inner, LETTER.plain),
      "</g>",
    ].join("");
  });
  return { svg: svg.join(""), height: Math.max(0, rows * (GUEST.height + GAP) - GAP) };
}

function pinsText(pins: readonly string[]): string {
  if (pins.length === 0) return "no vCPU pinned";
  const vcpus = pins.length === 1 ? "vCPU 0 on CPU" : `vCPUs 0-${pins.length - 1} on CPUs`;
  return `${vcpus} ${pins.join(",")}`;
}

function guestPlace(index: number, count: number, top: number): Place {
  const perRow = Math.min(count, GUEST.perRow);
  const width = Math.min(GUEST.width, (WIDTH - GAP * (perRow - 1)) / perRow);
  return {
    x: (index % perRow) * (width + GAP),
    y: top + Math.floor(index / perRow) * (GUEST.height + GAP),
    width,
  };
}

interface PlacedBridge extends Place {
  readonly bridge: ReportedBridge;
  readonly height: number;
  readonly ports: readonly Place[];
}

/** Side by side, each as wide as its ports need, while all ports fit into one row; else one below the other. */
function placeBridges(bridges: readonly ReportedBridge[], top: number): PlacedBridge[] {
  const beside = areBeside(bridges);
  const room = WIDTH - GAP * (bridges.length - 1);
  const all = bridges.reduce((sum, bridge) => sum + shareOf(bridge), 0);
  const placed: PlacedBridge[] = [];
  let x = 0;
  let y = top;
  for (const bridge of bridges) {
    const width = beside ? (room * shareOf(bridge)) / all : WIDTH;
    const one = placeBridge(bridge, { x, y, width });
    placed.push(one);
    if (beside) x += width + GAP;
    else y += one.height + GAP;
  }
  return placed;
}

function placeBridge(bridge: ReportedBridge, { x, y, width }: Place): PlacedBridge {
  const room = width - 2 * PAD + PORT.gap;
  const perRow = Math.max(1, Math.floor(room / (PORT.least + PORT.gap)));
  const columns = Math.min(perRow, Math.max(1, bridge.ports.length));
  const portWidth = Math.min(PORT.width, room / columns - PORT.gap);
  const rows = Math.ceil(bridge.ports.length / columns);
  return {
    bridge,
    x,
    y,
    width,
    height: BRIDGE_LABEL + (rows === 0 ? 0 : PAD + rows * (PORT.height + PORT.gap) - PORT.gap),
    ports: bridge.ports.map((_, position) => ({
      x: x + PAD + (position % columns) * (portWidth + PORT.gap),
      y: y + PAD + Math.floor(position / columns) * (PORT.height + PORT.gap),
      width: portWidth,
    })),
  };
}

function shareOf({ ports }: ReportedBridge): number {
  return Math.max(1, ports.length);
}

function areBeside(bridges: readonly ReportedBridge[]): boolean {
  const ports = bridges.reduce((sum, bridge) => sum + shareOf(bridge), 0);
  const needed = ports * (PORT.least + PORT.gap) + bridges.length * (2 * PAD + GAP);
  return needed <= WIDTH;
}

function drawBridges(host: ReportedHost, placed: readonly PlacedBridge[]): Part {
  const owners = new Map(linksOf(host).map((link) => [link.port, link]));
  const svg = placed.map(({ bridge, x, y, width, height, ports }) => {
    const title = ["bridge", bridge.name, ...bridge.addresses.map((address) => `· ${address}`)].join(" ");
    return [
      `<g class="bridge"><rect x="${fixed(x)}" y="${y}" width="${fixed(width)}" height="${height}" rx="8"/>`,
      label("strong", x + PAD, y + height - 12, title, width - 2 * PAD, LETTER.strong),
      "</g>",
      ...bridge.ports.flatMap((port, position) => {
        const place = ports[position];
        return place === undefined ? [] : [drawPort(port, owners.get(port), place)];
      }),
    ].join("");
  });
  const bottom = Math.max(0, ...placed.map(({ y, height }) => y + height));
  return { svg: svg.join(""), height: bottom - (placed[0]?.y ?? bottom) };
}

function drawPort(port: ReportedPort, link: Link | undefined, { x, y, width }: Place): string {
  const kind = KINDS[port.kind] ?? port.kind;
  const state = [port.up ? "" : "DOWN", link?.nic.name ?? "", kind].filter((part) => part !== "");
  const lines = [state.join(" · "), link === undefined ? port.peer : `to ${link.guest.name}`];
  return [
    `<g class="port${port.up ? "" : " down"}"><rect x="${fixed(x)}" y="${y}" width="${fixed(width)}" height="${PORT.height}" rx="5"/>`,
    label("strong", x + 9, y + 19, port.name, width - 18, LETTER.strong),
    ...lines.map((line, index) => label("small", x + 9, y + 36 + 15 * index, line, width - 18, LETTER.small)),
    "</g>",
  ].join("");
}

interface Link {
  readonly port: ReportedPort;
  readonly guest: ReportedGuest;
  readonly nic: ReportedGuest["nics"][number];
}

/** A guest's NIC and a port meet at the socket that both name. */
function linksOf({ guests, bridges }: ReportedHost): Link[] {
  return guests.flatMap((guest) =>
    guest.nics.flatMap((nic) =>
      bridges
        .flatMap(({ ports }) => ports)
        .filter((port) => nic.socket !== undefined && port.socket === nic.socket)
        .map((port) => ({ port, guest, nic })),
    ),
  );
}

/** Whether lines from guests to ports cross nothing but each other. */
function isTied({ guests, bridges }: ReportedHost): boolean {
  return guests.length <= GUEST.perRow && areBeside(bridges);
}

function spaceForLinks(host: ReportedHost): number {
  const links = isTied(host) ? linksOf(host).length : 0;
  return links === 0 ? GAP : LINKS.top + LINKS.lane * links + LINKS.bottom;
}

function drawLinks(host: ReportedHost, placed: readonly PlacedBridge[], top: number): string[] {
  const places = new Map(
    placed.flatMap(({ bridge, ports }) =>
      bridge.ports.flatMap((port, position) => {
        const place = ports[position];
        return place === undefined ? [] : [[port, place] as const];
      }),
    ),
  );
  return linksOf(host).map(({ port, guest, nic }, lane) => {
    const box = guestPlace(host.guests.indexOf(guest), host.guests.length, top);
    const chip = places.get(port) ?? box;
    const bottom = box.y + GUEST.height;
    const to = chip.x + chip.width / 2;
    const isAbove = to > box.x + PAD && to < box.x + box.width - PAD;
    const share = box.width / guest.nics.length;
    const from = isAbove ? to : box.x + share * (guest.nics.indexOf(nic) + 0.5);
    // A lane of its own for each link: two lines never lie on each other.
    const turn = isAbove ? "" : `V${bottom + LINKS.top + LINKS.lane * lane}H${fixed(to)}`;
    const name = [nic.name, nic.address].filter((part) => part !== "").join(" · ");
    const room = guest.nics.length === 1 ? box.x + box.width - from : Math.min(share, chip.width);
    return [
      `<path class="link${port.up ? "" : " down"}" d="M${fixed(from)} ${bottom}${turn}V${chip.y}"/>`,
      `<circle class="plug" cx="${fixed(from)}" cy="${bottom}" r="4"/>`,
      label("small", from + 9, bottom + 16, name, room - 12, LETTER.small),
    ].join("");
  });
}

function drawNodes(nodes: readonly ReportedNode[], top: number): Part {
  const perRow = Math.max(1, Math.min(nodes.length, NODES_PER_ROW));
  const width = (WIDTH - GAP * (perRow - 1)) / perRow;
  let y = top;
  let svg = "";
  for (let first = 0; first < nodes.length; first += perRow) {
    const row = nodes.slice(first, first + perRow);
    const height = Math.max(...row.map((node) => nodeHeight(node, width)));
    svg += row
      .map((node, column) => drawNode(node, { x: column * (width + GAP), y, width }, height))
      .join("");
    y += height + GAP;
  }
  return { svg, height: Math.max(0, y - top - GAP) };
}

function drawNode(node: ReportedNode, { x, y, width }: Place, height: number): string {
  const { size, perRow, cores, threads } = gridOf(node, width);
  const cells = cores.flatMap((core, index) => {
    const left = x + PAD + (index % perRow) * (size.width + CELL.gap);
    const above = y + 36 + Math.floor(index / perRow) * (threads * size.height + CELL.gap);
    return core.map((cpu, thread) => drawCpu(cpu, left, above + thread * size.height, size));
  });
  const memory =
    node.hugepages.length === 0 ? "no huge pages declared" : `${node.hugepages.join(", ")} pages`;
  return [
    `<g class="node"><rect x="${fixed(x)}" y="${fixed(y)}" width="${fixed(width)}" height="${fixed(height)}" rx="8"/>`,
    label("strong", x + PAD, y + 23, nodeTitle(node), width - 2 * PAD, LETTER.strong),
    label("soft", x + PAD, y + height - 12, memory, width - 2 * PAD, LETTER.plain),
    "</g>",
    ...cells,
  ].join("");
}

function nodeTitle({ node }: ReportedNode): string {
  return node === null ? "NUMA node not known yet" : `NUMA node ${node}`;
}

function nodeHeight(node: ReportedNode, width: number): number {
  const { size, perRow, cores, threads } = gridOf(node, width);
  return 36 + Math.ceil(cores.length / perRow) * (threads * size.height + CELL.gap) + 30;
}

/** The hardware threads of a core stand on each other. */
function gridOf({ cpus }: ReportedNode, width: number) {
  const size = cpus.length > CELL.many ? CELL.small : CELL.large;
  const cores = [...new Set(cpus.map(({ core }) => core))].map((core) =>
    cpus.filter((cpu) => cpu.core === core),
  );
  return {
    size,
    cores,
    threads: Math.max(1, ...cores.map(({ length }) => length)),
    perRow: Math.max(1, Math.floor((width - 2 * PAD + CELL.gap) / (size.width + CELL.gap))),
  };
}

function drawCpu(cpu: ReportedCpu, x: number, y: number, size: { width: number; height: number }): string {
  const { word, letter, phrase } = ROLES[cpu.role];
  const isSmall = size === CELL.small;
  const owner = cpu.guest === undefined ? "" : `: vCPU ${cpu.guest.vcpu} of ${cpu.guest.name}`;
  const isContested = cpu.contenders !== undefined;
  const told = isContested ? `contested by ${cpu.contenders.join(" and ")}` : `${phrase}${owner}`;
  const lines = isSmall
    ? [letter]
    : cpu.guest === undefined
      ? [word, ...(isContested ? ["shared"] : [])]
      : [`${word} ${cpu.guest.vcpu}`, fitText(cpu.guest.name, size.width - 8, LETTER.small)];
  const middle = x + size.width / 2;
  const number = isSmall ? 16 : 19;
  const step = isSmall ? 13 : 15;
  return [
    `<g class="cpu ${cpu.role}${isContested ? " contested" : ""}"><title>${escapeText(`CPU ${cpu.cpu}, ${told}`)}</title>`,
    outline(cpu.role, x, y, size.width, size.height),
    `<text class="strong" x="${fixed(middle)}" y="${fixed(y + number)}">${cpu.cpu}${isContested ? "!" : ""}</text>`,
    ...lines.map(
      (line, index) =>
        `<text class="small" x="${fixed(middle)}" y="${fixed(y + number + step * (index + 1))}">${escapeText(line)}</text>`,
    ),
    "</g>",
  ].join("");
}

/** Polls: heavy. A guest's: doubled. Free: dashed. Housekeeping: plain. */
function outline(role: Role, x: number, y: number, width: number, height: number): string {
  const box = (inset: number, name: string) =>
    `<rect class="${name}" x="${fixed(x + inset)}" y="${fixed(y + inset)}" width="${fixed(width - 2 * inset)}" height="${fixed(height - 2 * inset)}" rx="${6 - inset}"/>`;
  return role === "vcpu" ? box(1.5, "cell") + box(4.5, "inner") : box(role === "pmd" ? 2.5 : 1.5, "cell");
}

function rolesOf({ nodes }: Pick<ReportedHost, "nodes">): Role[] {
  const used = new Set(nodes.flatMap(({ cpus }) => cpus.map(({ role }) => role)));
  return (Object.keys(ROLES) as Role[]).filter((role) => used.has(role));
}

function drawLegend(host: Pick<ReportedHost, "nodes">, top: number): Part {
  const roles = rolesOf(host).map((role, index) => {
    const x = index * 158;
    const { letter, phrase } = ROLES[role];
    return [
      `<g class="cpu ${role}">${outline(role, x, top, 24, 22)}<text class="small" x="${x + 12}" y="${top + 15}">${escapeText(letter)}</text></g>`,
      label("small", x + 31, top + 15, phrase, 126, LETTER.small),
    ].join("");
  });
  if (roles.length === 0) return { svg: "", height: 0 };
  const hasThreads = host.nodes.some(({ cpus }) => new Set(cpus.map(({ core }) => core)).size < cpus.length);
  const notes = [
    ...(hasThreads ? ["CPUs that touch are hardware threads of one core."] : []),
    ...contestedLines(host).map((line) => `! ${line}.`),
  ];
  const lines = notes.map((note, index) =>
    label("small", 0, top + 42 + 18 * index, note, WIDTH, LETTER.small),
  );
  return { svg: roles.join("") + lines.join(""), height: notes.length === 0 ? 26 : 32 + 18 * notes.length };
}

function label(name: string, x: number, y: number, text: string, pixels: number, perLetter: number): string {
  if (text === "") return "";
  const shown = fitText(text, pixels, perLetter);
  const whole = shown === text ? "" : `<title>${escapeText(text)}</title>`;
  const style = name === "" ? "" : ` class="${name}"`;
  return `<text${style} x="${fixed(x)}" y="${fixed(y)}">${whole}${escapeText(shown)}</text>`;
}
