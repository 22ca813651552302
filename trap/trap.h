/* SPDX-License-Identifier: MIT */
/*
 * trap.h - the run door: a seccomp filter for a program tree, and the supervisor that answers
 * what the filter traps. Face of trap/.
 */
#ifndef NVMESIM_TRAP_H
#define NVMESIM_TRAP_H

#include <stdbool.h>
#include <sys/types.h>

#include "../daemon/daemon.h"

struct trap;

/**
 * trap_filter_install() - put the filter on the calling thread (the child, before exec)
 * Sets no_new_privs only where the kernel demands it.
 * Return: the listener's descriptor (close-on-exec), or -errno with one line in @err that says
 * what forbids it (kernel too old, container profile, a filter with a listener already there).
 */
int trap_filter_install(char *err, size_t len);

/**
 * trap_new() - serve a listener from the machine's loop
 * @listener: owned from here on, also on failure
 * @owner:    clients with this effective uid are privileged
 * @gone:     called once when the last filtered task is gone (may be NULL)
 * Return: the supervisor, or NULL with a line in @err.
 */
struct trap *trap_new(struct dmn_machine *m, int listener, uid_t owner,
		      void (*gone)(void *arg), void *arg, char *err, size_t len);
void trap_free(struct trap *t);

#endif /* NVMESIM_TRAP_H */
