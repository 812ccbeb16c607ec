#!/usr/bin/env python3
"""
TRex as generator and sink, told and heard in the words of nfvlab's traffic program.

  nfvlab-trex '{"trex": "/opt/trex/v3.08", "version": "3.08", "names": [...], "interfaces": ["0000:5e:00.0", "0000:5e:00.1"], "cpus": [2, 3, 4], ...}'

One argument, a JSON object, says how (`Job`). It looks at what is there, starts TRex's server, and drives it by TRex's own Python client, which comes with TRex. A line of standard input is a trial, `RATE COUNT OVERRUN_MS SIZE[,SIZE...]`, unless the job has one of its own. Each trial is
answered by one JSON document on standard output; a line a second goes to standard error. The server ends with this program, however that ends.

TRex's program is started as its `t-rex-64` does, but without that shell script around it, which would bind cards to drivers and raise the machine's huge pages.
"""
import base64
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib

# Those of sysexits(3) say who can act; the last one that no frame came through.
USAGE, UNAVAILABLE, NO_PATH = 64, 69, 75

CLIENT = "automation/trex_control_plane/interactive"
# A frame's checksum, which its size counts and TRex's packets do not hold.
FCS = 4
HEADERS = 14 + 20 + 8
SOURCE_PORT_AT = 14 + 20
FIRST_PORT, DISCARD = 1024, 9
# What TRex needs of a packet for its own mark, behind the headers.
LATENCY_MARK = 16
# TRex has so many streams with latency, on all its ports together.
MOST_LATENCY_STREAMS = 128
# No more than this share of the frames bears a stamp.
STAMPED_SHARE = 0.1
TICK_S = 0.02
# After the time of all is over the server may take so long to say that it has ended.
SERVER_SLACK_S = 3.0
DRIVERS = ("vfio-pci", "igb_uio", "uio_pci_generic", "mlx5_core")


def say(text):
    sys.stderr.write("nfvlab-traffic: %s\n" % text)
    sys.stderr.flush()


def fail(code, text):
    say(text)
    sys.exit(code)


class Job:
    """What the one argument says."""

    def __init__(self, text):
        try:
            told = json.loads(text)
        except ValueError as error:
            fail(USAGE, "the job: observed no JSON (%s), expected an object" % error)
        self.trex = told["trex"]
        self.version = told["version"]
        self.interfaces = told["interfaces"]
        self.names = told["names"]
        self.cpus = told["cpus"]
        self.memory_mib = told.get("memoryMib")
        self.both = told.get("both", False)
        self.flows = told.get("flows", 1)
        self.stamped_pps = told.get("stampedPps", 1000)
        self.addresses = told.get("addresses", {})
        self.settle_s = told.get("settleMs", 2000) / 1000.0
        self.link_s = told.get("linkMs", 10000) / 1000.0
        self.probe_s = told.get("probeMs", 15000) / 1000.0
        self.start_s = told.get("startMs", 60000) / 1000.0
        self.rpc_port = told.get("rpcPort", 4501)
        self.publisher_port = told.get("publisherPort", 4500)
        self.trial = told.get("trial")

    @property
    def sender_ports(self):
        return [0, 1] if self.both else [0]

    def receiver_of(self, sender):
        return sender if len(self.interfaces) == 1 else 1 - sender

    @property
    def ports(self):
        return list(range(len(self.interfaces)))


# What is there


def check_installed(job):
    for name in (program_of(job), os.path.join(CLIENT, "trex/stl/api.py")):
        if not os.path.exists(os.path.join(job.trex, name)):
            fail(UNAVAILABLE, "TRex at %s: observed no %s, expected TRex's folder as it is unpacked" % (job.trex, name))


def program_of(job):
    """TRex is built twice; the one with AVX is faster."""
    with open("/proc/cpuinfo") as file:
        has_avx = " avx " in file.read().replace("\n", " ")
    plain = "_t-rex-64-o"
    return "_t-rex-64" if has_avx or not os.path.exists(os.path.join(job.trex, plain)) else plain


def load_client(job):
    # In the place of this file's folder, which may hold what is named as the client is.
    sys.path[0] = os.path.join(job.trex, CLIENT)
    try:
        from trex.stl import api
    # Whatever it is that this Python lacks or has no more.
    except Exception as error:  # pylint: disable=broad-except
        fail(UNAVAILABLE, "TRex's client at %s can't be loaded by Python %s: %s" % (job.trex, sys.version.split()[0], last_line(error)))
    return api


def check_interfaces(job):
    for interface in job.interfaces:
        if interface.startswith("--vdev="):
            name = dict(part.partition("=")[::2] for part in interface.split(",")).get("iface")
            if name is not None and not is_up(name):
                fail(UNAVAILABLE, "interface %s: is not there or not up" % name)
            continue
        link = "/sys/bus/pci/devices/%s/driver" % interface
        driver = os.path.basename(os.readlink(link)) if os.path.islink(link) else "none"
        if driver not in DRIVERS:
            fail(UNAVAILABLE, "card %s: observed driver %s, expected %s: bind it before" % (interface, driver, " or ".join(DRIVERS)))


def is_up(name):
    try:
        with open("/sys/class/net/%s/flags" % name) as file:
            return int(file.read(), 16) & 1 == 1
    except OSError:
        return False


def check_free(job):
    for port in (job.rpc_port, job.publisher_port):
        with socket.socket() as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                own.bind(("0.0.0.0", port))
            except OSError:
                fail(UNAVAILABLE, "TCP port %d: somebody listens there, as TRex does: expected no other TRex on this machine" % port)


# The server


def configuration(job):
    """What /etc/trex_cfg.yaml is elsewhere. TRex takes ports in pairs."""
    interfaces = job.interfaces + ["dummy"] * (len(job.interfaces) % 2)
    lines = [
        "- version: 2",
        "  port_limit: %d" % len(interfaces),
        "  interfaces: [%s]" % ", ".join('"%s"' % interface for interface in interfaces),
        "  prefix: nfvlab",
        "  zmq_rpc_port: %d" % job.rpc_port,
        "  zmq_pub_port: %d" % job.publisher_port,
    ]
    if job.memory_mib is not None:
        lines.append("  limit_memory: %d" % job.memory_mib)
    # Streams bear addresses of their own; without these TRex would ask for them by ARP.
    lines.append("  port_info:")
    lines += ['    - dest_mac: "%s"' % (job.addresses.get("toMac") or "02:00:00:00:00:01") for _ in interfaces]
    if len(job.cpus) == 1:
        return "\n".join(lines + ["  low_end: true", "  low_end_core: %d" % job.cpus[0], ""])
    master, latency, workers = job.cpus[0], job.cpus[1], job.cpus[2:]
    return "\n".join(
        lines
        + [
            "  c: %d" % len(workers),
            "  platform:",
            "    master_thread_id: %d" % master,
            "    latency_thread_id: %d" % latency,
            "    dual_if:",
            "      - socket: %d" % node_of(workers[0]),
            "        threads: [%s]" % ", ".join(str(cpu) for cpu in workers),
            "",
        ]
    )


def node_of(cpu):
    try:
        names = os.listdir("/sys/devices/system/cpu/cpu%d" % cpu)
    except OSError:
        return 0
    return min([int(name[4:]) for name in names if name.startswith("node") and name[4:].isdigit()] or [0])


class Server:
    """TRex's server, as long as the block lasts, with a client that is connected to it."""

    def __init__(self, job, api):
        self.job = job
        self.api = api
        self.folder = tempfile.mkdtemp(prefix="nfvlab-trex-")
        self.process = None
        self.client = None

    def __enter__(self):
        try:
            self.start()
            self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.client is not None:
            try:
                self.client.disconnect()
            # It ends in any case, and what it has to say comes too late.
            except Exception:  # pylint: disable=broad-except
                pass
        if self.process is not None:
            self.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def log(self):
        return os.path.join(self.folder, "server.log")

    def start(self):
        file = os.path.join(self.folder, "trex_cfg.yaml")
        with open(file, "w") as out:
            out.write(configuration(self.job))
        program = program_of(self.job)
        words = ["./" + program, "-i", "--stl", "--cfg", file, "--hdrh", "--no-scapy-server", "--no-termio", "--iom", "0"]
        if any(driver_of(interface) == "mlx5_core" for interface in self.job.interfaces):
            words.append("--mlx5-so")
        with open(self.log, "wb") as out:
            try:
                self.process = subprocess.Popen(
                    words,
                    cwd=self.job.trex,
                    env=dict(os.environ, LD_LIBRARY_PATH=self.job.trex),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                fail(UNAVAILABLE, "TRex at %s: %s can't be started: %s" % (self.job.trex, program, error.strerror))

    def end(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(10)
                return
            except subprocess.TimeoutExpired:
                continue

    def connect(self):
        job = self.job
        client = self.api.STLClient(server="127.0.0.1", sync_port=job.rpc_port, async_port=job.publisher_port, verbose_level="none")
        deadline = time.monotonic() + job.start_s
        reason = "nothing listens at TCP port %d" % job.rpc_port
        while True:
            self.check(" while it started")
            if listens(job.rpc_port):
                try:
                    client.connect()
                    break
                except self.api.STLError as error:
                    reason = last_line(error)
            if time.monotonic() > deadline:
                fail(UNAVAILABLE, "TRex's server does not come up within %d s: %s: %s" % (job.start_s, reason, self.last_words()))
            time.sleep(0.2)
        self.client = client
        told = client.get_server_version()
        version = told["version"].lstrip("v")
        if version != job.version:
            fail(UNAVAILABLE, "TRex at %s: observed version %s, expected %s" % (job.trex, version, job.version))
        if told.get("mode", "STL") != "STL":
            fail(UNAVAILABLE, "TRex at %s: observed mode %s, expected STL" % (job.trex, told["mode"]))

    def end_of_itself(self, seconds):
        """Gives a server that is about to end the time to do so."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass

    def check(self, when=""):
        """Ends with the server's own words where that has ended."""
        if self.process.poll() is not None:
            fail(UNAVAILABLE, "TRex's server ended with code %d%s: %s" % (self.process.returncode, when, self.last_words()))

    def last_words(self):
        try:
            with open(self.log, errors="replace") as file:
                lines = [line.strip() for line in file.read().splitlines() if line.strip()]
        except OSError:
            lines = []
        return " | ".join(lines[-3:]) or "it said nothing"


def driver_of(interface):
    link = "/sys/bus/pci/devices/%s/driver" % interface
    return os.path.basename(os.readlink(link)) if os.path.islink(link) else ""


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def last_line(error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[-1]


# Frames


def checksum(header):
    total = sum(struct.unpack(">%dH" % (len(header) // 2), header))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def packet(size, from_mac, to_mac, from_ip, to_ip):
    """A frame without its checksum: UDP without one, so that ports may change from frame to frame."""
    length = size - FCS
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, length - 14, 0, 0, 64, 17, 0, socket.inet_aton(from_ip), socket.inet_aton(to_ip))
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    ether = bytes.fromhex((to_mac + from_mac).replace(":", "")) + b"\x08\x00"
    udp = struct.pack(">HHHH", FIRST_PORT, DISCARD, length - 14 - 20, 0)
    return (ether + ip + udp).ljust(length, b"\0")


def shares(count, sizes):
    """How many frames of each distinct size: those that `sizes` has in turn."""
    distinct = sorted(set(sizes))
    whole, rest = divmod(count, len(sizes))
    first = sizes[:rest]
    return [(size, whole * sizes.count(size) + first.count(size)) for size in distinct]


class Parts:
    """Of the frames of one size and direction: those that only count, and those that bear a stamp."""

    def __init__(self, size, frames, rate, count, stamped_pps):
        self.size = size
        self.pps = rate * frames / float(count)
        asked = min(stamped_pps, self.pps * STAMPED_SHARE)
        stamped = int(round(frames * asked / self.pps)) if frames > 0 else 0
        self.stamped = max(1, stamped) if stamped_pps > 0 and frames > 1 else 0
        self.plain = frames - self.stamped
        self.frames = frames


# Histograms


def hdr_counts(text):
    """(lowest, highest, count) of each value of an HDR histogram, version 2, compressed, as TRex tells it: values in µs."""
    packed = base64.b64decode(text)
    cookie, length = struct.unpack(">II", packed[:8])
    if cookie & ~0xF0 != 0x1C849304:
        raise ValueError("no compressed HDR histogram")
    body = zlib.decompress(packed[8 : 8 + length])
    cookie, size, _, digits, lowest, _, _ = struct.unpack(">IIIIqqd", body[:40])
    if cookie & ~0xF0 != 0x1C849303:
        raise ValueError("no HDR histogram of version 2")
    unit = max(0, lowest.bit_length() - 1)
    half_bits = max(0, (2 * 10**digits - 1).bit_length() - 1)
    half = 1 << half_bits
    counts, index, at, end = [], 0, 40, 40 + size
    while at < end:
        number, at = zigzag(body, at)
        if number < 0:
            index -= number
            continue
        if number > 0:
            bucket, sub = (index >> half_bits) - 1, (index & (half - 1)) + half
            if bucket < 0:
                bucket, sub = 0, sub - half
            low = sub << (bucket + unit)
            counts.append((low, low + (1 << (bucket + unit)) - 1, number))
        index += 1
    return counts


def zigzag(body, at):
    """A signed number in 1 to 9 bytes, the least significant first."""
    value = 0
    for shift in range(0, 57, 7):
        byte = body[at]
        at += 1
        if shift == 56:
            value |= byte << 56
            break
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return (value >> 1) ^ -(value & 1), at


def plain_counts(histogram):
    """The same of TRex's own buckets, named by their least value in µs: one digit of it is known."""
    counts = []
    for key, count in sorted(histogram.items()):
        width = 10 if key < 100 else 10 ** (len(str(key)) - 1)
        counts.append((key, key + width - 1, count))
    return counts


def latency_of(told):
    """Latency of several streams as the report has it: counts by the largest value of each bucket, ns. TRex cuts to whole µs."""
    merged = {}
    for latency in told:
        text = latency.get("hdrh")
        for low, high, count in hdr_counts(text) if text else plain_counts(latency.get("histogram", {})):
            merged[(low, high)] = merged.get((low, high), 0) + count
    buckets = sorted(bounds for bounds, count in merged.items() if count > 0)
    answer = {"samples": sum(merged.values()), "unstamped": 0, "buckets": [[(high + 1) * 1000 - 1, merged[(low, high)]] for low, high in buckets]}
    if buckets:
        answer.update(minNs=buckets[0][0] * 1000, maxNs=(buckets[-1][1] + 1) * 1000 - 1)
    return answer


# Trials


class Trials:
    """Trials on ports that stay open from one to the next."""

    def __init__(self, server, out):
        self.job = server.job
        self.api = server.api
        self.client = server.client
        self.server = server
        self.out = out
        self.version = "TRex %s" % self.client.get_server_version()["version"]
        self.macs = []

    def prepare(self):
        """Takes the ports, and waits until they have a link and pass a first frame."""
        client, job = self.client, self.job
        client.reset(ports=job.ports)
        infos = client.get_port_info(job.ports)
        client.set_port_attr(job.ports, promiscuous=True if all(info.get("is_prom_supported", True) for info in infos) else None)
        deadline = time.monotonic() + job.link_s
        while True:
            infos = client.get_port_info(job.ports)
            down = [job.names[port] for port, info in zip(job.ports, infos) if info["link"] == "DOWN"]
            if not down:
                break
            if time.monotonic() > deadline:
                fail(UNAVAILABLE, "port %s: has no link within %d s" % (" and ".join(down), job.link_s))
            time.sleep(0.2)
        self.macs = [info["src_mac"] for info in infos]

    def check_latency(self, sizes):
        """TRex has so many streams with latency, and a card so many rules that tell them apart."""
        if self.job.stamped_pps == 0:
            return
        needed = len(self.job.sender_ports) * len(set(sizes))
        for port in self.job.ports:
            rx = self.client.get_port(port).info.get("rx", {})
            most = min(MOST_LATENCY_STREAMS, int(rx.get("counters", MOST_LATENCY_STREAMS)))
            if "latency" not in rx.get("caps", ["latency"]):
                fail(UNAVAILABLE, "port %s: has no streams with latency: expected a generator that stamps nothing, stampedRate 0" % self.name_of(port))
            if needed > most:
                fail(UNAVAILABLE, "port %s: observed %d streams with latency wanted, expected %d at most" % (self.name_of(port), needed, most))

    def probe(self):
        """Whether frames come through at all: without a path a trial would say that all is lost."""
        deadline = time.monotonic() + self.job.probe_s
        while self.job.probe_s > 0:
            self.load([(sender, [self.stream(sender, 64, 1, 100.0)]) for sender in self.job.sender_ports])
            self.client.start(ports=self.job.sender_ports, duration=1)
            self.wait(1 + SERVER_SLACK_S, lambda: None)
            until = time.monotonic() + 0.5
            while time.monotonic() < until and not self.is_through():
                time.sleep(TICK_S)
            self.finish()
            if self.is_through():
                return
            if time.monotonic() > deadline:
                ends = " and ".join("%s to %s" % (self.name_of(sender), self.name_of(self.job.receiver_of(sender))) for sender in self.job.sender_ports)
                fail(NO_PATH, "no frame came through from %s within %d s" % (ends, self.job.probe_s))

    def is_through(self):
        stats = self.stats()
        return all(stats[self.job.receiver_of(sender)]["ipackets"] > 0 for sender in self.job.sender_ports)

    def name_of(self, port):
        return self.job.names[port]

    def run(self, rate, count, overrun_ms, sizes):
        self.check_latency(sizes)
        if not self.macs:
            self.prepare()
            self.probe()
        streams, stamped = [], {}
        for place, sender in enumerate(self.job.sender_ports):
            own, ids = [], []
            for at, (size, frames) in enumerate(shares(count, sizes)):
                parts = Parts(size, frames, rate, count, self.job.stamped_pps)
                if parts.plain > 0:
                    own.append(self.stream(sender, size, parts.plain, parts.pps * parts.plain / frames))
                if parts.stamped > 0:
                    ids.append(1 + place * len(set(sizes)) + at)
                    own.append(self.stream(sender, size, parts.stamped, parts.pps * parts.stamped / frames, ids[-1]))
            streams.append((sender, own))
            stamped[sender] = ids
        self.load(streams)
        seconds = count / float(rate)
        longest = seconds + overrun_ms / 1000.0
        cores = {}
        if self.job.both and len(self.job.cpus) > 3:
            # Else all of them would serve both ports, and each send a part of each stream.
            cores["core_mask"] = self.api.STLClient.CORE_MASK_PIN
        self.client.start(ports=self.job.sender_ports, duration=longest, **cores)
        planned = count * len(self.job.sender_ports)
        begun = time.monotonic()
        told = [1]

        def tick():
            if time.monotonic() - begun >= told[0]:
                told[0] += 1
                self.tell(planned)

        self.wait(longest + SERVER_SLACK_S, tick)
        self.settle()
        self.report(count, seconds, longest, stamped)
        self.finish()

    def stream(self, sender, size, frames, pps, pg_id=None):
        """So many frames of a size from a port, evenly spaced; those of a group bear a stamp."""
        api, job = self.api, self.job
        asked = job.addresses
        own, other = self.macs[sender], self.macs[job.receiver_of(sender)]
        macs = (asked.get("fromMac") or own, asked.get("toMac") or other)
        ips = (asked.get("fromIp") or "198.18.0.1", asked.get("toIp") or "198.18.0.2")
        if sender == 1:
            macs = (asked.get("toMac") or own, asked.get("fromMac") or other)
            ips = ips[::-1]
        instructions = []
        if job.flows > 1:
            last = FIRST_PORT + job.flows - 1
            instructions = [
                api.STLVmFlowVar(name="flow", min_value=FIRST_PORT, max_value=last, size=2, op="inc"),
                api.STLVmWrFlowVar(fv_name="flow", pkt_offset=SOURCE_PORT_AT),
            ]
        builder = api.STLPktBuilder(pkt_buffer=packet(size, macs[0], macs[1], ips[0], ips[1]), vm=instructions, remove_fcs=False)
        return api.STLStream(
            packet=builder,
            mode=api.STLTXSingleBurst(total_pkts=frames, pps=pps),
            flow_stats=None if pg_id is None else api.STLFlowLatencyStats(pg_id=pg_id),
            mac_src_override_by_pkt=True,
            mac_dst_override_mode=api.STLStreamDstMAC_PKT,
        )

    def load(self, streams):
        self.client.remove_all_streams(self.job.ports)
        for sender, own in streams:
            self.client.add_streams(own, ports=[sender])
        self.sync()
        self.client.clear_stats(self.job.ports)

    def sync(self):
        """TRex tells what it counted last, half a second ago, unless it is asked to look."""
        self.client.conn.barrier()

    def stats(self):
        self.sync()
        return self.client.get_stats(self.job.ports)

    def wait(self, seconds, tick):
        """Until all ports have sent what they had to, or their time is over."""
        deadline = time.monotonic() + seconds
        while self.client.is_traffic_active(self.job.sender_ports):
            self.server.check()
            if time.monotonic() > deadline:
                self.client.stop(self.job.sender_ports, rx_delay_ms=0)
                return
            tick()
            time.sleep(TICK_S)

    def settle(self):
        """Frames may still be on their way."""
        until = time.monotonic() + self.job.settle_s
        while time.monotonic() < until:
            stats = self.stats()
            if all(stats[self.job.receiver_of(sender)]["ipackets"] >= stats[sender]["opackets"] for sender in self.job.sender_ports):
                return
            time.sleep(min(0.1, max(0.0, until - time.monotonic())))

    def finish(self):
        self.client.wait_on_traffic(self.job.sender_ports, timeout=SERVER_SLACK_S, rx_delay_ms=0)

    def tell(self, planned):
        stats = self.stats()
        sent = sum(stats[sender]["opackets"] for sender in self.job.sender_ports)
        received = sum(stats[self.job.receiver_of(sender)]["ipackets"] for sender in self.job.sender_ports)
        sys.stderr.write("sent %d of %d, received %d\n" % (sent, planned, received))
        sys.stderr.flush()

    def report(self, count, seconds, longest, stamped):
        stats = self.stats()
        # A port that is offered more than it takes is asked again; which one it was TRex does not tell.
        refused = int(stats["global"].get("queue_full", 0))
        streams = []
        for sender in self.job.sender_ports:
            receiver = self.job.receiver_of(sender)
            sent, received = stats[sender]["opackets"], stats[receiver]["ipackets"]
            groups = [stats["latency"].get(pg_id, {}) for pg_id in stamped[sender]]
            elsewhere = [
                sum(frames for port, frames in stats["flow_stats"].get(pg_id, {}).get("rx_pkts", {}).items() if port not in (receiver, "total"))
                for pg_id in stamped[sender]
            ]
            errors = [group.get("err_cntrs", {}) for group in groups]
            # TRex ends a port when its time is over, by its own clock: what was not sent by then was not sent in time.
            ns = int((seconds if sent >= count else longest) * 1e9 * max(0, count - 1) / count)
            streams.append(
                {
                    "planned": count,
                    "sent": sent,
                    "refused": refused,
                    "sendingNs": ns,
                    "lagMaxNs": 0,
                    "received": received,
                    "lost": max(0, sent - received),
                    "duplicated": sum(error.get("dup", 0) for error in errors),
                    "reordered": sum(error.get("out_of_order", 0) for error in errors),
                    "misdelivered": sum(elsewhere),
                    "receivingNs": ns,
                    "latency": latency_of([group.get("latency", {}) for group in groups]),
                }
            )
        ports = [
            {
                "name": self.name_of(port),
                "linkUp": True,
                "sent": stats[port]["opackets"],
                "received": stats[port]["ipackets"],
                "foreign": 0,
                "dropped": 0,
                "counters": {
                    "opackets": stats[port]["opackets"],
                    "ipackets": stats[port]["ipackets"],
                    "imissed": stats[port]["ierrors"],
                    "rxNombuf": 0,
                },
            }
            for port in self.job.ports
        ]
        document = {"nfvlabTraffic": 1, "dpdk": self.version, "ended": "complete", "streams": streams, "ports": ports}
        self.out.write(json.dumps(document, separators=(",", ":")) + "\n")
        self.out.flush()


def trial_of(line):
    words = line.split()
    try:
        rate, count, overrun_ms = (int(word) for word in words[:3])
        sizes = [int(size) for size in words[3].split(",")]
    except (ValueError, IndexError):
        fail(USAGE, "a trial: observed %s, expected RATE COUNT OVERRUN_MS SIZE[,SIZE...]" % line.strip())
    least = HEADERS + LATENCY_MARK + FCS
    if min(rate, count) < 1 or min(sizes) < least:
        fail(USAGE, "a trial: observed %s, expected a rate, a count and sizes of %d bytes or more" % (line.strip(), least))
    return rate, count, overrun_ms, sizes


def lines():
    # Not by iteration, which reads ahead.
    while True:
        line = sys.stdin.readline()
        if line == "":
            return
        yield line


def main():
    if len(sys.argv) != 2:
        fail(USAGE, "observed %d arguments, expected one: the job" % (len(sys.argv) - 1))
    job = Job(sys.argv[1])
    # What TRex's client prints is not for whoever reads the reports.
    out, sys.stdout = sys.stdout, sys.stderr
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(128 + signal.SIGTERM))
    check_installed(job)
    check_interfaces(job)
    check_free(job)
    api = load_client(job)
    with Server(job, api) as server:
        trials = Trials(server, out)
        try:
            for line in [job.trial] if job.trial else lines():
                trials.run(*trial_of(line))
        # What the client raises where a server is gone differs by its version.
        except Exception as error:  # pylint: disable=broad-except
            server.end_of_itself(1)
            server.check()
            fail(UNAVAILABLE, "TRex refuses: %s" % last_line(error))


if __name__ == "__main__":
    main()
