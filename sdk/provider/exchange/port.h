#ifndef NFVLAB_EXCHANGE_PORT_H
#define NFVLAB_EXCHANGE_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Without the checksum that a wire adds. */
#define FRAME_MAX 1514

/* What frames go out by and come in by: an interface of the kernel, or rings in memory that both ends see. */
struct port;

/* The interface with this address, which is made to be up. */
struct port *port_of_interface(const uint8_t mac[6]);

/* The one shared-memory device of this size that this guest has; as answerer it makes the rings. */
struct port *port_of_device(uint64_t bytes, uint32_t run, bool answers);

/* The same in a file, for an end on the host. */
struct port *port_of_file(const char *path, uint32_t run, bool answers);

/* Whether the other end is there as far as the port itself can tell. */
bool port_ready(const struct port *port);

/* False where there is no room for it now. */
bool port_send(struct port *port, const void *frame, size_t length);

/* 0 where nothing came. */
size_t port_receive(struct port *port, void *frame);

/* Frames that came and that the port had no room for. */
uint64_t port_dropped(const struct port *port);

#endif
