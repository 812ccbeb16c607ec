#ifndef NFVLAB_OPTIONS_H
#define NFVLAB_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "argument.h"

/* Frame sizes are told with the checksum that the wire adds (RFC 2544). */
#define FRAME_MIN 64
#define FRAME_MAX 1518
#define FRAME_MAX_FLOWS 50000
#define FRAME_MAX_SIZES 64

#define MAX_PORTS 2
#define MAX_QUEUES 8
#define MAX_STEPS 2

enum role { ROLE_MEASURE, ROLE_SEND, ROLE_SINK, ROLE_FORWARD };
enum mode { MODE_IO, MODE_MAC, MODE_MACSWAP, MODE_5TSWAP };

/* DPDK's headers take longest to compile, so that this file does without. */
struct frame_addresses {
	struct mac from_mac;
	struct mac to_mac;
	uint32_t from_ip; /* of the host's byte order */
	uint32_t to_ip;
};

struct options {
	enum role role;
	enum mode mode;
	unsigned int ports;
	char port_names[MAX_PORTS][64];
	unsigned int queues[MAX_PORTS];
	bool both;
	struct step {
		uint64_t rate; /* frames a second and stream */
		uint64_t count;
	} steps[MAX_STEPS]; /* one after another; most have one */
	unsigned int step_count;
	unsigned int frame_sizes[FRAME_MAX_SIZES]; /* that frames have in turn */
	unsigned int sizes;
	bool unprobed; /* of a trial: not a frame goes before those that it counts */
	bool trials; /* steps, overrun and sizes come on standard input, again and again */
	unsigned int flows;
	uint32_t run;
	struct frame_addresses addresses;
	bool has_from_mac, has_to_mac;
	struct mac peers[MAX_PORTS];
	uint64_t idle_us;
	uint64_t settle_ms;
	uint64_t overrun_ms; /* how much later than planned sending may end, with what it could send; OVERRUN_LENIENT: see there */
	bool drop_refused; /* a frame that the port does not take is lost, as on a wire, and not offered again */
	uint64_t link_ms; /* how long ports may take to have a link */
	uint64_t probe_ms; /* how long the path may take to pass a first frame; 0: not tried */
	uint64_t limit_ms; /* of the whole run; 0: none */
	const char *status; /* file that tells the counters of a forwarder */
};

/* A second, and a tenth of the time. */
#define OVERRUN_LENIENT UINT64_MAX

/* Ends the program with a sentence where the options are not understood. */
void options_parse(int argc, char **argv, struct options *o);

/* Takes a trial, `RATE COUNT OVERRUN_MS SIZE[,SIZE...] [RATE COUNT | unprobed]`; ends the program where it is not understood. */
void options_trial(char *line, struct options *o);

#endif
