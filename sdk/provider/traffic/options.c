#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "options.h"

#define RATE_MAX 200000000
#define COUNT_MAX UINT64_C(4000000000)
#define OVERRUN_MAX_MS 600000

const char program_name[] = "nfvlab-traffic";

static uint32_t
ip(const char *option, const char *text)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1)
		fail(EXIT_USAGE, "--%s: observed %s, expected an IPv4 address", option, text);
	return ntohl(address.s_addr);
}

/* NAME, or NAME,QUEUES */
static void
add_port(struct options *o, const char *text)
{
	const char *comma = strchr(text, ',');
	const size_t length = comma == NULL ? strlen(text) : (size_t)(comma - text);

	if (o->ports == MAX_PORTS)
		fail(EXIT_USAGE, "--port: observed a third one, expected one or two");
	if (length == 0 || length >= sizeof(o->port_names[0]))
		fail(EXIT_USAGE, "--port: observed %s, expected the name of a port", text);
	memcpy(o->port_names[o->ports], text, length);
	o->port_names[o->ports][length] = '\0';
	o->queues[o->ports] = comma == NULL ? 1 : (unsigned int)argument_number("port", comma + 1, 1, MAX_QUEUES);
	o->ports++;
}

/* SIZE, or SIZE,SIZE... */
static void
frame_sizes(const char *option, const char *text, struct options *o)
{
	char copy[FRAME_MAX_SIZES * 6], *rest = copy, *size;

	if (strlen(text) >= sizeof(copy))
		fail(EXIT_USAGE, "--%s: observed %zu characters, expected at most %d sizes", option, strlen(text), FRAME_MAX_SIZES);
	strcpy(copy, text);
	o->sizes = 0;
	while ((size = strsep(&rest, ",")) != NULL) {
		if (o->sizes == FRAME_MAX_SIZES)
			fail(EXIT_USAGE, "--%s: observed more than %d sizes, expected fewer", option, FRAME_MAX_SIZES);
		o->frame_sizes[o->sizes++] = (unsigned int)argument_number(option, size, FRAME_MIN, FRAME_MAX);
	}
}

void
options_trial(char *line, struct options *o)
{
	char *fields[6] = { NULL }, *rest = line;
	unsigned int words = 0;

	while (words < COUNT_OF(fields) && (fields[words] = strsep(&rest, " ")) != NULL)
		words++;
	o->unprobed = words == 5 && strcmp(fields[4], "unprobed") == 0;
	if (rest != NULL || (words != 4 && words != 6 && !o->unprobed))
		fail(EXIT_USAGE,
		     "a trial: observed %s%u words, expected RATE COUNT OVERRUN_MS SIZE[,SIZE...], and RATE COUNT where the rate changes, or unprobed",
		     rest == NULL ? "" : "more than ", words);
	o->steps[0].rate = argument_number("rate", fields[0], 1, RATE_MAX);
	o->steps[0].count = argument_number("count", fields[1], 1, COUNT_MAX);
	o->overrun_ms = argument_number("overrun-ms", fields[2], 0, OVERRUN_MAX_MS);
	frame_sizes("frame-size", fields[3], o);
	o->step_count = 1;
	if (words < 6)
		return;
	o->steps[1].rate = argument_number("rate", fields[4], 1, RATE_MAX);
	o->steps[1].count = argument_number("count", fields[5], 1, COUNT_MAX);
	if (o->steps[0].count + o->steps[1].count > COUNT_MAX)
		fail(EXIT_USAGE, "a trial: observed %" PRIu64 " frames, expected at most %" PRIu64, o->steps[0].count + o->steps[1].count, COUNT_MAX);
	o->step_count = 2;
}

enum option_code {
	ROLE, MODE, PORT, BOTH, RATE, COUNT, SIZE, FLOWS, RUN, FROM_MAC, TO_MAC, FROM_IP, TO_IP, PEER, IDLE, SETTLE, OVERRUN, LINK, PROBE, LIMIT,
	STATUS, TRIALS, DROP
};

static const struct option OPTIONS[] = {
	{ "role", required_argument, NULL, ROLE },
	{ "mode", required_argument, NULL, MODE },
	{ "port", required_argument, NULL, PORT },
	{ "both", no_argument, NULL, BOTH },
	{ "rate", required_argument, NULL, RATE },
	{ "count", required_argument, NULL, COUNT },
	{ "frame-size", required_argument, NULL, SIZE },
	{ "flows", required_argument, NULL, FLOWS },
	{ "run", required_argument, NULL, RUN },
	{ "from-mac", required_argument, NULL, FROM_MAC },
	{ "to-mac", required_argument, NULL, TO_MAC },
	{ "from-ip", required_argument, NULL, FROM_IP },
	{ "to-ip", required_argument, NULL, TO_IP },
	{ "peer", required_argument, NULL, PEER },
	{ "idle-us", required_argument, NULL, IDLE },
	{ "settle-ms", required_argument, NULL, SETTLE },
	{ "overrun-ms", required_argument, NULL, OVERRUN },
	{ "link-ms", required_argument, NULL, LINK },
	{ "probe-ms", required_argument, NULL, PROBE },
	{ "limit-ms", required_argument, NULL, LIMIT },
	{ "status", required_argument, NULL, STATUS },
	{ "trials", no_argument, NULL, TRIALS },
	{ "drop-refused", no_argument, NULL, DROP },
	{ NULL, 0, NULL, 0 },
};

static const char *const ROLES[] = { "measure", "send", "sink", "forward" };
static const char *const MODES[] = { "io", "mac", "macswap", "5tswap" };

void
options_parse(int argc, char **argv, struct options *o)
{
	unsigned int peers = 0;
	int at, index;

	/* 198.18.0.0/15 is for benchmarks (RFC 2544). */
	*o = (struct options){
		.role = ROLE_MEASURE,
		.frame_sizes = { FRAME_MIN },
		.sizes = 1,
		.step_count = 1,
		.flows = 1,
		.settle_ms = 2000,
		.overrun_ms = OVERRUN_LENIENT,
		.link_ms = 10000,
		.run = 1,
		.peers = { { { 2, 0, 0, 0, 0, 0 } }, { { 2, 0, 0, 0, 0, 1 } } },
		.addresses = { .from_ip = 0xc6120001, .to_ip = 0xc6120002 },
	};
	optind = 1;
	while ((at = getopt_long(argc, argv, "", OPTIONS, &index)) != -1) {
		const char *name = at == '?' ? "" : OPTIONS[index].name;

		switch (at) {
		case ROLE: o->role = argument_choice(name, optarg, ROLES, COUNT_OF(ROLES)); break;
		case MODE: o->mode = argument_choice(name, optarg, MODES, COUNT_OF(MODES)); break;
		case PORT: add_port(o, optarg); break;
		case BOTH: o->both = true; break;
		case RATE: o->steps[0].rate = argument_number(name, optarg, 1, RATE_MAX); break;
		case COUNT: o->steps[0].count = argument_number(name, optarg, 1, COUNT_MAX); break;
		case SIZE: frame_sizes(name, optarg, o); break;
		case FLOWS: o->flows = (unsigned int)argument_number(name, optarg, 1, FRAME_MAX_FLOWS); break;
		case RUN: o->run = (uint32_t)argument_number(name, optarg, 1, UINT32_MAX); break;
		case FROM_MAC: o->addresses.from_mac = argument_mac(name, optarg); o->has_from_mac = true; break;
		case TO_MAC: o->addresses.to_mac = argument_mac(name, optarg); o->has_to_mac = true; break;
		case FROM_IP: o->addresses.from_ip = ip(name, optarg); break;
		case TO_IP: o->addresses.to_ip = ip(name, optarg); break;
		case PEER:
			if (peers == MAX_PORTS)
				fail(EXIT_USAGE, "--peer: observed a third one, expected one for each port");
			o->peers[peers++] = argument_mac(name, optarg);
			break;
		case IDLE: o->idle_us = argument_number(name, optarg, 0, 10000); break;
		case SETTLE: o->settle_ms = argument_number(name, optarg, 0, 600000); break;
		case OVERRUN: o->overrun_ms = argument_number(name, optarg, 0, OVERRUN_MAX_MS); break;
		case LINK: o->link_ms = argument_number(name, optarg, 0, 600000); break;
		case PROBE: o->probe_ms = argument_number(name, optarg, 0, 600000); break;
		case LIMIT: o->limit_ms = argument_number(name, optarg, 1, UINT64_C(604800000)); break;
		case STATUS: o->status = optarg; break;
		case TRIALS: o->trials = true; break;
		case DROP: o->drop_refused = true; break;
		default: fail(EXIT_USAGE, "see above for what is not understood");
		}
	}
	if (optind != argc)
		fail(EXIT_USAGE, "observed %s, expected options alone", argv[optind]);
	if (o->ports == 0)
		fail(EXIT_USAGE, "--port: observed none, expected one or two");
	if (o->trials && o->role != ROLE_MEASURE)
		fail(EXIT_USAGE, "--trials: observed another role, expected measure");
	if (o->role == ROLE_SEND || o->role == ROLE_MEASURE) {
		if (!o->trials && (o->steps[0].rate == 0 || o->steps[0].count == 0))
			fail(EXIT_USAGE, "--rate, --count: observed none, expected both of what sends");
		if (o->both && o->ports < 2)
			fail(EXIT_USAGE, "--both: observed one port, expected two");
	}
	if (o->role == ROLE_SINK && o->limit_ms == 0)
		fail(EXIT_USAGE, "--limit-ms: observed none, expected one of a sink, which does not know what is sent");
}
