#ifndef NFVLAB_FRAME_H
#define NFVLAB_FRAME_H

#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "options.h"

#define FRAME_PORT_FIRST 1024
#define FRAME_PORT_TO 9 /* discard */

/* What a frame says of itself; with its headers it fills a frame of 64 bytes. Host byte order: both ends have one clock, so one machine. */
struct frame_mark {
	uint32_t run; /* tells frames of this run from all others */
	uint32_t sequence;
	uint64_t stamp; /* TSC when it was handed to the port */
	uint8_t stream;
	uint8_t counted; /* 0: only looks whether the path is there */
} __attribute__((packed));

struct frame_headers {
	struct rte_ether_hdr ether;
	struct rte_ipv4_hdr ip;
	struct rte_udp_hdr udp;
	struct frame_mark mark;
};

_Static_assert(sizeof(struct frame_headers) == FRAME_MIN - RTE_ETHER_CRC_LEN, "a mark fits into the smallest frame");

static inline void
frame_template(struct frame_headers *f, const struct frame_addresses *a, unsigned int size)
{
	const uint16_t length = (uint16_t)(size - RTE_ETHER_CRC_LEN - sizeof(struct rte_ether_hdr));

	memset(f, 0, sizeof(*f));
	memcpy(&f->ether.dst_addr, &a->to_mac, sizeof(a->to_mac));
	memcpy(&f->ether.src_addr, &a->from_mac, sizeof(a->from_mac));
	f->ether.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
	f->ip.version_ihl = RTE_IPV4_VHL_DEF;
	f->ip.total_length = rte_cpu_to_be_16(length);
	f->ip.time_to_live = 64;
	f->ip.next_proto_id = IPPROTO_UDP;
	f->ip.src_addr = rte_cpu_to_be_32(a->from_ip);
	f->ip.dst_addr = rte_cpu_to_be_32(a->to_ip);
	f->ip.hdr_checksum = rte_ipv4_cksum(&f->ip);
	/* UDP without a checksum: the flow and the mark change from frame to frame. */
	f->udp.dst_port = RTE_BE16(FRAME_PORT_TO);
	f->udp.dgram_len = rte_cpu_to_be_16((uint16_t)(length - sizeof(struct rte_ipv4_hdr)));
}

/* The mark of a frame of this run, or NULL: whatever a path did to addresses and ports, the mark is where it was. */
static inline const struct frame_mark *
frame_marked(const void *data, unsigned int length, uint32_t run)
{
	const struct frame_headers *f = data;

	if (length < sizeof(*f) || f->ether.ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4) ||
	    f->ip.version_ihl != RTE_IPV4_VHL_DEF || f->ip.next_proto_id != IPPROTO_UDP || f->mark.run != run)
		return NULL;
	return &f->mark;
}

static inline void
frame_swap_macs(struct rte_ether_hdr *ether)
{
	const struct rte_ether_addr to = ether->dst_addr;

	ether->dst_addr = ether->src_addr;
	ether->src_addr = to;
}

/* Addresses of Ethernet and IPv4, and ports of UDP and TCP, change places; checksums stay right, since sums don't mind the order. */
static inline void
frame_swap_tuple(void *data, unsigned int length)
{
	struct rte_ether_hdr *ether = data;
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ether + 1);
	unsigned int ip_length;
	uint32_t address;
	uint16_t *ports;
	uint16_t port;

	frame_swap_macs(ether);
	if (length < sizeof(*ether) + sizeof(*ip) || ether->ether_type != RTE_BE16(RTE_ETHER_TYPE_IPV4))
		return;
	address = ip->src_addr;
	ip->src_addr = ip->dst_addr;
	ip->dst_addr = address;
	ip_length = rte_ipv4_hdr_len(ip);
	if ((ip->next_proto_id != IPPROTO_UDP && ip->next_proto_id != IPPROTO_TCP) ||
	    (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) != 0 ||
	    length < sizeof(*ether) + ip_length + 2 * sizeof(*ports))
		return;
	ports = (uint16_t *)((uint8_t *)ip + ip_length);
	port = ports[0];
	ports[0] = ports[1];
	ports[1] = port;
}

#endif
