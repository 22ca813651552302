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
 * trap_check() - may this process reach the memory of @pid? (An ancestor, or whom PR_SET_PTRACER
 * names, may even under Yama's scope 1.)
 * Return: 0, or -errno with one line in @err.
 */
int trap_check(pid_t pid, char *err, size_t len);

/**
 * trap_new() - serve a listener from the machine's loop
 * @listener: owned from here on, also on failure
 * @owner:    clients with this effective uid, or root's, are privileged
 * @gone:     called once when the last filtered task is gone (may be NULL)
 * Return: the supervisor, or NULL with a line in @err.
 */
struct trap *trap_new(struct dmn_machine *m, int listener, uid_t owner,
		      void (*gone)(void *arg), void *arg, char *err, size_t len);

/**
 * trap_detach() - the machine is about to be freed: its nodes vanish for the programs, whose
 * calls all reach the kernel from now on. They could not live without a supervisor.
 */
void trap_detach(struct trap *t);

/** trap_free() - the end; programs that still run have every trapped call fail with ENOSYS */
void trap_free(struct trap *t);

#endif /* NVMESIM_TRAP_H */
