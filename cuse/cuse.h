/* SPDX-License-Identifier: MIT */
/*
 * cuse.h - the CUSE door: a character device for every node of a machine. Face of cuse/.
 *
 * One CUSE session per node, all of them served by the machine's event loop. A client's memory is
 * reached with process_vm_readv/writev, so that a command is one round trip; where that is not
 * permitted the kernel is asked to carry the bytes (FUSE's retry protocol).
 */
#ifndef NVMESIM_CUSE_H
#define NVMESIM_CUSE_H

#include "../daemon/daemon.h"

struct cuse_door;

/**
 * struct cuse_params - how to open the door
 * @process_vm: false: never touch a client's memory directly, always let the kernel carry it
 * @ready:      called once: every node that is to be there at the start is (@err NULL), or one
 *              cannot be (@err: why). From the loop, or before cuse_door_new() returns.
 */
struct cuse_params {
	bool process_vm;
	void (*ready)(void *arg, const char *err);
	void *arg;
};

/**
 * cuse_door_new() - follow the machine's nodes
 * Return: the door, or NULL with a line in @err (no /dev/cuse, no permission, no memory).
 */
struct cuse_door *cuse_door_new(struct dmn_machine *m, const struct cuse_params *p, char *err,
				size_t len);

/** cuse_door_free() - every node vanishes; clients that wait get ENODEV */
void cuse_door_free(struct cuse_door *d);

#endif /* NVMESIM_CUSE_H */
