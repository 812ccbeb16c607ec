#ifndef NFVLAB_EXCHANGE_FRAME_H
#define NFVLAB_EXCHANGE_FRAME_H

#include <stdint.h>

/* For local experiments (IEEE 802): no stack answers such frames, and switches carry them as any other. */
#define FRAME_TYPE 0x88b5

enum frame_kind { FRAME_PROBE, FRAME_COUNTED, FRAME_END };

/* Host byte order: both ends are guests of one machine. */
struct frame {
	uint8_t to[6];
	uint8_t from[6];
	uint16_t type;
	uint8_t kind;
	uint8_t answered;
	uint32_t run; /* tells frames of this run from all others */
	uint32_t sequence;
	uint64_t stamp; /* of the sender's own clock, ns */
} __attribute__((packed));

/* The smallest frame, without the checksum that a wire adds. */
#define FRAME_MIN 60

_Static_assert(sizeof(struct frame) <= FRAME_MIN, "a mark fits into the smallest frame");

#endif
