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
#include <time.h>

#include "../config/conf.h"
#include "../host/host.h"

/*
 * ---- loop: epoll, and whose turn it is -----------------------------------------------------
 *
 * The thread that made the loop and runs it has the turn always, but for its wait in epoll. Others
 * that do the loop's kind of work, as the run door's receiving threads, take it for as long; so one
 * thread at a time sees what belongs to "the loop's thread".
 */

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
/** dmn_loop_enter(), dmn_loop_leave() - have the turn in between; in a callback of the loop's the
 * other way round, to wait for a thread that wants it */
void dmn_loop_enter(struct dmn_loop *l);
void dmn_loop_leave(struct dmn_loop *l);
/** dmn_loop_share(), dmn_loop_unshare() - share the turn in between: others may share it as well,
 * and nobody has it for himself. In neither may the other be asked for. */
void dmn_loop_share(struct dmn_loop *l);
void dmn_loop_unshare(struct dmn_loop *l);

/* ---- machine ------------------------------------------------------------------------------ */

struct dmn_machine;
struct mach_subsys;

/**
 * struct dmn_fn - a PCI function with a controller, and what the simulated host makes of it
 * @name:  its address, as in 0000:01:00.0; @addr: the same as a number, bus 15:8, devfn 7:0
 * @index: the N in nvmesimN; stays while the function is there. -1: a VF that was never bound
 * @pf, @vf: of a virtual function: what it is of, and its number (1 and up)
 * @present: software has found it on its bus
 * @bound: the driver has it
 * @override: driver_override, NULL: none
 * @autoprobe: of a PF: its VFs are offered to the driver as they come
 * @multi: there may be functions beside it (function 0's multifunction=on)
 */
struct dmn_fn {
	struct dmn_machine *m;
	struct mach_subsys *subsys;
	struct host_dev *dev;
	struct sim_fn *fn;
	char name[16];
	uint16_t addr;
	int index;
	struct dmn_fn *pf;
	unsigned int vf;
	bool present, bound, autoprobe, multi;
	char *override;
	struct store_pmr *pmr; /* behind BAR 4, or NULL */
	struct dmn_fn *next;
};

/**
 * struct dmn_device - the character device by which the kernel knows a node (the CUSE door's)
 * @rdev: its number; 0: there is none. The kernel uses the numbers of devices that are gone again.
 * @dev, @ino: the node in /dev, which was made for this device
 * @born: when that was; tv_sec 0: its file system does not know
 */
struct dmn_device {
	dev_t rdev, dev;
	ino_t ino;
	struct timespec born;
};

/**
 * struct dmn_node - a device node
 * @name: below /dev: nvmesim0, nvmesim0n1 (node_names = linux: nvme0, ng0n1)
 * @ref:  what host_ioctl() is called with
 */
struct dmn_node {
	char name[32];
	struct host_node_ref ref;
	struct dmn_fn *fn;
	mode_t mode; /* permission bits */
	uid_t uid;
	gid_t gid;
	uint64_t ino; /* unique in this machine, never reused */
	struct dmn_device device;
	struct dmn_node *next;
};

/** struct dmn_watch - somebody who follows the set of nodes (a door) */
struct dmn_watch {
	void (*added)(struct dmn_watch *w, struct dmn_node *n);
	void (*removed)(struct dmn_watch *w, struct dmn_node *n); /* @n is freed after this */
	void (*device)(struct dmn_watch *w, struct dmn_node *n);  /* @n->device is new; may be NULL */
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

/** dmn_node_device() - the door has a device for @n now, or (@d NULL) none any more */
void dmn_node_device(struct dmn_machine *m, struct dmn_node *n, const struct dmn_device *d);

struct dmn_node *dmn_machine_nodes(struct dmn_machine *m); /* list */
struct dmn_node *dmn_machine_find(struct dmn_machine *m, const char *name);
struct dmn_loop *dmn_machine_loop(struct dmn_machine *m);
/** dmn_own_mount() - device number of the file system that this machine's loop serves; 0: none. Its
 * thread must not look into it. */
dev_t *dmn_own_mount(struct dmn_machine *m);
/** dmn_linux_names() - are nodes named as Linux names them? */
bool dmn_linux_names(const struct dmn_machine *m);

/** dmn_fns() - every function there is, by address, VFs that are not enabled included */
struct dmn_fn *dmn_fns(struct dmn_machine *m);
/** dmn_fn_find() - the function on its bus at @name (0000:01:00.0). Return: it, or NULL. */
struct dmn_fn *dmn_fn_find(struct dmn_machine *m, const char *name);
/** dmn_generation() - a number that changes when a function, a binding or a node does */
uint64_t dmn_generation(struct dmn_machine *m);
/** dmn_subsys_number() - N in nvme-subsysN: the lowest index of its controllers; -1: none has one */
int dmn_subsys_number(struct dmn_machine *m, const struct mach_subsys *ms);
const char *dmn_subsys_nqn(const struct mach_subsys *ms);

/* ---- what Linux's PCI core does on request; all return 0 or its -errno ---- */

/** dmn_fn_bind() - give @f to the driver: -EBUSY it has it; -ENODEV: it is not there, or not for it
 * @why: receives the driver's sentence when it fails; may be NULL */
int dmn_fn_bind(struct dmn_fn *f, struct sim_msg *why);
/** dmn_fn_unbind() - take it away: its nodes vanish. -ENODEV: the driver does not have it */
int dmn_fn_unbind(struct dmn_fn *f);
/** dmn_fn_reset() - function level reset */
int dmn_fn_reset(struct dmn_fn *f);
/** dmn_fn_set_vfs() - enable @n VFs, or none: -ERANGE: more than it has; -EBUSY: others are enabled;
 * -ENOENT: it has no driver, or no SR-IOV */
int dmn_fn_set_vfs(struct dmn_fn *f, unsigned int n);
/** dmn_fn_override() - only the driver of that name may have @f; "": any may. -EINVAL: it is too long */
int dmn_fn_override(struct dmn_fn *f, const char *driver);
/** dmn_fn_take_off() - forget a function, until dmn_rescan() finds it again */
int dmn_fn_take_off(struct dmn_fn *f);
/** dmn_rescan() - find what is on the buses, and offer it to the driver */
void dmn_rescan(struct dmn_machine *m);
/** dmn_sync() - somebody wrote to a function's registers: follow what came of it at once */
void dmn_sync(struct dmn_machine *m);
/** dmn_autoprobe() - whether functions that come are offered to the driver */
bool *dmn_autoprobe(struct dmn_machine *m);
/** dmn_fn_cap() - offset of a capability (@ext: an extended one); 0: it has none */
uint32_t dmn_fn_cap(struct dmn_fn *f, bool ext, uint16_t id);

/**
 * dmn_hot_add() - plug in what @words say, as on a command line: "nvme,serial=X",
 * "nvme-ns,drive=d", "if=none,id=d,size=64M"
 * Return: the controller's function, or NULL with a sentence in @err: nothing has changed.
 */
struct dmn_fn *dmn_hot_add(struct dmn_machine *m, const char *const *words, unsigned int n,
			   char *err, size_t len);
/** dmn_hot_remove() - pull it out; @surprise: without telling its driver before. -EINVAL: a VF */
int dmn_hot_remove(struct dmn_fn *f, bool surprise);

/** dmn_same_subsys() - are two nodes of one NVM subsystem? */
bool dmn_same_subsys(struct dmn_machine *m, const struct dmn_node *a, const struct dmn_node *b);

/** dmn_ana_get() - Asymmetric Namespace Access State of a namespace through its node's controller
 * Return: enum sim_ana_state, or a negative enum sim_err. */
int dmn_ana_get(struct dmn_machine *m, const struct dmn_node *n);
/** dmn_ana_set() - set it; on a controller's node, of every namespace through that controller
 * Return: 0; %SIM_EINVAL: its subsystem reports none; %SIM_ENOENT: there is no such namespace. */
int dmn_ana_set(struct dmn_machine *m, const struct dmn_node *n, enum sim_ana_state state);

/** dmn_zones_info(), dmn_zones_get(), dmn_zone_act() - sim_zones_info() and the others, of the
 * namespace that a node is; a controller's node is %SIM_ENOENT */
int dmn_zones_info(struct dmn_machine *m, const struct dmn_node *n, struct sim_zones_info *info);
int64_t dmn_zones_get(struct dmn_machine *m, const struct dmn_node *n, uint64_t first, uint64_t nr,
		      struct sim_zone_info *zones);
int dmn_zone_act(struct dmn_machine *m, const struct dmn_node *n, uint64_t zslba,
		 enum sim_zone_act act, struct sim_msg *msg);

/** dmn_fdp_info(), dmn_fdp_rus(), dmn_fdp_ruhs(), dmn_fdp_history() - sim_fdp_info() and the others, of
 * the subsystem of a node */
int dmn_fdp_info(struct dmn_machine *m, const struct dmn_node *n, struct sim_fdp_info *info);
int64_t dmn_fdp_rus(struct dmn_machine *m, const struct dmn_node *n, uint64_t first, uint64_t nr,
		    struct sim_fdp_ru *ru);
int64_t dmn_fdp_ruhs(struct dmn_machine *m, const struct dmn_node *n, uint64_t first, uint64_t nr,
		     struct sim_fdp_ruh *ruh);
int64_t dmn_fdp_history(struct dmn_machine *m, const struct dmn_node *n, uint64_t nr,
			struct sim_fdp_sample *sample);

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
