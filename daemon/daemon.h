/* SPDX-License-Identifier: MIT */
/*
 * daemon.h - what both doors stand on: the event loop, the machine (subsystems, functions,
 * drivers, nodes made from a configuration), the control socket. Face of daemon/.
 */
#ifndef NVMESIM_DAEMON_H
#define NVMESIM_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../config/conf.h"
#include "../host/host.h"

/* ---- loop: epoll, one thread -------------------------------------------------------------- */

struct dmn_loop;

/** struct dmn_fd - a descriptor in the loop; memory is the owner's while it is added */
struct dmn_fd {
	int fd;
	void (*ready)(struct dmn_fd *f, uint32_t epoll_events);
};

struct dmn_loop *dmn_loop_new(void);
void dmn_loop_free(struct dmn_loop *l);
/** dmn_loop_add() - wait for @epoll_events; again: change what is waited for. 0 or -errno. */
int dmn_loop_add(struct dmn_loop *l, struct dmn_fd *f, uint32_t epoll_events);
/** dmn_loop_del() - wait no longer; an event already taken is dropped. From any callback. */
void dmn_loop_del(struct dmn_loop *l, struct dmn_fd *f);
/** dmn_loop_timer() - what to call at the armed deadline; a loop has one timer */
void dmn_loop_timer(struct dmn_loop *l, void (*cb)(void *arg), void *arg);
/** dmn_loop_arm() - call the timer's @cb at @deadline_ns (CLOCK_MONOTONIC; UINT64_MAX: never) if
 * nothing earlier is armed; from any thread */
void dmn_loop_arm(struct dmn_loop *l, uint64_t deadline_ns);
/** dmn_loop_run() - until dmn_loop_quit(). Return: what quit said. */
int dmn_loop_run(struct dmn_loop *l);
void dmn_loop_quit(struct dmn_loop *l, int code);

/* ---- machine ------------------------------------------------------------------------------ */

struct dmn_machine;

/**
 * struct dmn_node - a device node
 * @name: below /dev: nvmesim0, nvmesim0n1 (node_names = linux: nvme0, ng0n1)
 * @ref:  what host_ioctl() is called with
 */
struct dmn_node {
	char name[32];
	struct host_node_ref ref;
	mode_t mode; /* permission bits */
	uid_t uid;
	gid_t gid;
	uint64_t ino; /* unique in this machine, never reused */
	void *door;   /* the CUSE door's */
	struct dmn_node *next;
};

/** struct dmn_watch - somebody who follows the set of nodes (a door) */
struct dmn_watch {
	void (*added)(struct dmn_watch *w, struct dmn_node *n);
	void (*removed)(struct dmn_watch *w, struct dmn_node *n); /* @n is freed after this */
	struct dmn_watch *next;
};

/**
 * dmn_machine_new() - build everything the configuration asks for, and bind the drivers
 * Return: the machine, or NULL with one line in @err: nothing is left behind (files that did
 * not exist are removed again).
 */
struct dmn_machine *dmn_machine_new(const struct conf *c, struct dmn_loop *l, char *err,
				    size_t len);

/** dmn_machine_free() - shut the controllers down in order, flush, close */
void dmn_machine_free(struct dmn_machine *m);

/** dmn_machine_discard() - the same, and remove the files this machine made: it was never ready */
void dmn_machine_discard(struct dmn_machine *m);

/** dmn_machine_watch() - follow nodes; @w->added is called at once for those that are there */
void dmn_machine_watch(struct dmn_machine *m, struct dmn_watch *w);
void dmn_machine_unwatch(struct dmn_machine *m, struct dmn_watch *w);

struct dmn_node *dmn_machine_nodes(struct dmn_machine *m); /* list */
struct dmn_node *dmn_machine_find(struct dmn_machine *m, const char *name);
struct dmn_loop *dmn_machine_loop(struct dmn_machine *m);

/** dmn_same_subsys() - are two nodes of one NVM subsystem? */
bool dmn_same_subsys(struct dmn_machine *m, const struct dmn_node *a, const struct dmn_node *b);

/** dmn_ana_get() - Asymmetric Namespace Access State of a namespace through its node's controller
 * Return: enum sim_ana_state, or a negative enum sim_err. */
int dmn_ana_get(struct dmn_machine *m, const struct dmn_node *n);
/** dmn_ana_set() - set it; on a controller's node, of every namespace through that controller
 * Return: 0; %SIM_EINVAL: its subsystem reports none; %SIM_ENOENT: there is no such namespace. */
int dmn_ana_set(struct dmn_machine *m, const struct dmn_node *n, enum sim_ana_state state);

/* ---- control socket ----------------------------------------------------------------------- */

struct dmn_control;

/** dmn_socket_path() - where the control socket is when nobody says; $NVMESIM_SOCKET first */
const char *dmn_socket_path(char *buf, size_t len);

/**
 * dmn_control_new() - listen on @path (0600); lines of JSON, one request a line:
 * {"cmd":"list"} -> {"ok":true,"result":...} or {"ok":false,"error":"..."}
 * @door: "cuse", "run", "none": what `show` says
 * Return: NULL with a line in @err; a socket another daemon answers on is an error.
 */
struct dmn_control *dmn_control_new(struct dmn_machine *m, const char *path, const char *door,
				    char *err, size_t len);
void dmn_control_free(struct dmn_control *c);

/**
 * dmn_control_attach() - @cb takes the seccomp listener a launcher passed with
 * {"cmd":"attach","pid":N}; it owns @listener. Return of @cb: 0, or -errno with a line in @err
 * for the launcher.
 */
void dmn_control_attach(struct dmn_control *c,
			int (*cb)(void *arg, int listener, pid_t pid, char *err, size_t len),
			void *arg);

#endif /* NVMESIM_DAEMON_H */
