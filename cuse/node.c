/* SPDX-License-Identifier: MIT */
/*
 * node.c - the node in /dev of a device that the kernel has made, and what tells it from others.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "door.h"

#define APPEAR_TRIES 200 /* of a millisecond each */

/*
 * Is @major the device that was registered as @name? A node that somebody else put there is not
 * ours, whatever it is called. (/sys could tell as well, but may be a mount of our own.)
 */
static bool is_registered(unsigned int major, const char *name)
{
	FILE *f = fopen("/proc/devices", "re");
	char line[128], word[65];
	bool found = !f;
	unsigned int n;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%u %64s", &n, word) == 2 && n == major && !strcmp(word, name);
	if (f)
		fclose(f);
	return found;
}

/*
 * The kernel registers the device while it takes our answer to CUSE_INIT, and devtmpfs has the
 * node by then; some patience does no harm where /dev is made in another way.
 */
bool cuse_node_appeared(const char *name, struct dmn_device *d)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	struct statx st;
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", name);
	for (int i = 0; i < APPEAR_TRIES; i++) {
		if (!statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME,
			   &st)) {
			if (!S_ISCHR(st.stx_mode) || !is_registered(st.stx_rdev_major, name))
				return false;
			*d = (struct dmn_device){
				.rdev = makedev(st.stx_rdev_major, st.stx_rdev_minor),
				.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
				.ino = st.stx_ino,
			};
			if (st.stx_mask & STATX_BTIME)
				d->born = (struct timespec){ st.stx_btime.tv_sec,
							     st.stx_btime.tv_nsec };
			return true;
		}
		nanosleep(&ms, NULL);
	}
	return false;
}
