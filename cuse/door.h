/* SPDX-License-Identifier: MIT */
/*
 * door.h - the parts of the CUSE door. Private to cuse/.
 */
#ifndef NVMESIM_CUSE_DOOR_H
#define NVMESIM_CUSE_DOOR_H

#define FUSE_USE_VERSION 34

#include <cuse_lowlevel.h>

#include "cuse.h"

/*
 * What FUSE carries in one direction of one ioctl, all ranges together: 32 pages. CUSE has no
 * negotiation that could raise it.
 */
#define CUSE_CARRY_PAGES 32

/* The largest argument structure that is mirrored: struct nvme_passthru_cmd64 has 80 bytes. A
 * number that claims more is no ioctl of ours. */
#define CUSE_MIRROR 128

/** struct cuse_handle - an open file description: its access mode and who opened it */
struct cuse_handle {
	bool writable, privileged;
	uid_t uid; /* @privileged was found for */
	struct cuse_handle *next, **prev;
};

/**
 * struct cuse_call - one ioctl
 * @req:       NULL once it was answered
 * @denied:    the client's memory may not be touched, found at the first touch
 * @touched:   some of it was moved: it is too late for another way
 * @submitting, @finished, @cancel: host_ioctl() has not returned yet; meanwhile done() was called;
 *             it is to be given up
 * @carry:     NULL: the client's memory is touched directly
 * @mirror:    a restricted device's ioctl: the argument structure, which the kernel brought and
 *             takes back; @mirror_len bytes came (0: none), @mirror_out go
 */
struct cuse_call {
	struct host_call host;
	struct host_client client;
	struct cuse_door *door;
	struct cuse_session *session;
	fuse_req_t req;
	pid_t tid;
	unsigned int cmd;
	uint64_t arg;
	bool denied, touched, submitting, finished, cancel;
	struct cuse_carry *carry;
	struct cuse_call *next, **prev;
	size_t mirror_len, mirror_out;
	unsigned char mirror[CUSE_MIRROR] __attribute__((aligned(8))); /* not cleared: last */
};

/**
 * struct cuse_carry - room for a call whose bytes the kernel carries
 * @ranges: of the client's memory; their bytes follow each other in @in and @out
 * @out_end: of @out, the end of what was written
 */
struct cuse_carry {
	struct host_ranges ranges;
	size_t in_len, out_len, out_end;
	unsigned char *in, *out;
	struct cuse_carry *next;
};

/** struct cuse_session - a CUSE device; it may outlive its node for the length of one callback */
struct cuse_session {
	struct cuse_door *door;
	struct dmn_node *node; /* NULL: it is gone */
	struct host_node_ref ref;
	char name[32];
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct fuse_session *se;
	struct dmn_fd fd;
	bool init_done, visible, busy, dead;
	struct cuse_call *calls; /* not answered yet */
	struct cuse_handle *handles;
	struct cuse_session *next;
};

struct cuse_door {
	struct dmn_machine *m;
	struct cuse_params params;
	struct dmn_watch watch;
	struct cuse_session *sessions;
	unsigned int pending; /* sessions not visible yet */
	bool started, failed; /* @params.ready was called; with an error */
	bool restricted;      /* the kernel moves the argument structure; see reaches_everyone() */
	size_t carry_max;     /* bytes a direction */
	struct fuse_buf buf;  /* requests are read into; one at a time */
	struct cuse_call *free_calls;
	struct cuse_carry *free_carries;
	unsigned int nr_calls; /* in flight: they may outlive the door's closing */
	bool closed;
};

/** cuse_door_release() - the memory of a closed door, once no call refers to it */
void cuse_door_release(struct cuse_door *d);

/**
 * cuse_node_appeared() - wait for the node of a device that the kernel was told to make
 * Return: whether /dev/@name is there, and is that device; then @d is filled.
 */
bool cuse_node_appeared(const char *name, struct dmn_device *d); /* node.c */

/* ---- client.c: who asks, and his memory ---- */

/** cuse_privileged() - has task @tid CAP_SYS_ADMIN where we live? @uid decides for tasks of
 * other PID namespaces, whose @tid is 0 */
bool cuse_privileged(pid_t tid, uid_t uid);

/** cuse_reaches_everyone() - may this process touch the memory of every task on the machine?
 * True for root outside of containers, unless Yama forbids it to everybody. */
bool cuse_reaches_everyone(void);

extern const struct host_client_ops cuse_direct_ops, cuse_carried_ops;

/** cuse_carried() - where the client's [@addr, @addr + @len) is in @buf, which carries the ranges
 * @vec one after the other. Return: the place, or NULL when it is not there. */
unsigned char *cuse_carried(unsigned char *buf, size_t buf_len, const struct iovec *vec,
			    unsigned int n, uint64_t addr, size_t len);

/* ---- ioctl.c: calls ---- */

void cuse_op_ioctl(fuse_req_t req, int cmd, void *arg, struct fuse_file_info *fi,
		   unsigned int flags, const void *in, size_t in_len, size_t out_len);

/** cuse_abandon_calls() - the session ends: who waits gets ENODEV */
void cuse_abandon_calls(struct cuse_session *s);

/** cuse_free_pools() - calls and carry buffers that wait for use */
void cuse_free_pools(struct cuse_door *d);

#endif /* NVMESIM_CUSE_DOOR_H */
