/* SPDX-License-Identifier: MIT */
/*
 * test_machine.c - from a configuration to nodes, and back to nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mach.h"

/* ---- tests ---- */

static void test_nodes_in_order(void **state)
{
	struct fixture *f = *state;
	struct dmn_node *n;
	uint64_t seen = 0;
	char buf[256];

	assert_non_null(
		BUILD(f, "-drive", "if=none,id=a,size=1M", "-drive", "if=none,id=b,size=1M",
		      "-drive", "if=none,id=c,size=1M", "-device", "nvme,serial=A,id=x", "-device",
		      "nvme,serial=B,id=y", "-device", "nvme-ns,bus=y,drive=c,nsid=7", "-device",
		      "nvme-ns,bus=x,drive=a,nsid=9", "-device", "nvme-ns,bus=x,drive=b,nsid=2"));
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)),
			    "nvmesim0 nvmesim0n2 nvmesim0n9 nvmesim1 nvmesim1n7 ");
	for (n = dmn_machine_nodes(f->machine); n; n = n->next) {
		assert_int_equal(n->mode, 0600);
		assert_int_equal(n->uid, geteuid());
		assert_true(n->ino < 64 && !(seen >> n->ino & 1));
		seen |= 1ull << n->ino;
		assert_ptr_equal(dmn_machine_find(f->machine, n->name), n);
	}
	assert_null(dmn_machine_find(f->machine, "nvmesim2"));
	assert_int_equal(dmn_machine_find(f->machine, "nvmesim1n7")->ref.nsid, 7);
}

static void test_shared_namespace_is_on_every_controller(void **state)
{
	struct fixture *f = *state;
	struct host_info x, y;
	char buf[256];

	assert_non_null(BUILD(f, "-drive", "if=none,id=a,size=1M", "-device",
			      "nvme-subsys,id=s,nqn=sub", "-device", "nvme,serial=A,subsys=s",
			      "-device", "nvme,serial=A,subsys=s", "-device",
			      "nvme-ns,drive=a,nsid=3"));
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)),
			    "nvmesim0 nvmesim0n3 nvmesim1 nvmesim1n3 ");
	host_dev_info(dmn_machine_find(f->machine, "nvmesim0")->ref.dev, &x);
	host_dev_info(dmn_machine_find(f->machine, "nvmesim1")->ref.dev, &y);
	assert_string_equal(x.subnqn, "nqn.2019-08.org.qemu:sub");
	assert_string_equal(y.subnqn, x.subnqn);
	assert_int_not_equal(x.cntlid, y.cntlid);
}

static void test_linux_names(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen("conf", "w");
	char buf[256];

	fputs("[daemon]\nnode_names = linux\nmode = 0660\n[controller c]\nserial = L\n"
	      "[namespace n]\nbus = c\nsize = 1M\nnsid = 4\n",
	      file);
	fclose(file);
	assert_non_null(BUILD(f, "-c", "conf"));
	assert_string_equal(nodes(f->machine, buf, sizeof(buf)), "nvme0 ng0n4 ");
	assert_int_equal(dmn_machine_nodes(f->machine)->mode, 0660);
}

struct watcher {
	struct dmn_watch watch;
	char log[256];
};

static void on_added(struct dmn_watch *w, struct dmn_node *n)
{
	struct watcher *r = (struct watcher *)w;

	snprintf(r->log + strlen(r->log), sizeof(r->log) - strlen(r->log), "+%s ", n->name);
}

static void on_removed(struct dmn_watch *w, struct dmn_node *n)
{
	struct watcher *r = (struct watcher *)w;

	snprintf(r->log + strlen(r->log), sizeof(r->log) - strlen(r->log), "-%s ", n->name);
}

static void on_device(struct dmn_watch *w, struct dmn_node *n)
{
	struct watcher *r = (struct watcher *)w;

	snprintf(r->log + strlen(r->log), sizeof(r->log) - strlen(r->log), "%s:%u ", n->name,
		 (unsigned int)n->device.rdev);
}

static void test_watchers(void **state)
{
	struct fixture *f = *state;
	struct watcher a = { .watch = { .added = on_added, .removed = on_removed } }, b = a;

	assert_non_null(
		BUILD(f, "-drive", "if=none,id=a,size=1M", "-device", "nvme,serial=A,drive=a"));
	dmn_machine_watch(f->machine, &a.watch);
	dmn_machine_watch(f->machine, &b.watch);
	assert_string_equal(a.log, "+nvmesim0 +nvmesim0n1 ");
	dmn_machine_unwatch(f->machine, &a.watch);
	dmn_machine_free(f->machine);
	f->machine = NULL;
	assert_string_equal(a.log, "+nvmesim0 +nvmesim0n1 ");
	assert_string_equal(b.log, "+nvmesim0 +nvmesim0n1 -nvmesim0 -nvmesim0n1 ");
}

static void test_devices(void **state)
{
	struct fixture *f = *state;
	struct watcher a = { .watch = { .added = on_added, .removed = on_removed } }, b = a;
	const struct dmn_device d = { .rdev = 77, .ino = 1 };
	struct dmn_node *n;

	b.watch.device = on_device;
	assert_non_null(
		BUILD(f, "-drive", "if=none,id=a,size=1M", "-device", "nvme,serial=A,drive=a"));
	dmn_machine_watch(f->machine, &a.watch); /* does not care */
	dmn_machine_watch(f->machine, &b.watch);
	n = dmn_machine_find(f->machine, "nvmesim0n1");
	assert_int_equal(n->device.rdev, 0);
	dmn_node_device(f->machine, n, &d);
	assert_int_equal(n->device.ino, 1);
	dmn_node_device(f->machine, n, NULL);
	assert_int_equal(n->device.ino, 0);
	assert_string_equal(a.log, "+nvmesim0 +nvmesim0n1 ");
	assert_string_equal(b.log, "+nvmesim0 +nvmesim0n1 nvmesim0n1:77 nvmesim0n1:0 ");
	dmn_machine_unwatch(f->machine, &a.watch);
	dmn_machine_unwatch(f->machine, &b.watch);
}

static void test_files_stay_when_all_is_well(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_non_null(BUILD(f, "-drive", "file=made.img,if=none,id=a,size=3M", "-device",
			      "nvme,serial=A,drive=a", "--state", "state"));
	dmn_machine_free(f->machine);
	f->machine = NULL;
	assert_return_code(stat("made.img", &st), errno);
	assert_int_equal(st.st_size, 3 << 20);
	assert_return_code(access("state", F_OK), errno);
}

static void test_nothing_is_left_of_a_failure(void **state)
{
	struct fixture *f = *state;
	char buf[256];
	int fd = open("old.img", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_return_code(ftruncate(fd, 1 << 20), errno);
	close(fd);
	assert_null(BUILD(f, "--state", "state", "-drive", "file=made.img,if=none,id=m,size=1M",
			  "-drive", "file=old.img,if=none,id=o,size=2M", "-device",
			  "nvme,serial=A,drive=m", "-device", "nvme,serial=B,drive=o"));
	assert_non_null(strstr(f->err, "old.img"));
	assert_null(strchr(f->err, '\n'));
	assert_string_equal(files(".", buf, sizeof(buf)), "old.img ");
}

static void test_failure_keeps_older_state(void **state)
{
	struct fixture *f = *state;
	char before[256], after[256];

	assert_non_null(BUILD(f, "--state", "state", "-drive", "if=none,id=a,size=1M", "-device",
			      "nvme,serial=A,drive=a"));
	dmn_machine_free(f->machine);
	conf_free(&f->conf);
	files("state", before, sizeof(before));
	assert_true(strlen(before) > 0);
	/* another subsystem comes along, and the medium of its namespace cannot be made */
	assert_null(BUILD(f, "--state", "state", "-drive", "if=none,id=a,size=1M", "-drive",
			  "file=no/such/dir,if=none,id=b,size=1M", "-device",
			  "nvme,serial=A,drive=a", "-device", "nvme,serial=B,drive=b"));
	assert_string_equal(files("state", after, sizeof(after)), before);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		built(test_nodes_in_order),
		built(test_shared_namespace_is_on_every_controller),
		built(test_linux_names),
		built(test_watchers),
		built(test_devices),
		built(test_files_stay_when_all_is_well),
		built(test_nothing_is_left_of_a_failure),
		built(test_failure_keeps_older_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
