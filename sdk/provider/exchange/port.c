#include "port.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "argument.h"
#include "frame.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define LINE 64
#define SLOT 2048

/* One producer, one consumer; each index has a line of its own, or both ends would pull one line back and forth. */
struct ring {
	_Alignas(LINE) _Atomic uint32_t head; /* next to be written */
	_Alignas(LINE) _Atomic uint32_t tail; /* next to be read */
	_Alignas(LINE) uint8_t slots[];
};

struct slot {
	uint32_t length;
	uint8_t frame[SLOT - sizeof(uint32_t)];
};

/* At the start of the memory. The answerer makes the rings and then says of which run they are. */
struct shared {
	_Alignas(LINE) _Atomic uint32_t run;
};

struct port {
	int socket; /* -1 of memory */
	struct shared *shared;
	uint32_t run;
	uint32_t slots;
	struct ring *out;
	struct ring *in;
};

static struct port the_port;

static bool
read_file(const char *folder, const char *entry, const char *name, char *text, size_t size)
{
	char path[512];
	FILE *file;
	bool got;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s/%s", folder, entry, name) >= sizeof(path))
		return false;
	file = fopen(path, "r");
	if (file == NULL)
		return false;
	got = fgets(text, (int)size, file) != NULL;
	fclose(file);
	return got;
}

/* Name of the interface with this address; false where there is none. */
static bool
interface_of(const uint8_t mac[6], char name[IFNAMSIZ])
{
	struct ifaddrs *all, *each;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (each = all; each != NULL && !found; each = each->ifa_next) {
		const struct sockaddr_ll *link = (const struct sockaddr_ll *)each->ifa_addr;

		if (link == NULL || link->sll_family != AF_PACKET || link->sll_halen != 6 || memcmp(link->sll_addr, mac, 6) != 0)
			continue;
		found = strlen(each->ifa_name) < IFNAMSIZ;
		if (found)
			strcpy(name, each->ifa_name);
	}
	freeifaddrs(all);
	return found;
}

struct port *
port_of_interface(const uint8_t mac[6])
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(FRAME_TYPE) };
	const int on = 1, room = 4 << 20;
	struct ifreq request = { 0 };

	if (!interface_of(mac, request.ifr_name))
		fail(EXIT_UNAVAILABLE, "there is no interface with the address %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		     mac[4], mac[5]);
	/* No frames before it is bound: those would be of all interfaces. */
	the_port.socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (the_port.socket < 0)
		fail(EXIT_UNAVAILABLE, "no packet socket: %s", strerror(errno));
	if (ioctl(the_port.socket, SIOCGIFFLAGS, &request) < 0)
		fail(EXIT_UNAVAILABLE, "%s: %s", request.ifr_name, strerror(errno));
	request.ifr_flags |= IFF_UP;
	if (ioctl(the_port.socket, SIOCSIFFLAGS, &request) < 0)
		fail(EXIT_UNAVAILABLE, "%s can't be set up: %s", request.ifr_name, strerror(errno));
	if (ioctl(the_port.socket, SIOCGIFINDEX, &request) < 0)
		fail(EXIT_UNAVAILABLE, "%s: %s", request.ifr_name, strerror(errno));
	address.sll_ifindex = request.ifr_ifindex;
	setsockopt(the_port.socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(the_port.socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (bind(the_port.socket, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(EXIT_UNAVAILABLE, "the packet socket can't be bound: %s", strerror(errno));
	return &the_port;
}

static size_t
ring_bytes(uint32_t slots)
{
	return sizeof(struct ring) + (size_t)slots * SLOT;
}

static struct port *
port_of_memory(int file, uint64_t bytes, uint32_t run, bool answers)
{
	uint32_t slots = 1;
	uint8_t *memory;
	struct ring *rings[2];

	while (sizeof(struct shared) + 2 * ring_bytes(slots * 2) <= bytes)
		slots *= 2;
	if (slots < 16)
		fail(EXIT_USAGE, "%" PRIu64 " bytes are no room for two rings", bytes);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		fail(EXIT_UNAVAILABLE, "the shared memory can't be mapped: %s", strerror(errno));
	close(file);
	rings[0] = (struct ring *)(memory + sizeof(struct shared));
	rings[1] = (struct ring *)(memory + sizeof(struct shared) + ring_bytes(slots));
	the_port = (struct port){
		.socket = -1,
		.shared = (struct shared *)memory,
		.run = run,
		.slots = slots,
		.out = rings[answers],
		.in = rings[!answers],
	};
	if (answers) {
		for (int i = 0; i < 2; i++) {
			atomic_store(&rings[i]->head, 0);
			atomic_store(&rings[i]->tail, 0);
		}
		atomic_store_explicit(&the_port.shared->run, run, memory_order_release);
	}
	return &the_port;
}

struct port *
port_of_device(uint64_t bytes, uint32_t run, bool answers)
{
	static const char folder[] = "/sys/bus/pci/devices";
	DIR *all = opendir(folder);
	char text[64], path[512], found[256] = "";
	unsigned int count = 0;
	struct dirent *entry;
	struct stat bar;
	int file;

	while (all != NULL && (entry = readdir(all)) != NULL) {
		if (!read_file(folder, entry->d_name, "vendor", text, sizeof(text)) || strncmp(text, "0x1af4", 6) != 0 ||
		    !read_file(folder, entry->d_name, "device", text, sizeof(text)) || strncmp(text, "0x1110", 6) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s/resource2", folder, entry->d_name);
		if (stat(path, &bar) < 0 || (uint64_t)bar.st_size != bytes)
			continue;
		count++;
		snprintf(found, sizeof(found), "%s", entry->d_name);
	}
	if (all != NULL)
		closedir(all);
	if (count != 1)
		fail(EXIT_UNAVAILABLE, "there are %u shared-memory devices of %" PRIu64 " bytes, and a guest sees no names: give each a size of its own",
		     count, bytes);
	snprintf(path, sizeof(path), "%s/%s/enable", folder, found);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0 || write(file, "1", 1) != 1)
		fail(EXIT_UNAVAILABLE, "the device %s can't be enabled: %s", found, strerror(errno));
	close(file);
	snprintf(path, sizeof(path), "%s/%s/resource2", folder, found);
	file = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (file < 0)
		fail(EXIT_UNAVAILABLE, "%s: %s", path, strerror(errno));
	return port_of_memory(file, bytes, run, answers);
}

struct port *
port_of_file(const char *path, uint32_t run, bool answers)
{
	const int file = open(path, O_RDWR | O_CLOEXEC);
	struct stat facts;

	if (file < 0 || fstat(file, &facts) < 0)
		fail(EXIT_UNAVAILABLE, "%s: %s", path, strerror(errno));
	return port_of_memory(file, (uint64_t)facts.st_size, run, answers);
}

bool
port_ready(const struct port *port)
{
	return port->shared == NULL || atomic_load_explicit(&port->shared->run, memory_order_acquire) == port->run;
}

static struct slot *
slot_at(struct ring *ring, const struct port *port, uint32_t index)
{
	return (struct slot *)(ring->slots + (size_t)(index % port->slots) * SLOT);
}

bool
port_send(struct port *port, const void *frame, size_t length)
{
	uint32_t head;
	struct slot *slot;

	if (port->shared == NULL)
		return send(port->socket, frame, length, MSG_DONTWAIT) == (ssize_t)length;
	head = atomic_load_explicit(&port->out->head, memory_order_relaxed);
	if (head - atomic_load_explicit(&port->out->tail, memory_order_acquire) >= port->slots)
		return false;
	slot = slot_at(port->out, port, head);
	slot->length = (uint32_t)length;
	memcpy(slot->frame, frame, length);
	atomic_store_explicit(&port->out->head, head + 1, memory_order_release);
	return true;
}

size_t
port_receive(struct port *port, void *frame)
{
	uint32_t tail, length;
	struct slot *slot;

	if (port->shared == NULL) {
		const ssize_t got = recv(port->socket, frame, FRAME_MAX, MSG_DONTWAIT);

		return got < 0 ? 0 : (size_t)got;
	}
	tail = atomic_load_explicit(&port->in->tail, memory_order_relaxed);
	if (atomic_load_explicit(&port->in->head, memory_order_acquire) == tail)
		return 0;
	slot = slot_at(port->in, port, tail);
	/* Read once: the other end is another machine's, and may write what it likes. */
	length = *(volatile uint32_t *)&slot->length;
	if (length > FRAME_MAX)
		length = 0;
	memcpy(frame, slot->frame, length);
	atomic_store_explicit(&port->in->tail, tail + 1, memory_order_release);
	return length;
}

uint64_t
port_dropped(const struct port *port)
{
	struct tpacket_stats stats = { 0 };
	socklen_t size = sizeof(stats);

	if (port->shared != NULL || getsockopt(port->socket, SOL_PACKET, PACKET_STATISTICS, &stats, &size) < 0)
		return 0;
	return stats.tp_drops;
}
