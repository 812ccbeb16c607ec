/*
 * Generator, sink and forwarder for measurements on one machine.
 *
 *   nfvlab-traffic <EAL arguments> -- --role=measure --port=net_virtio_user0 --port=net_virtio_user1 --rate=2000 --count=20000
 *
 * measure  sends at the first port and receives at the second (with --both at both; with one port at the same), by one clock
 *          with --trials again and again, on ports that stay open: a line of standard input is a trial, `RATE COUNT OVERRUN_MS SIZE[,SIZE...]`, with ` RATE COUNT` behind it
 *          where the rate changes in the midst of it: what a port refused until then is never sent; or ` unprobed`, where a switch is to know nothing of its frames: neither probes nor
 *          an announcement go before them
 * send     sends only; sink receives only, until --limit-ms: frames and run are those of the sender
 * forward  passes on what it receives at one port to the other (with one port: back), until it is ended
 *
 * One JSON document on standard output at the end, and of each trial; a line a second on standard error. SIGTERM and SIGINT end it with what it has. After SIGUSR1
 * it sends no more, waits for what is on its way, and ends as if that had been all. After SIGUSR2, which says that something is about to be done to the way, it counts the time without a frame anew.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_pause.h>
#include <rte_version.h>

#include "frame.h"
#include "histogram.h"
#include "options.h"

#define BURST 32
#define DESCRIPTORS 1024
#define POOL_CACHE 128
#define ETHER_TYPE_LOOPBACK 0x9000
#define ANNOUNCE_MS 10000
#define UNKNOWN UINT64_MAX
#define LOOK_MS 20

struct port {
	uint16_t id;
	bool started;
	bool takes_all; /* its interface of the kernel takes frames of all addresses, and did not before */
	unsigned int queues;
	struct rte_ether_addr mac;
	uint64_t received, sent; /* frames of any kind, as counted here */
	uint64_t foreign;	 /* received, and not of this run */
	uint64_t dropped;	 /* forwarded to this port, which did not take them */
};

/* What is sent at one rate. */
struct stage {
	uint64_t rate;
	uint64_t from; /* sequence number of its first frame */
	uint64_t planned, sent;
	uint64_t in_time; /* of those sent, before its time was over */
	uint64_t refused; /* offers of a frame that the port did not take; it is offered again */
	uint64_t refused_last; /* when that was last */
	uint64_t start, end, first, last;
	uint64_t lag; /* most cycles that a frame was sent behind its time */
};

/* What one direction sends; touched by the sending thread alone while it runs. */
struct sender {
	struct port *port;
	uint8_t stream;
	struct stage stages[MAX_STEPS];
	unsigned int stage; /* the one that is sent */
	bool blocked;	    /* the port did not take all of what it was offered last */
	uint64_t planned, sent; /* of all stages */
	uint64_t starved; /* times that no buffer was free */
	struct frame_headers headers[FRAME_MAX_SIZES]; /* of each size */
};

/* What one direction receives; touched by the receiving thread alone while it runs. */
struct receiver {
	struct port *port;
	uint64_t received, duplicated, reordered;
	uint64_t misdelivered; /* came to another port than this */
	uint64_t unstamped;    /* sent later than received, by the clock */
	uint64_t probes;
	uint64_t next; /* sequence number behind the highest one seen */
	uint64_t first, last;
	uint64_t silence;	 /* most cycles between two that came, since the mark where there is one */
	uint64_t silent_from;	 /* when that began */
	uint64_t silence_before; /* the same before the mark */
	uint8_t *seen;
	uint64_t capacity;
	struct histogram latency;
	uint64_t latest;  /* sequence number of the one that came last */
	uint64_t delay;	  /* its latency in ns, or UNKNOWN */
	uint64_t unpaired; /* came behind another than the one sent right before */
	struct histogram variation; /* of latency, from a frame to the one sent right behind it, either way (RFC 5481, IPDV) */
};

static struct options options;
static struct port ports[MAX_PORTS];
static struct sender senders[MAX_PORTS];
static struct receiver receivers[MAX_PORTS];
static unsigned int streams;
static struct rte_mempool *pool;
static uint64_t hz;
static volatile sig_atomic_t stopped, enough, marked;
static uint64_t mark; /* when it was seen; 0: not yet */
static bool sent_all;

static void
stop(int number __rte_unused)
{
	stopped = 1;
}

static void
send_no_more(int number __rte_unused)
{
	enough = 1;
}

static void
set_mark(int number __rte_unused)
{
	marked = 1;
}

static uint64_t
cycles(uint64_t milliseconds)
{
	return (uint64_t)((unsigned __int128)milliseconds * hz / 1000);
}

static uint64_t
nanoseconds(uint64_t tsc)
{
	return (uint64_t)((unsigned __int128)tsc * 1000000000 / hz);
}

/* Gives the CPU away where that was asked for, but is back when the next frame is due. */
static void
rest(uint64_t until_due)
{
	const uint64_t us = RTE_MIN(options.idle_us, (uint64_t)((unsigned __int128)until_due * 1000000 / hz));

	if (us > 0)
		usleep((useconds_t)us);
	else
		rte_pause();
}

static int
has_no_memory(int socket)
{
	struct rte_malloc_socket_stats memory;

	return socket >= 0 && rte_malloc_get_socket_stats(socket, &memory) == 0 && memory.heap_totalsz_bytes == 0;
}

/* Whether somebody has an interface of the kernel take frames of all addresses. */
static bool
is_promiscuous(unsigned int index)
{
	struct ifreq interface = { 0 };
	const int asking = socket(AF_INET, SOCK_DGRAM, 0);
	const bool told = asking >= 0 && if_indextoname(index, interface.ifr_name) != NULL && ioctl(asking, SIOCGIFFLAGS, &interface) == 0;

	if (asking >= 0)
		close(asking);
	return told && (interface.ifr_flags & IFF_PROMISC) != 0;
}

static void
open_port(struct port *p, const char *name, unsigned int queues)
{
	struct rte_eth_conf configuration = { 0 };
	struct rte_eth_dev_info info;
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	int error, socket;

	if (rte_eth_dev_get_port_by_name(name, &p->id) != 0)
		fail(EXIT_UNAVAILABLE, "port %s: observed none of that name, expected one that the arguments before -- make", name);
	error = rte_eth_dev_info_get(p->id, &info);
	if (error != 0)
		fail(EXIT_UNAVAILABLE, "port %s: tells nothing of itself: %s", name, rte_strerror(-error));
	if (queues > info.max_rx_queues || queues > info.max_tx_queues)
		fail(EXIT_UNAVAILABLE, "port %s: has %u receive and %u transmit queues, expected %u", name, info.max_rx_queues,
		     info.max_tx_queues, queues);
	p->queues = queues;
	/* An interface of the kernel keeps it when its port is closed; DPDK switches it off at the start. */
	p->takes_all = info.if_index != 0 && !is_promiscuous(info.if_index);
	socket = rte_eth_dev_socket_id(p->id);
	error = rte_eth_dev_configure(p->id, (uint16_t)queues, (uint16_t)queues, &configuration);
	if (error == 0)
		error = rte_eth_dev_adjust_nb_rx_tx_desc(p->id, &rx, &tx);
	for (uint16_t q = 0; error == 0 && q < queues; q++) {
		error = rte_eth_rx_queue_setup(p->id, q, rx, (unsigned int)socket, NULL, pool);
		if (error == 0)
			error = rte_eth_tx_queue_setup(p->id, q, tx, (unsigned int)socket, NULL);
	}
	if (error == 0)
		error = rte_eth_dev_start(p->id);
	p->started = error == 0;
	if (error == 0)
		error = rte_eth_macaddr_get(p->id, &p->mac);
	if (error == -ENOMEM && has_no_memory(socket))
		fail(EXIT_UNAVAILABLE, "port %s: is on NUMA node %d, where this program has no huge pages: expected pages of that node, or a port on another", name,
		     socket);
	if (error != 0)
		fail(EXIT_UNAVAILABLE, "port %s: does not start: %s", name, rte_strerror(-error));
	/* Frames need not bear our address; a port that can't do it takes all of them anyway. */
	rte_eth_promiscuous_enable(p->id);
}

static bool
link_up(const struct port *p)
{
	struct rte_eth_link link = { 0 };

	return rte_eth_link_get_nowait(p->id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

static void
await_links(void)
{
	const uint64_t deadline = rte_rdtsc() + cycles(options.link_ms);

	for (unsigned int i = 0; i < options.ports; i++)
		while (!link_up(&ports[i]) && !stopped) {
			if (rte_rdtsc() > deadline)
				fail(EXIT_UNAVAILABLE, "port %s: no link for %" PRIu64 " ms: its peer is not there", options.port_names[i],
				     options.link_ms);
			usleep(10000);
		}
}

static void
count_sent(struct port *p, uint64_t n)
{
	__atomic_fetch_add(&p->sent, n, __ATOMIC_RELAXED);
}

/* Offers frames to the port, the first one with this sequence number; returns how many it took. */
static uint16_t
offer(struct sender *s, uint64_t sequence, uint16_t n, bool counted)
{
	struct rte_mbuf *burst[BURST];
	uint64_t stamp;
	uint16_t taken;

	if (rte_pktmbuf_alloc_bulk(pool, burst, n) != 0) {
		s->starved++;
		return 0;
	}
	stamp = rte_rdtsc_precise();
	for (uint16_t i = 0; i < n; i++) {
		struct frame_headers *f = rte_pktmbuf_mtod(burst[i], struct frame_headers *);
		const unsigned int size = (unsigned int)((sequence + i) % options.sizes);
		const uint32_t length = options.frame_sizes[size] - RTE_ETHER_CRC_LEN;

		burst[i]->data_len = (uint16_t)length;
		burst[i]->pkt_len = length;
		*f = s->headers[size];
		f->udp.src_port = rte_cpu_to_be_16((uint16_t)(FRAME_PORT_FIRST + (sequence + i) % options.flows));
		f->mark = (struct frame_mark){ options.run, (uint32_t)(sequence + i), stamp, s->stream, counted };
		memset(f + 1, 0, length - sizeof(*f));
	}
	taken = rte_eth_tx_burst(s->port->id, (uint16_t)(sequence % options.flows % s->port->queues), burst, n);
	if (taken < n)
		rte_pktmbuf_free_bulk(&burst[taken], n - taken);
	count_sent(s->port, taken);
	return taken;
}

/* The stage to send from: one whose time is over goes on while its port takes what is due, and the last one goes on in any case. */
static struct stage *
stage_due(struct sender *s, uint64_t now)
{
	struct stage *t = &s->stages[s->stage];

	if (s->stage + 1 < options.step_count && (t->sent == t->planned || (now >= t->end && s->blocked))) {
		s->blocked = false;
		t = &s->stages[++s->stage];
	}
	return t;
}

/* Sends what is due. Returns the cycles until more is, 0 where some was. */
static uint64_t
send_due(struct sender *s)
{
	const uint64_t now = rte_rdtsc();
	struct stage *t = stage_due(s, now);
	const uint64_t sent = t->sent;
	const uint64_t at = t->start + (uint64_t)((unsigned __int128)sent * hz / t->rate);
	const uint64_t starved = s->starved;
	uint64_t due;
	uint16_t n, taken;

	if (sent == t->planned)
		return UINT64_MAX;
	if (now < at)
		return at - now;
	due = (uint64_t)((unsigned __int128)(now - t->start) * t->rate / hz) + 1;
	n = (uint16_t)RTE_MIN(RTE_MIN(due, t->planned) - sent, (uint64_t)BURST);
	/* A burst goes to one queue, and so belongs to one of its flows where there are several queues. */
	if (s->port->queues > 1)
		n = 1;
	taken = offer(s, t->from + sent, n, true);
	s->blocked = taken < n;
	if (s->blocked) {
		t->refused += (unsigned int)(n - taken);
		t->refused_last = now;
	}
	if (options.drop_refused && s->starved == starved)
		taken = n;
	if (taken == 0)
		return 0;
	t->lag = RTE_MAX(t->lag, now - at);
	t->last = now;
	if (now < t->end)
		t->in_time = sent + taken;
	if (sent == 0)
		t->first = now;
	t->sent = sent + taken;
	__atomic_store_n(&s->sent, s->sent + taken, __ATOMIC_RELAXED);
	return 0;
}

/* Room in the map of sequence numbers; a sink learns only from what comes how many there are. */
static bool
reserve(struct receiver *r, uint64_t sequence)
{
	const uint64_t capacity = RTE_MAX((sequence / 8 + 1) * 2, UINT64_C(1) << 16);
	uint8_t *seen;

	if (sequence / 8 < r->capacity)
		return true;
	seen = realloc(r->seen, capacity);
	if (seen == NULL)
		return false;
	memset(seen + r->capacity, 0, capacity - r->capacity);
	r->seen = seen;
	r->capacity = capacity;
	return true;
}

/* Latency of a frame, and how it differs from that of the one sent right before, where that came right before. */
static void
receive_delay(struct receiver *r, uint64_t sequence, uint64_t delay)
{
	if (delay == UNKNOWN)
		r->unstamped++;
	else
		histogram_record(&r->latency, delay);
	if (r->received > 1) {
		if (sequence == r->latest + 1 && delay != UNKNOWN && r->delay != UNKNOWN)
			histogram_record(&r->variation, delay > r->delay ? delay - r->delay : r->delay - delay);
		else
			r->unpaired++;
	}
	r->latest = sequence;
	r->delay = delay;
}

static void
receive_mark(struct port *p, const struct frame_mark *mark, uint64_t now)
{
	struct receiver *r = &receivers[mark->stream];
	const uint64_t sequence = mark->sequence;
	const uint8_t bit = (uint8_t)(1u << (sequence % 8));

	if (r->port != p) {
		r->misdelivered++;
		return;
	}
	if (!mark->counted) {
		r->probes++;
		return;
	}
	if (!reserve(r, sequence))
		fail(EXIT_MEMORY, "no memory to remember %" PRIu64 " frames", sequence);
	if (r->seen[sequence / 8] & bit) {
		r->duplicated++;
		return;
	}
	r->seen[sequence / 8] |= bit;
	if (r->received == 0)
		r->first = now;
	else if (now - r->last > r->silence) {
		r->silence = now - r->last;
		r->silent_from = r->last;
	}
	r->last = now;
	__atomic_store_n(&r->received, r->received + 1, __ATOMIC_RELAXED);
	if (sequence < r->next)
		r->reordered++;
	else
		r->next = sequence + 1;
	receive_delay(r, sequence, mark->stamp > now ? UNKNOWN : nanoseconds(now - mark->stamp));
}

/* Takes what is there; returns how many frames. */
static unsigned int
receive(struct port *p)
{
	struct rte_mbuf *burst[BURST];
	unsigned int total = 0;

	for (uint16_t q = 0; q < p->queues; q++) {
		const uint16_t n = rte_eth_rx_burst(p->id, q, burst, BURST);
		const uint64_t now = n == 0 ? 0 : rte_rdtsc_precise();

		for (uint16_t i = 0; i < n; i++) {
			const struct frame_mark *mark =
				frame_marked(rte_pktmbuf_mtod(burst[i], void *), burst[i]->data_len, options.run);

			if (mark != NULL && mark->stream < streams)
				receive_mark(p, mark, now);
			else
				p->foreign++;
		}
		if (n > 0)
			rte_pktmbuf_free_bulk(burst, n);
		total += n;
	}
	p->received += total;
	return total;
}

static unsigned int
receive_all(void)
{
	unsigned int total = 0;

	for (unsigned int i = 0; i < options.ports; i++)
		total += receive(&ports[i]);
	return total;
}

static bool
sends_nothing(const struct port *p)
{
	for (unsigned int i = 0; i < streams; i++)
		if (options.role != ROLE_SINK && senders[i].port == p)
			return false;
	return true;
}

/*
 * Where frames go one way, the port that they come to sends none, and a switch forgets it after some minutes: then it floods them, to the port that sent them as
 * well. So such a port tells itself that it is there, as switches do to prove a link (EtherType 0x9000): a bridge learns of it, and passes that on to nobody.
 */
static void
announce_silent_ports(void)
{
	if (options.role == ROLE_SEND)
		return;
	for (unsigned int i = 0; i < streams; i++) {
		struct port *p = receivers[i].port;
		struct rte_mbuf *frame = sends_nothing(p) ? rte_pktmbuf_alloc(pool) : NULL;
		struct rte_ether_hdr *ether;

		if (frame == NULL)
			continue;
		ether = (struct rte_ether_hdr *)rte_pktmbuf_append(frame, RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN);
		memset(ether, 0, RTE_ETHER_MIN_LEN - RTE_ETHER_CRC_LEN);
		ether->dst_addr = ether->src_addr = p->mac;
		ether->ether_type = rte_cpu_to_be_16(ETHER_TYPE_LOOPBACK);
		if (rte_eth_tx_burst(p->id, 0, &frame, 1) == 1)
			count_sent(p, 1);
		else
			rte_pktmbuf_free(frame);
	}
}

/* A port that takes no more is not read by its peer; frames that it took are lost on the way. */
static __rte_noreturn void
fail_path(uint64_t offered, const uint64_t *taken)
{
	char each[MAX_PORTS][256];

	for (unsigned int i = 0; i < streams; i++)
		snprintf(each[i], sizeof(each[i]), "%s took %" PRIu64 ", %" PRIu64 " came to %s", options.port_names[senders[i].port - ports], taken[i],
			 receivers[i].probes, options.port_names[receivers[i].port - ports]);
	fail(EXIT_NO_PATH, "no frame came within %" PRIu64 " ms, of %" PRIu64 " offered: %s%s%s", options.probe_ms, offered, each[0],
	     streams > 1 ? "; " : "", streams > 1 ? each[1] : "");
}

/* Sends uncounted frames until one of each stream has come: a switch learns, caches fill, and a dead path is known before it is measured. */
static void
probe_path(void)
{
	const uint64_t begun = rte_rdtsc();
	uint64_t drained, quiet, sequence = 0, taken[MAX_PORTS] = { 0 };
	bool whole = false;

	if (options.probe_ms == 0)
		return;
	announce_silent_ports();
	while (!whole && !stopped) {
		const uint64_t again = rte_rdtsc() + cycles(10);

		if (rte_rdtsc() - begun > cycles(options.probe_ms))
			fail_path(sequence, taken);
		whole = true;
		for (unsigned int i = 0; i < streams; i++) {
			taken[i] += offer(&senders[i], sequence, 1, false);
			whole = whole && receivers[i].probes > 0;
		}
		sequence++;
		while (rte_rdtsc() < again)
			if (receive_all() == 0)
				usleep(100);
	}
	/* Those that are still on their way; others may come without end. */
	drained = quiet = rte_rdtsc();
	while (rte_rdtsc() - quiet < cycles(50) && rte_rdtsc() - drained < cycles(1000))
		if (receive_all() > 0)
			quiet = rte_rdtsc();
		else
			usleep(1000);
	for (unsigned int i = 0; i < streams; i++) {
		receivers[i].misdelivered = 0;
		senders[i].starved = 0;
	}
}

static void
begin_counting(void)
{
	for (unsigned int i = 0; i < options.ports; i++) {
		rte_eth_stats_reset(ports[i].id);
		ports[i].received = ports[i].sent = ports[i].foreign = 0;
	}
}

static void
progress(void)
{
	uint64_t planned = 0, sent = 0, received = 0;

	for (unsigned int i = 0; i < streams; i++) {
		planned += senders[i].planned;
		sent += __atomic_load_n(&senders[i].sent, __ATOMIC_RELAXED);
		received += __atomic_load_n(&receivers[i].received, __ATOMIC_RELAXED);
	}
	if (options.role == ROLE_SINK)
		fprintf(stderr, "received %" PRIu64 "\n", received);
	else if (options.role == ROLE_SEND)
		fprintf(stderr, "sent %" PRIu64 " of %" PRIu64 "\n", sent, planned);
	else
		fprintf(stderr, "sent %" PRIu64 " of %" PRIu64 ", received %" PRIu64 "\n", sent, planned, received);
}

/* Sends until all is sent, or until it is so late that the rest is not worth waiting for. */
static uint64_t
send_round(uint64_t deadline)
{
	uint64_t wait = UINT64_MAX;

	if (stopped || enough || rte_rdtsc() > deadline)
		return UINT64_MAX;
	for (unsigned int i = 0; i < streams; i++)
		wait = RTE_MIN(wait, send_due(&senders[i]));
	return wait;
}

static int
send_thread(void *argument)
{
	const uint64_t deadline = *(const uint64_t *)argument;
	uint64_t wait;

	while ((wait = send_round(deadline)) != UINT64_MAX)
		if (wait > 0)
			rest(wait);
	__atomic_store_n(&sent_all, true, __ATOMIC_RELEASE);
	return 0;
}

/* Gives all stages their times; returns when the last one is over. */
static uint64_t
schedule(uint64_t start)
{
	for (unsigned int i = 0; i < options.step_count; i++) {
		const uint64_t end = start + (uint64_t)((unsigned __int128)options.steps[i].count * hz / options.steps[i].rate);

		for (unsigned int stream = 0; stream < streams; stream++) {
			senders[stream].stages[i].start = start;
			senders[stream].stages[i].end = end;
		}
		start = end;
	}
	return start;
}

/* A virtio-user port that made its socket lets a switch that went come back only when somebody looks at its link. */
static void
look_at_links(void)
{
	for (unsigned int i = 0; i < options.ports; i++)
		link_up(&ports[i]);
}

static void
begin_silences(uint64_t now)
{
	mark = now;
	for (unsigned int i = 0; i < streams; i++) {
		receivers[i].silence_before = receivers[i].silence;
		receivers[i].silence = 0;
	}
}

static void
measure(uint64_t end)
{
	const bool sends = options.role != ROLE_SINK, receives = options.role != ROLE_SEND;
	const unsigned int worker = rte_get_next_lcore(-1, 1, 0);
	const bool apart = sends && receives && worker < RTE_MAX_LCORE;
	const uint64_t start = rte_rdtsc();
	const uint64_t planned = sends ? schedule(start) - start : 0;
	const uint64_t overrun = options.overrun_ms == OVERRUN_LENIENT ? planned / 10 + cycles(1000) : cycles(options.overrun_ms);
	uint64_t deadline = RTE_MIN(end, start + planned + overrun);
	uint64_t told = start, looked = start, announced = options.unprobed ? start : start - cycles(ANNOUNCE_MS), settled = UINT64_MAX;

	if (apart)
		rte_eal_remote_launch(send_thread, &deadline, worker);
	else if (!sends)
		sent_all = true;
	while (!stopped) {
		uint64_t now, wait = UINT64_MAX;
		unsigned int came = 0;

		if (!apart && sends && !sent_all) {
			wait = send_round(deadline);
			sent_all = wait == UINT64_MAX;
		}
		if (receives)
			came = receive_all();
		now = rte_rdtsc();
		if (marked && mark == 0)
			begin_silences(now);
		if (mark != 0 && now - looked >= cycles(LOOK_MS)) {
			look_at_links();
			looked = now;
		}
		if (settled == UINT64_MAX && sends && __atomic_load_n(&sent_all, __ATOMIC_ACQUIRE))
			settled = now + (receives ? cycles(options.settle_ms) : 0);
		if (now >= settled || now >= end)
			break;
		if (now - told >= hz) {
			progress();
			told = now;
		}
		/* Not while it settles: a card may count what it sent only a little later. */
		if (settled == UINT64_MAX && now - announced >= cycles(ANNOUNCE_MS)) {
			announce_silent_ports();
			announced = now;
		}
		if (came == 0 && wait > 0)
			rest(wait);
	}
	if (apart)
		rte_eal_wait_lcore(worker);
}

static void
forward_frame(struct rte_mbuf *frame, unsigned int to)
{
	struct rte_ether_hdr *ether = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);

	switch (options.mode) {
	case MODE_IO:
		break;
	case MODE_MAC:
		ether->src_addr = ports[to].mac;
		memcpy(&ether->dst_addr, &options.peers[to], sizeof(ether->dst_addr));
		break;
	case MODE_MACSWAP:
		frame_swap_macs(ether);
		break;
	case MODE_5TSWAP:
		frame_swap_tuple(ether, frame->data_len);
		break;
	}
}

static unsigned int
forward_from(unsigned int from)
{
	const unsigned int to = options.ports == 1 ? from : 1 - from;
	struct rte_mbuf *burst[BURST];
	unsigned int total = 0;

	for (uint16_t q = 0; q < ports[from].queues; q++) {
		const uint16_t n = rte_eth_rx_burst(ports[from].id, q, burst, BURST);
		uint16_t taken;

		if (n == 0)
			continue;
		for (uint16_t i = 0; options.mode != MODE_IO && i < n; i++)
			forward_frame(burst[i], to);
		taken = rte_eth_tx_burst(ports[to].id, (uint16_t)(q % ports[to].queues), burst, n);
		if (taken < n)
			rte_pktmbuf_free_bulk(&burst[taken], n - taken);
		ports[from].received += n;
		ports[to].sent += taken;
		ports[to].dropped += (uint64_t)(n - taken);
		total += n;
	}
	return total;
}

static void
print_mac(FILE *out, const struct rte_ether_addr *address)
{
	fprintf(out, "\"%02x:%02x:%02x:%02x:%02x:%02x\"", RTE_ETHER_ADDR_BYTES(address));
}

static void
print_ports(FILE *out)
{
	fputs("\"ports\":[", out);
	for (unsigned int i = 0; i < options.ports; i++) {
		const struct port *p = &ports[i];
		struct rte_eth_stats stats = { 0 };

		rte_eth_stats_get(p->id, &stats);
		fprintf(out, "%s{\"name\":\"%s\",\"mac\":", i == 0 ? "" : ",", options.port_names[i]);
		print_mac(out, &p->mac);
		fprintf(out, ",\"linkUp\":%s,\"sent\":%" PRIu64 ",\"received\":%" PRIu64 ",\"foreign\":%" PRIu64 ",\"dropped\":%" PRIu64,
			link_up(p) ? "true" : "false", p->sent, p->received, p->foreign, p->dropped);
		fprintf(out,
			",\"counters\":{\"opackets\":%" PRIu64 ",\"ipackets\":%" PRIu64 ",\"oerrors\":%" PRIu64 ",\"ierrors\":%" PRIu64
			",\"imissed\":%" PRIu64 ",\"rxNombuf\":%" PRIu64 "}}",
			stats.opackets, stats.ipackets, stats.oerrors, stats.ierrors, stats.imissed, stats.rx_nombuf);
	}
	fputc(']', out);
}

/* Under a name, with what else was counted, under a name too. */
static void
print_histogram(FILE *out, const char *name, const struct histogram *h, const char *beside, uint64_t count)
{
	bool first = true;

	fprintf(out, ",\"%s\":{\"samples\":%" PRIu64 ",\"%s\":%" PRIu64, name, h->samples, beside, count);
	if (h->samples > 0)
		fprintf(out, ",\"minNs\":%" PRIu64 ",\"meanNs\":%.1f,\"maxNs\":%" PRIu64, h->min, (double)h->sum / (double)h->samples, h->max);
	fputs(",\"buckets\":[", out);
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (h->counts[i] > 0) {
			fprintf(out, "%s[%" PRIu64 ",%" PRIu64 "]", first ? "" : ",", RTE_MIN(histogram_highest(i), h->max), h->counts[i]);
			first = false;
		}
	fputs("]}", out);
}

/* What was lost of a stream. */
struct loss {
	uint64_t lost;
	uint64_t gaps, longest; /* runs of lost frames, and the longest one */
	uint64_t run;		/* frames of the one that is not over */
	uint64_t last;		/* sequence number of the last one; UNKNOWN: none */
};

/* Adds what was lost of these frames, which are those behind the ones before that were sent. */
static void
count_loss(const struct receiver *r, uint64_t from, uint64_t sent, struct loss *l)
{
	for (uint64_t sequence = from; sequence < from + sent; sequence++) {
		if (sequence / 8 < r->capacity && (r->seen[sequence / 8] & (1u << (sequence % 8)))) {
			l->run = 0;
			continue;
		}
		l->lost++;
		l->last = sequence;
		l->gaps += l->run == 0;
		l->longest = RTE_MAX(l->longest, ++l->run);
	}
}

/* Times count from when the stage's first frame was due; a frame's own is that which it was due at. */
static void
print_stages(FILE *out, const struct sender *s, const struct receiver *r)
{
	fputs(",\"steps\":[", out);
	for (unsigned int i = 0; i < options.step_count; i++) {
		const struct stage *t = &s->stages[i];
		struct loss loss = { .last = UNKNOWN };

		fprintf(out,
			"%s{\"rate\":%" PRIu64 ",\"planned\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"sentInTime\":%" PRIu64 ",\"refused\":%" PRIu64
			",\"sendingNs\":%" PRIu64 ",\"lagMaxNs\":%" PRIu64,
			i == 0 ? "" : ",", t->rate, t->planned, t->sent, t->in_time, t->refused, nanoseconds(t->last - t->first), nanoseconds(t->lag));
		if (t->refused > 0)
			fprintf(out, ",\"lastRefusedNs\":%" PRIu64, nanoseconds(t->refused_last - t->start));
		count_loss(r, t->from, t->sent, &loss);
		fprintf(out, ",\"lost\":%" PRIu64, loss.lost);
		if (loss.last != UNKNOWN)
			fprintf(out, ",\"lastLostNs\":%" PRIu64, (uint64_t)((unsigned __int128)(loss.last - t->from) * 1000000000 / t->rate));
		fputc('}', out);
	}
	fputc(']', out);
}

/* Of all stages together. */
static void
print_sent(FILE *out, const struct sender *s)
{
	uint64_t first = 0, last = 0;
	uint64_t in_time = 0, refused = 0, lag = 0;

	for (unsigned int i = 0; i < options.step_count; i++) {
		const struct stage *t = &s->stages[i];

		if (first == 0)
			first = t->first;
		last = RTE_MAX(last, t->last);
		in_time += t->in_time;
		refused += t->refused;
		lag = RTE_MAX(lag, t->lag);
	}
	fprintf(out,
		",\"planned\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"sentInTime\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"starved\":%" PRIu64 ",\"sendingNs\":%" PRIu64
		",\"lagMaxNs\":%" PRIu64,
		s->planned, s->sent, in_time, refused, s->starved, nanoseconds(last - first), nanoseconds(lag));
}

static void
print_received(FILE *out, const struct sender *s, const struct receiver *r)
{
	struct loss loss = { .last = UNKNOWN };

	/* A sink knows of frames up to the highest that came. */
	if (options.role == ROLE_SINK)
		count_loss(r, 0, r->next, &loss);
	else
		for (unsigned int i = 0; i < options.step_count; i++)
			count_loss(r, s->stages[i].from, s->stages[i].sent, &loss);
	fprintf(out,
		",\"received\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"longestGap\":%" PRIu64 ",\"duplicated\":%" PRIu64
		",\"reordered\":%" PRIu64 ",\"misdelivered\":%" PRIu64 ",\"lostAtEnd\":%" PRIu64
		",\"receivingNs\":%" PRIu64 ",\"silenceMaxNs\":%" PRIu64,
		r->received, loss.lost, loss.gaps, loss.longest, r->duplicated, r->reordered, r->misdelivered, loss.run,
		nanoseconds(r->last - r->first), nanoseconds(RTE_MAX(r->silence, r->silence_before)));
	/* A silence that the mark fell into began at the mark, for whoever set it. */
	if (mark != 0)
		fprintf(out, ",\"mark\":{\"silenceBeforeNs\":%" PRIu64 ",\"silenceNs\":%" PRIu64 ",\"silentFromNs\":%" PRIu64 "}",
			nanoseconds(r->silence_before), nanoseconds(r->silence), r->silent_from > mark ? nanoseconds(r->silent_from - mark) : 0);
	print_histogram(out, "latency", &r->latency, "unstamped", r->unstamped);
	print_histogram(out, "variation", &r->variation, "unpaired", r->unpaired);
	if (options.role != ROLE_SINK && options.step_count > 1)
		print_stages(out, s, r);
}

static void
print_stream(FILE *out, unsigned int i)
{
	const struct sender *s = &senders[i];
	const struct receiver *r = &receivers[i];

	fprintf(out, "{\"from\":%d,\"to\":%d", s->port == NULL ? -1 : (int)(s->port - ports), r->port == NULL ? -1 : (int)(r->port - ports));
	if (options.role != ROLE_SINK)
		print_sent(out, s);
	if (options.role != ROLE_SEND)
		print_received(out, s, r);
	fputc('}', out);
}

static void
print_head(FILE *out)
{
	static const char *const roles[] = { "measure", "send", "sink", "forward" };

	fprintf(out, "{\"nfvlabTraffic\":1,\"dpdk\":\"%s\",\"role\":\"%s\",", rte_version(), roles[options.role]);
}

static void
report(const char *ended)
{
	print_head(stdout);
	printf("\"ended\":\"%s\",\"tscHz\":%" PRIu64 ",\"streams\":[", ended, hz);
	for (unsigned int i = 0; i < streams; i++) {
		/* What was to come after it was told that it is enough was not asked for. */
		if (enough)
			senders[i].planned = senders[i].sent;
		fputs(i == 0 ? "" : ",", stdout);
		print_stream(stdout, i);
	}
	fputs("],", stdout);
	print_ports(stdout);
	puts("}");
}

static const char *
ended(uint64_t end)
{
	return stopped ? "signal" : rte_rdtsc() >= end && options.role != ROLE_FORWARD ? "limit" : "complete";
}

/* Whoever reads the file sees it whole: it is written beside and renamed. */
static void
tell_status(void)
{
	char beside[512];
	FILE *out;

	if (options.status == NULL || (size_t)snprintf(beside, sizeof(beside), "%s.part", options.status) >= sizeof(beside))
		return;
	out = fopen(beside, "w");
	if (out == NULL)
		return;
	print_head(out);
	fprintf(out, "\"pid\":%d,", (int)getpid());
	print_ports(out);
	fputs("}\n", out);
	if (fclose(out) == 0)
		rename(beside, options.status);
}

static void
forward(uint64_t end)
{
	uint64_t told = 0;

	while (!stopped) {
		const uint64_t now = rte_rdtsc();
		unsigned int total = 0;

		for (unsigned int i = 0; i < options.ports; i++)
			total += forward_from(i);
		if (now >= end)
			break;
		if (told == 0 || now - told >= hz) {
			tell_status();
			told = now;
		}
		if (total == 0)
			rest(UINT64_MAX / 1000000);
	}
}

static void
prepare_streams(void)
{
	struct frame_addresses swapped;
	struct frame_addresses *a = &options.addresses;
	struct port *last = &ports[options.ports - 1];
	uint64_t all = 0;

	if (options.role == ROLE_FORWARD)
		return;
	for (unsigned int step = 0; step < options.step_count; step++)
		all += options.steps[step].count;
	if (!options.has_from_mac)
		memcpy(&a->from_mac, &ports[0].mac, sizeof(a->from_mac));
	if (!options.has_to_mac)
		memcpy(&a->to_mac, &last->mac, sizeof(a->to_mac));
	sent_all = false;
	swapped = (struct frame_addresses){ a->to_mac, a->from_mac, a->to_ip, a->from_ip };
	streams = options.both ? 2 : 1;
	for (unsigned int i = 0; i < streams; i++) {
		uint64_t from = 0;

		if (options.role != ROLE_SINK) {
			senders[i] = (struct sender){ .port = i == 0 ? &ports[0] : last, .stream = (uint8_t)i, .planned = all };
			for (unsigned int step = 0; step < options.step_count; step++) {
				senders[i].stages[step] =
					(struct stage){ .rate = options.steps[step].rate, .from = from, .planned = options.steps[step].count };
				from += options.steps[step].count;
			}
			for (unsigned int size = 0; size < options.sizes; size++)
				frame_template(&senders[i].headers[size], i == 0 ? a : &swapped, options.frame_sizes[size]);
		}
		if (options.role != ROLE_SEND) {
			free(receivers[i].seen);
			memset(&receivers[i], 0, sizeof(receivers[i]));
			receivers[i].port = i == 0 ? last : &ports[0];
			if (all > 0 && !reserve(&receivers[i], all - 1))
				fail(EXIT_MEMORY, "no memory to remember %" PRIu64 " frames", all);
		}
	}
}

static void
run(uint64_t end)
{
	if (options.role == ROLE_MEASURE && !options.unprobed)
		probe_path();
	begin_counting();
	measure(end);
}

/* The next line of standard input, and whether there is one. The ports are read meanwhile, so that what was late in a trial is gone before the next. */
static bool
next_line(char *line, size_t size)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	size_t length = 0;

	while (!stopped) {
		ssize_t got;

		if (poll(&in, 1, 1) <= 0 || (in.revents & (POLLIN | POLLHUP)) == 0) {
			receive_all();
			continue;
		}
		got = read(STDIN_FILENO, line + length, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		if (line[length] == '\n') {
			line[length] = '\0';
			return true;
		}
		if (++length == size)
			fail(EXIT_USAGE, "a trial: observed a line of %zu characters, expected fewer", length);
	}
	return false;
}

/* Frames of a trial that come when the next one is under way are told from its own by their run. */
static void
run_trials(uint64_t end)
{
	char line[1024];

	while (next_line(line, sizeof(line))) {
		options_trial(line, &options);
		options.run++;
		prepare_streams();
		run(end);
		report(ended(end));
		fflush(stdout);
	}
}

/* Not a virtio-user port whose switch came back: DPDK's interrupt thread meets a descriptor that is closed already, and panics. Its unit removes the socket. */
static bool
can_be_closed(uint16_t id)
{
	char name[RTE_ETH_NAME_MAX_LEN];

	return mark == 0 || rte_eth_dev_get_name_by_port(id, name) != 0 || strncmp(name, "net_virtio_user", strlen("net_virtio_user")) != 0;
}

/* However it ends, but for a kill: a port that made a socket, or put a program into the kernel, removes it. */
static void
close_ports(void)
{
	uint16_t id;

	fflush(stdout);
	for (unsigned int i = 0; i < options.ports; i++)
		if (ports[i].started && can_be_closed(ports[i].id)) {
			if (ports[i].takes_all)
				rte_eth_promiscuous_disable(ports[i].id);
			rte_eth_dev_stop(ports[i].id);
		}
	RTE_ETH_FOREACH_DEV(id)
		if (can_be_closed(id))
			rte_eth_dev_close(id);
	if (mark == 0)
		rte_eal_cleanup();
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop }, last = { .sa_handler = send_no_more }, mark_set = { .sa_handler = set_mark };
	unsigned int queues = 0;
	uint64_t end;
	int used;

	/* Its own options first: what is wrong with them is known without touching a port. */
	for (used = 1; used < argc && strcmp(argv[used], "--") != 0; used++)
		;
	options_parse(RTE_MAX(argc - used, 1), argv + (used < argc ? used : argc - 1), &options);
	if (rte_eal_init(used, argv) < 0)
		fail(EXIT_UNAVAILABLE, "DPDK does not start: %s", rte_strerror(rte_errno));
	atexit(close_ports);
	/* Not before: a virtio-user port that waits for its switch would never hear of it. */
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGUSR1, &last, NULL);
	sigaction(SIGUSR2, &mark_set, NULL);
	/* A switch that goes takes its end of a socket along. */
	signal(SIGPIPE, SIG_IGN);
	hz = rte_get_tsc_hz();
	for (unsigned int i = 0; i < options.ports; i++)
		queues += options.queues[i];
	pool = rte_pktmbuf_pool_create("frames", queues * 2 * DESCRIPTORS + rte_lcore_count() * 2 * POOL_CACHE + 4 * BURST, POOL_CACHE, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, (int)rte_socket_id());
	if (pool == NULL)
		fail(EXIT_MEMORY, "no memory for frames: %s", rte_strerror(rte_errno));
	for (unsigned int i = 0; i < options.ports; i++)
		open_port(&ports[i], options.port_names[i], options.queues[i]);
	if (!options.trials)
		prepare_streams();
	end = options.limit_ms == 0 ? UINT64_MAX : rte_rdtsc() + cycles(options.limit_ms);
	if (options.role == ROLE_FORWARD) {
		forward(end);
	} else {
		await_links();
		if (options.trials) {
			run_trials(end);
			return 0;
		}
		run(end);
	}
	report(ended(end));
	/* What else DPDK does at an exit closes the ports that have to stay open. */
	if (mark != 0) {
		close_ports();
		_exit(0);
	}
	return 0;
}
