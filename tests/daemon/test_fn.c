/* SPDX-License-Identifier: MIT */
/*
 * test_fn.c - functions on buses, the driver that has them or not, VFs, hotplug.
 */
#include <linux/nvme_ioctl.h>

#include "mach.h"

#define SUBSYS "-device", "nvme-subsys,id=s"
#define PF                                                                                         \
	"-device", "nvme,serial=A,subsys=s,sriov_max_vfs=2,sriov_vq_flexible=4,sriov_vi_flexible=" \
		   "2"
#define SHARED "-drive", "if=none,id=d,size=1M", "-device", "nvme-ns,drive=d"

static const char *addresses(struct dmn_machine *m, char *buf, size_t len)
{
	buf[0] = '\0';
	for (struct dmn_fn *f = dmn_fns(m); f; f = f->next)
		if (f->present)
			add_word(buf, len, f->name);
	return buf;
}

#define assert_nodes(f, text)                                                                      \
	do {                                                                                       \
		char buf_[256];                                                                    \
		assert_string_equal(nodes((f)->machine, buf_, sizeof(buf_)), text);                \
	} while (0)
#define assert_functions(f, text)                                                                  \
	do {                                                                                       \
		char buf_[256];                                                                    \
		assert_string_equal(addresses((f)->machine, buf_, sizeof(buf_)), text);            \
	} while (0)

static struct dmn_fn *at(struct fixture *f, const char *name)
{
	struct dmn_fn *fn = dmn_fn_find(f->machine, name);

	assert_non_null(fn);
	return fn;
}

static void test_addresses(void **state)
{
	struct fixture *f = *state;

	assert_non_null(BUILD(f, "-device", "nvme,serial=a", "-device", "nvme,serial=b,bus=x",
			      "-device", "nvme,serial=c", "-device", "nvme,serial=d,bus=x",
			      "-device", "nvme,serial=e,bus=pcie.0", "-device",
			      "nvme,serial=f,addr=0x1f"));
	assert_functions(f, "0000:00:01.0 0000:01:00.0 0000:02:00.0 0000:02:01.0 0000:03:00.0 "
			    "0000:04:1f.0 ");
	/* the numbers of nodes are those of the configuration's order, whatever the addresses */
	assert_int_equal(at(f, "0000:00:01.0")->index, 4);
	assert_int_equal(at(f, "0000:03:00.0")->index, 2);
	assert_null(dmn_fn_find(f->machine, "0000:05:00.0"));
}

static void test_bad_addresses(void **state)
{
	static const struct {
		const char *a, *b, *err;
	} t[] = {
		{ "nvme,serial=a,bus=x,addr=3", "nvme,serial=b,bus=x,addr=3.0", "taken" },
		{ "nvme,serial=a,bus=x,addr=3", "nvme,serial=b,bus=x,addr=3.1", "single function" },
		{ "nvme,serial=a,bus=x,addr=3.1", "nvme,serial=b,bus=x,addr=3", "single function" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_null(BUILD(f, "-device", t[i].a, "-device", t[i].b));
		assert_non_null(strstr(f->err, t[i].err));
		conf_free(&f->conf);
	}
	/* where a VF would be, there is somebody */
	assert_null(BUILD(f, SUBSYS, "-device",
			  "nvme,serial=A,subsys=s,bus=x,addr=1.1,multifunction=on", "-device",
			  "nvme,serial=A,subsys=s,bus=x,addr=1.0,multifunction=on,sriov_max_vfs=1,"
			  "sriov_vq_flexible=2,sriov_vi_flexible=1"));
	assert_non_null(strstr(f->err, "taken"));
}

static void test_bind(void **state)
{
	struct fixture *f = *state;
	struct dmn_fn *fn;

	assert_non_null(BUILD(f, "-device", "nvme,serial=a", "-device", "nvme,serial=b"));
	fn = at(f, "0000:01:00.0");
	assert_int_equal(dmn_fn_bind(fn, NULL), -EBUSY);
	assert_int_equal(dmn_fn_unbind(fn), 0);
	assert_nodes(f, "nvmesim1 ");
	assert_int_equal(dmn_fn_unbind(fn), -ENODEV);
	assert_int_equal(dmn_fn_reset(fn), 0);
	assert_int_equal(dmn_fn_override(fn, "other"), 0);
	assert_int_equal(dmn_fn_bind(fn, NULL), -ENODEV);
	assert_int_equal(dmn_fn_override(fn, "nvme"), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(dmn_fn_bind(fn, NULL), 0);
		assert_nodes(f, "nvmesim0 nvmesim1 ");
		assert_int_equal(dmn_fn_reset(fn), 0);
		assert_nodes(f, "nvmesim0 nvmesim1 ");
		assert_int_equal(dmn_fn_unbind(fn), 0);
	}
	assert_int_equal(dmn_fn_take_off(fn), 0);
	assert_functions(f, "0000:02:00.0 ");
	assert_int_equal(dmn_fn_take_off(fn), -ENODEV);
	assert_int_equal(dmn_fn_bind(fn, NULL), -ENODEV);
	dmn_rescan(f->machine);
	assert_functions(f, "0000:01:00.0 0000:02:00.0 ");
	assert_nodes(f, "nvmesim0 nvmesim1 ");
}

/* BARs have addresses that do not overlap, also after a reset, and after being found again */
static void test_bars(void **state)
{
	struct fixture *f = *state;
	struct dmn_fn *a, *b;
	uint64_t at_a, at_b;

	assert_non_null(BUILD(f, "-device", "nvme,serial=a", "-device", "nvme,serial=b"));
	a = at(f, "0000:01:00.0");
	b = at(f, "0000:02:00.0");
	at_a = (sim_cfg_read(a->fn, 0x10, 4) & ~0xfu) | (uint64_t)sim_cfg_read(a->fn, 0x14, 4)
								<< 32;
	at_b = (sim_cfg_read(b->fn, 0x10, 4) & ~0xfu) | (uint64_t)sim_cfg_read(b->fn, 0x14, 4)
								<< 32;
	assert_true(at_a && at_b >= at_a + sim_bar_size(a->fn, 0));
	assert_int_equal(at_b % sim_bar_size(b->fn, 0), 0);
	assert_int_equal(dmn_fn_reset(a), 0);
	assert_int_equal((sim_cfg_read(a->fn, 0x10, 4) & ~0xfu) |
				 (uint64_t)sim_cfg_read(a->fn, 0x14, 4) << 32,
			 at_a);
}

/* Virtualization Management (Base 2.1, 5.2.6): @act on controller @cntlid with @nr of resource @rt
 */
static int virt(struct dmn_fn *f, unsigned int act, unsigned int cntlid, unsigned int rt,
		unsigned int nr)
{
	struct nvme_passthru_cmd64 cmd = {
		.opcode = 0x1c,
		.cdw10 = cntlid << 16 | rt << 8 | act,
		.cdw11 = nr,
	};

	return (int)host_admin_sync(f->dev, &cmd);
}

static void release(struct dmn_fn *pf)
{
	assert_int_equal(virt(pf, 1, 0, 0, 0), 0);
	assert_int_equal(virt(pf, 1, 0, 1, 0), 0);
	assert_int_equal(dmn_fn_reset(pf), 0);
}

static void online(struct dmn_fn *pf, unsigned int cntlid)
{
	assert_int_equal(virt(pf, 8, cntlid, 0, 2), 0);
	assert_int_equal(virt(pf, 8, cntlid, 1, 1), 0);
	assert_int_equal(virt(pf, 9, cntlid, 0, 0), 0);
}

static void test_vfs(void **state)
{
	struct fixture *f = *state;
	struct dmn_fn *pf, *vf;

	assert_non_null(BUILD(f, SUBSYS, PF, SHARED, "-device", "nvme,serial=A,subsys=s"));
	pf = at(f, "0000:01:00.0");
	assert_functions(f, "0000:01:00.0 0000:02:00.0 ");
	assert_int_equal(dmn_fn_set_vfs(pf, 3), -ERANGE);
	assert_int_equal(dmn_fn_set_vfs(at(f, "0000:02:00.0"), 1), -ENOENT);
	assert_int_equal(dmn_fn_set_vfs(pf, 0), 0);
	release(pf);
	assert_int_equal(dmn_fn_set_vfs(pf, 2), 0);
	assert_functions(f, "0000:01:00.0 0000:01:00.1 0000:01:00.2 0000:02:00.0 ");
	assert_nodes(f, "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 ");
	assert_int_equal(dmn_fn_set_vfs(pf, 2), 0);
	assert_int_equal(dmn_fn_set_vfs(pf, 1), -EBUSY);
	vf = at(f, "0000:01:00.2");
	assert_true(dmn_fn_bind(vf, NULL) < 0);
	assert_int_equal(vf->index, -1);

	online(pf, 2);
	assert_int_equal(dmn_fn_bind(vf, NULL), 0);
	assert_nodes(f, "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 nvmesim2 nvmesim2n1 ");
	assert_int_equal(dmn_fn_unbind(vf), 0);
	assert_nodes(f, "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 ");
	/* the number is the function's, whoever is bound first */
	online(pf, 1);
	assert_int_equal(dmn_fn_bind(at(f, "0000:01:00.1"), NULL), 0);
	assert_int_equal(dmn_fn_bind(vf, NULL), 0);
	assert_int_equal(at(f, "0000:01:00.1")->index, 3);
	assert_int_equal(vf->index, 2);

	/* offline: the driver loses it */
	assert_int_equal(virt(pf, 7, 2, 0, 0), 0);
	run_loop(f, 50);
	assert_false(vf->bound);
	assert_nodes(f, "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 nvmesim3 nvmesim3n1 ");

	assert_int_equal(dmn_fn_set_vfs(pf, 0), 0);
	assert_functions(f, "0000:01:00.0 0000:02:00.0 ");
	assert_nodes(f, "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 ");
	assert_false(vf->present);
	assert_int_equal(dmn_fn_bind(vf, NULL), -ENODEV);
	/* and at last with its PF */
	assert_int_equal(dmn_fn_set_vfs(pf, 2), 0);
	assert_int_equal(dmn_fn_take_off(pf), 0);
	assert_functions(f, "0000:02:00.0 ");
	dmn_rescan(f->machine);
	assert_functions(f, "0000:01:00.0 0000:02:00.0 ");
}

/* VFs that somebody enabled with setpci are on the bus as well */
static void test_vfs_by_config_space(void **state)
{
	struct fixture *f = *state;
	struct dmn_fn *pf;
	uint32_t cap;

	assert_non_null(BUILD(f, SUBSYS, PF));
	pf = at(f, "0000:01:00.0");
	cap = dmn_fn_cap(pf, true, 0x10);
	assert_true(cap);
	sim_cfg_write(pf->fn, cap + 0x10, 2, 1);
	sim_cfg_write(pf->fn, cap + 0x08, 2, 9);
	run_loop(f, 50);
	assert_functions(f, "0000:01:00.0 0000:01:00.1 ");
	assert_int_equal(dmn_fn_set_vfs(pf, 2), -EBUSY);
	sim_cfg_write(pf->fn, cap + 0x08, 2, 0);
	run_loop(f, 50);
	assert_functions(f, "0000:01:00.0 ");
	/* by a reset, too */
	assert_int_equal(dmn_fn_set_vfs(pf, 1), 0);
	sim_fn_reset(pf->fn, SIM_RESET_CONVENTIONAL);
	run_loop(f, 50);
	assert_functions(f, "0000:01:00.0 ");
	assert_nodes(f, "nvmesim0 ");
}

static struct dmn_fn *plug(struct fixture *f, const char *a, const char *b)
{
	const char *words[] = { a, b };

	return dmn_hot_add(f->machine, words, b ? 2 : 1, f->err, sizeof(f->err));
}

static void test_hotplug(void **state)
{
	struct fixture *f = *state;
	struct dmn_fn *fn;

	assert_non_null(BUILD(f, SUBSYS, "-device", "nvme,serial=A,subsys=s", SHARED));
	fn = plug(f, "nvme,serial=A,subsys=s", NULL);
	assert_non_null(fn);
	assert_string_equal(fn->name, "0000:02:00.0");
	assert_nodes(f, "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 ");
	assert_int_equal(dmn_hot_remove(fn, false), 0);
	assert_nodes(f, "nvmesim0 nvmesim0n1 ");
	assert_functions(f, "0000:01:00.0 ");
	/* its place is free again; with a medium of its own, in a file that a second use would
	 * refuse */
	for (int i = 0; i < 3; i++) {
		fn = plug(f, "if=none,id=h,file=h.img,size=1M", "nvme,serial=B,drive=h");
		if (!fn)
			fail_msg("%s", f->err);
		assert_string_equal(fn->name, "0000:02:00.0");
		assert_nodes(f, "nvmesim0 nvmesim0n1 nvmesim1 nvmesim1n1 ");
		assert_int_equal(dmn_hot_remove(fn, i & 1), 0);
	}
	/* the first one, with the namespaces that stay in the subsystem */
	assert_int_equal(dmn_hot_remove(at(f, "0000:01:00.0"), true), 0);
	assert_nodes(f, "");
	fn = plug(f, "nvme,serial=A,subsys=s", NULL);
	assert_non_null(fn);
	assert_nodes(f, "nvmesim0 nvmesim0n1 ");
}

static void test_bad_hotplug(void **state)
{
	static const struct {
		const char *a, *b, *err;
	} t[] = {
		{ "nvme,serial=B,subsys=s", NULL, "invalid controller serial" },
		{ "nvme,serial=B,subsys=none", NULL, "not found" },
		{ "nvme,serial=C", NULL, "there is a subsystem" },
		{ "nvme,subsys=s", NULL, "serial property not set" },
		{ "nvme,serial=B,drive=x", NULL, "can't find value" },
		{ "nvme-subsys,id=x", NULL, "cannot be plugged in" },
		{ "if=none,id=h,size=1M", NULL, "one controller" },
		{ "nvme,serial=B", "nvme,serial=D", "one controller" },
		{ "nvme,serial=B,bus=y,addr=1.1", NULL, "single function" },
		{ "if=none,id=h,file=/nowhere/h.img,size=1M", "nvme,serial=B,drive=h", "/nowhere" },
		{ "nvme,serial=A,subsys=s", "nvme-ns,drive=h", "" },
		{ "nvme,serial=A,subsys=s,sriov_max_vfs=3", NULL, "sriov" },
		{ "nvme,serial=B,mdts=99", NULL, "mdts" },
	};
	struct fixture *f = *state;

	assert_non_null(BUILD(f, SUBSYS, "-device", "nvme,serial=A,subsys=s", "-device",
			      "nvme,serial=C", "-drive", "if=none,id=d,size=1M", "-device",
			      "nvme-ns,drive=d"));
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		f->err[0] = '\0';
		assert_null(plug(f, t[i].a, t[i].b));
		if (!strstr(f->err, t[i].err) || !f->err[0])
			fail_msg("%s: %s", t[i].a, f->err);
		assert_nodes(f, "nvmesim0 nvmesim1 nvmesim1n1 ");
		assert_functions(f, "0000:01:00.0 0000:02:00.0 ");
	}
	/* nothing of it is in the way */
	assert_non_null(plug(f, "nvme,serial=B", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		built(test_addresses), built(test_bad_addresses), built(test_bind),
		built(test_bars),      built(test_vfs),		  built(test_vfs_by_config_space),
		built(test_hotplug),   built(test_bad_hotplug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
