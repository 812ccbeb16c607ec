/*
 * Frames between two guests of one machine, and back: one end sends at a fixed rate and times each round trip by its own clock, the other answers. Both count.
 *
 *   nfvlab-exchange --role=answer --interface=MAC                          --run=N
 *   nfvlab-exchange --role=send   --interface=MAC --peer=MAC --rate= --count= --run=N
 *
 * In place of an interface: --device=BYTES for the ivshmem device of that size, --file=PATH for its memory on the host. Reports as one line of JSON.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "argument.h"
#include "frame.h"
#include "histogram.h"
#include "port.h"

#define SECOND UINT64_C(1000000000)
#define MILLISECOND UINT64_C(1000000)
/* Between two frames that ask whether somebody is there, or say that this is the end. */
#define ASK_AGAIN (10 * MILLISECOND)

enum role { ROLE_NONE, ROLE_SEND, ROLE_ANSWER };
static const char *const ROLES[] = { "send", "answer" };

const char program_name[] = "nfvlab-exchange";

static struct {
	enum role role;
	bool has_interface;
	struct mac interface;
	struct mac peer;
	uint64_t device;
	const char *file;
	uint32_t run;
	uint64_t rate;
	uint64_t count;
	size_t size;
	uint64_t idle_us;
	uint64_t settle_ms;
	uint64_t probe_ms;
	uint64_t limit_ms;
} options = { .size = FRAME_MIN, .settle_ms = 1000, .probe_ms = 15000, .limit_ms = 60000, .rate = 1000, .count = 1000 };

static struct {
	uint64_t planned, sent, refused, sending_from, sending_to, lag;
	uint64_t received, duplicated, reordered, next;
	uint8_t *seen;
	struct histogram round_trip;
} counts;

static volatile sig_atomic_t stopped;

static void
stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static uint64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* Sleeps where nothing is to be done, unless something is due before that. */
static void
rest(uint64_t until_due)
{
	struct timespec time = { .tv_nsec = (long)(options.idle_us * 1000) };

	if (options.idle_us > 0 && until_due > options.idle_us * 1000)
		nanosleep(&time, NULL);
}

/* Counts a frame of this run once; the rest are duplicates. */
static void
count_received(uint32_t sequence)
{
	if (sequence >= options.count)
		return;
	if (counts.seen[sequence / 8] & (1u << (sequence % 8))) {
		counts.duplicated++;
		return;
	}
	counts.seen[sequence / 8] |= (uint8_t)(1u << (sequence % 8));
	counts.received++;
	if (sequence < counts.next)
		counts.reordered++;
	else
		counts.next = sequence + 1;
}

static bool
is_of_run(const struct frame *frame, size_t length)
{
	return length >= sizeof(*frame) && frame->type == htons(FRAME_TYPE) && frame->run == options.run;
}

static void
prepare(struct frame *frame, enum frame_kind kind, uint32_t sequence)
{
	frame->kind = (uint8_t)kind;
	frame->sequence = sequence;
	frame->stamp = now();
}

/* Sends frames of a kind until one comes back; false where none does in time. */
static bool
until_answered(struct port *port, struct frame *frame, enum frame_kind kind, uint64_t give_up)
{
	_Alignas(8) uint8_t buffer[FRAME_MAX];
	const struct frame *answer = (const struct frame *)buffer;
	uint64_t again = 0;

	while (!stopped && now() < give_up) {
		size_t length;

		if (port_ready(port) && now() >= again) {
			prepare(frame, kind, 0);
			port_send(port, frame, options.size);
			again = now() + ASK_AGAIN;
		}
		length = port_receive(port, buffer);
		if (is_of_run(answer, length) && answer->answered && answer->kind == kind)
			return true;
		if (length == 0)
			rest(ASK_AGAIN);
	}
	return false;
}

static void
take_answers(struct port *port)
{
	_Alignas(8) uint8_t buffer[FRAME_MAX];
	const struct frame *answer = (const struct frame *)buffer;
	size_t length;

	while ((length = port_receive(port, buffer)) > 0) {
		const uint64_t before = counts.received;

		if (!is_of_run(answer, length) || !answer->answered || answer->kind != FRAME_COUNTED)
			continue;
		count_received(answer->sequence);
		if (counts.received > before)
			histogram_record(&counts.round_trip, now() - answer->stamp);
	}
}

static void
send_all(struct port *port, struct frame *frame, uint64_t end)
{
	const uint64_t begin = now();
	uint64_t quiet_from;

	counts.planned = options.count;
	while (!stopped && counts.sent < counts.planned && now() < end) {
		/* What follows from the rate, not from when the last one went: a late frame does not shift those behind it. */
		const uint64_t due = begin + counts.sent * SECOND / options.rate;
		const uint64_t time = now();

		take_answers(port);
		if (time < due) {
			rest(due - time);
			continue;
		}
		prepare(frame, FRAME_COUNTED, (uint32_t)counts.sent);
		if (!port_send(port, frame, options.size)) {
			counts.refused++;
			continue;
		}
		if (counts.sent == 0)
			counts.sending_from = time;
		counts.sending_to = time;
		if (time - due > counts.lag)
			counts.lag = time - due;
		counts.sent++;
	}
	quiet_from = now() + options.settle_ms * MILLISECOND;
	while (!stopped && counts.received < counts.sent && now() < quiet_from) {
		take_answers(port);
		rest(UINT64_MAX);
	}
}

/* Answers until it is told that this is the end. */
static bool
answer_all(struct port *port, uint64_t end)
{
	_Alignas(8) uint8_t buffer[FRAME_MAX];
	struct frame *frame = (struct frame *)buffer;

	while (!stopped && now() < end) {
		const size_t length = port_receive(port, buffer);
		uint8_t address[6];

		if (length == 0) {
			rest(UINT64_MAX);
			continue;
		}
		if (!is_of_run(frame, length) || frame->answered)
			continue;
		if (frame->kind == FRAME_COUNTED)
			count_received(frame->sequence);
		memcpy(address, frame->to, sizeof(address));
		memcpy(frame->to, frame->from, sizeof(address));
		memcpy(frame->from, address, sizeof(address));
		frame->answered = 1;
		if (!port_send(port, buffer, length))
			counts.refused++;
		else if (frame->kind == FRAME_COUNTED)
			counts.sent++;
		if (frame->kind == FRAME_END)
			return true;
	}
	return false;
}

static void
report(const struct port *port, const char *ended)
{
	const struct histogram *h = &counts.round_trip;

	printf("{\"nfvlabExchange\":1,\"role\":\"%s\",\"ended\":\"%s\",\"planned\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"sendingNs\":%" PRIu64 ",\"lagMaxNs\":%" PRIu64 ",\"received\":%" PRIu64 ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64
	       ",\"dropped\":%" PRIu64 ",\"roundTrip\":{\"samples\":%" PRIu64 ",\"minNs\":%" PRIu64 ",\"maxNs\":%" PRIu64 ",\"buckets\":[",
	       ROLES[options.role - ROLE_SEND], ended, counts.planned, counts.sent, counts.refused,
	       counts.sending_to - counts.sending_from, counts.lag, counts.received, counts.duplicated, counts.reordered, port_dropped(port),
	       h->samples, h->min, h->max);
	for (unsigned int i = 0, first = 1; i < HISTOGRAM_BUCKETS; i++)
		if (h->counts[i] > 0) {
			const uint64_t highest = histogram_highest(i);

			printf("%s[%" PRIu64 ",%" PRIu64 "]", first ? "" : ",", highest < h->max ? highest : h->max, h->counts[i]);
			first = 0;
		}
	puts("]}}");
}

static void
parse(int argc, char **argv)
{
	enum { ROLE = 1, INTERFACE, PEER, DEVICE, FILE_PATH, RUN, RATE, COUNT, SIZE, IDLE, SETTLE, PROBE, LIMIT };
	static const struct option known[] = {
		{ "role", required_argument, NULL, ROLE },	 { "interface", required_argument, NULL, INTERFACE },
		{ "peer", required_argument, NULL, PEER },	 { "device", required_argument, NULL, DEVICE },
		{ "file", required_argument, NULL, FILE_PATH },	 { "run", required_argument, NULL, RUN },
		{ "rate", required_argument, NULL, RATE },	 { "count", required_argument, NULL, COUNT },
		{ "frame-size", required_argument, NULL, SIZE }, { "idle-us", required_argument, NULL, IDLE },
		{ "settle-ms", required_argument, NULL, SETTLE }, { "probe-ms", required_argument, NULL, PROBE },
		{ "limit-ms", required_argument, NULL, LIMIT },	 { 0 },
	};
	int option, index;

	while ((option = getopt_long(argc, argv, "", known, &index)) != -1) {
		const char *name = option == '?' ? "" : known[index].name;

		switch (option) {
		case ROLE:
			options.role = ROLE_SEND + argument_choice(name, optarg, ROLES, COUNT_OF(ROLES));
			break;
		case INTERFACE:
			options.interface = argument_mac(name, optarg);
			options.has_interface = true;
			break;
		case PEER:
			options.peer = argument_mac(name, optarg);
			break;
		case DEVICE:
			options.device = argument_number(name, optarg, 1 << 20, UINT64_C(1) << 40);
			break;
		case FILE_PATH:
			options.file = optarg;
			break;
		case RUN:
			options.run = (uint32_t)argument_number(name, optarg, 1, UINT32_MAX);
			break;
		case RATE:
			options.rate = argument_number(name, optarg, 1, 100000000);
			break;
		case COUNT:
			options.count = argument_number(name, optarg, 1, 1000000000);
			break;
		case SIZE:
			options.size = argument_number(name, optarg, FRAME_MIN + 4, FRAME_MAX + 4) - 4;
			break;
		case IDLE:
			options.idle_us = argument_number(name, optarg, 0, 10000);
			break;
		case SETTLE:
			options.settle_ms = argument_number(name, optarg, 0, 600000);
			break;
		case PROBE:
			options.probe_ms = argument_number(name, optarg, 1, 600000);
			break;
		case LIMIT:
			options.limit_ms = argument_number(name, optarg, 1, 86400000);
			break;
		default:
			exit(EXIT_USAGE);
		}
	}
	if (options.role == ROLE_NONE || options.run == 0 ||
	    options.has_interface + (options.device != 0) + (options.file != NULL) != 1)
		fail(EXIT_USAGE, "expected --role=send or answer, --run, and one of --interface, --device and --file");
}

int
main(int argc, char **argv)
{
	_Alignas(8) static uint8_t buffer[FRAME_MAX];
	struct sigaction action = { .sa_handler = stop };
	struct frame *frame = (struct frame *)buffer;
	struct port *port;
	uint64_t end;
	bool whole;

	parse(argc, argv);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	counts.seen = calloc(options.count / 8 + 1, 1);
	if (counts.seen == NULL)
		fail(EXIT_MEMORY, "no memory to remember %" PRIu64 " frames", options.count);
	port = options.has_interface ? port_of_interface(options.interface.bytes) :
	       options.file != NULL  ? port_of_file(options.file, options.run, options.role == ROLE_ANSWER) :
				       port_of_device(options.device, options.run, options.role == ROLE_ANSWER);
	memcpy(frame->to, options.peer.bytes, sizeof(frame->to));
	memcpy(frame->from, options.interface.bytes, sizeof(frame->from));
	frame->type = htons(FRAME_TYPE);
	frame->run = options.run;
	end = now() + options.limit_ms * MILLISECOND;
	if (options.role == ROLE_ANSWER) {
		whole = answer_all(port, end);
	} else {
		if (!until_answered(port, frame, FRAME_PROBE, now() + options.probe_ms * MILLISECOND))
			fail(EXIT_NO_PATH, "nobody answered within %" PRIu64 " ms", options.probe_ms);
		send_all(port, frame, end);
		whole = counts.sent == counts.planned;
		/* The answerer would wait for its limit otherwise; its count is right without it. */
		until_answered(port, frame, FRAME_END, now() + SECOND);
	}
	report(port, stopped ? "signal" : whole ? "complete" : "limit");
	return 0;
}
