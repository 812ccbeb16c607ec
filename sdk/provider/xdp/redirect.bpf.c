/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Sends every frame that an interface receives, unchanged, out of the interface that the map names, and counts it.
 * It is loaded once for each direction, with maps of its own. What can't be sent is dropped by the kernel, and counted by its tracepoint xdp_redirect_err.
 *
 *   clang -O2 -g -target bpf -mcpu=v2 -c redirect.bpf.c -o redirect.bpf.o && llvm-strip -g redirect.bpf.o
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} out SEC(".maps");

struct counters {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} redirected SEC(".maps");

SEC("xdp")
int nfvlab_redirect(struct xdp_md *frame)
{
	__u32 first = 0;
	struct counters *count = bpf_map_lookup_elem(&redirected, &first);

	if (count) {
		count->packets++;
		count->bytes += frame->data_end - frame->data;
	}
	return bpf_redirect_map(&out, 0, XDP_DROP);
}

char _license[] SEC("license") = "GPL";
