/* SPDX-License-Identifier: MIT */
/*
 * test_sysfs.c - paths of the tree: what they name, how links and dots are walked, and that neither
 * reading nor writing anything, anywhere, does harm.
 */
#include <errno.h>
#include <stdlib.h>

#include "../../sysfs/sysfs.h"
#include "../daemon/mach.h"

#define MACHINE                                                                                    \
	"-device", "nvme-subsys,id=s", "-device",                                                  \
		"nvme,serial=A,subsys=s,sriov_max_vfs=1,sriov_vq_flexible=2,sriov_vi_flexible=1",  \
		"-drive", "if=none,id=d,size=1M", "-device", "nvme-ns,drive=d", "-device",         \
		"nvme,serial=B"
#define FN "devices/pci0000:00/0000:01:00.0"

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		int follow;
		int ret;
		const char *canon;
		enum sys_kind kind;
	} t[] = {
		{ "", 1, 0, "", SYS_DIR },
		{ "/", 1, 0, "", SYS_DIR },
		{ "//bus//./pci/", 1, 0, "bus/pci", SYS_DIR },
		{ "bus/../../class/nvme", 1, 0, "class/nvme", SYS_DIR },
		{ "class/nvme/nvme0", 0, 0, "class/nvme/nvme0", SYS_LINK },
		{ "class/nvme/nvme0/", 0, 0, FN "/nvme/nvme0", SYS_DIR },
		{ "class/nvme/nvme0", 1, 0, FN "/nvme/nvme0", SYS_DIR },
		{ "class/nvme/nvme0/..", 1, 0, FN "/nvme", SYS_DIR },
		{ "class/nvme/nvme0/device/vendor", 1, 0, FN "/vendor", SYS_FILE },
		{ "class/nvme/nvme0/device/vendor/", 1, -ENOTDIR, NULL, 0 },
		{ "class/nvme/nvme0/device/vendor/x", 1, -ENOTDIR, NULL, 0 },
		{ "class/nvme/nvme0/device/vendor/..", 1, -ENOTDIR, NULL, 0 },
		{ "class/nvme/nvme9", 1, -ENOENT, NULL, 0 },
		{ "class/nvme/nvme0n1", 1, -ENOENT, NULL, 0 },
		{ "class/nvme/%C", 1, -ENOENT, NULL, 0 },
		{ "class/nvme-generic/ng0n1/device/model", 1, 0, FN "/nvme/nvme0/model", SYS_FILE },
		{ "class/nvme-subsystem/nvme-subsys0/nvme0/nvme0n1/nsid", 1, 0,
		  FN "/nvme/nvme0/nvme0n1/nsid", SYS_FILE },
		{ "class/nvme-subsystem/nvme-subsys0/nvme1", 1, -ENOENT, NULL, 0 },
		{ "class/nvme-subsystem/nvme-subsys1/nvme1/state", 1, 0,
		  "devices/pci0000:00/0000:02:00.0/nvme/nvme1/state", SYS_FILE },
		{ "bus/pci/drivers/nvme/0000:02:00.0/driver/0000:01:00.0/class", 1, 0, FN "/class",
		  SYS_FILE },
		{ FN "/nvme/nvme1", 1, -ENOENT, NULL, 0 },
		{ FN "/virtfn0", 1, -ENOENT, NULL, 0 },
		{ FN "/physfn", 1, -ENOENT, NULL, 0 },
		{ FN "/resource0", 1, 0, FN "/resource0", SYS_FILE },
		{ FN "/resource1", 1, -ENOENT, NULL, 0 },
		{ "devices/pci0000:00/0000:02:00.0/sriov_numvfs", 1, -ENOENT, NULL, 0 },
		{ "devices/pci0000:00/0000:01:00.1", 1, -ENOENT, NULL, 0 },
	};
	struct fixture *f = *state;
	struct sys s = { 0 };

	s.m = BUILD(f, MACHINE);
	assert_non_null(s.m);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		char canon[SYS_PATH_MAX];
		struct sys_ent e;
		int ret = sys_resolve(&s, t[i].path, t[i].follow, canon, &e);

		if (ret != t[i].ret || (!ret && strcmp(canon, t[i].canon)))
			fail_msg("%s: %d, %s", t[i].path, ret, ret ? "" : canon);
		if (!ret)
			assert_int_equal(e.kind, t[i].kind);
	}
}

static void test_long_paths(void **state)
{
	struct fixture *f = *state;
	char path[4096], canon[SYS_PATH_MAX];
	struct sys s = { 0 };
	struct sys_ent e;

	s.m = BUILD(f, MACHINE);
	path[0] = '\0';
	while (strlen(path) < 4000)
		strcat(path, "bus/../");
	assert_int_equal(sys_resolve(&s, path, true, canon, &e), -ENAMETOOLONG);
	memset(path, 'x', 600);
	path[600] = '\0';
	assert_true(sys_resolve(&s, path, true, canon, &e) < 0);
	path[300] = '\0';
	assert_int_equal(sys_resolve(&s, path, true, canon, &e), -ENOENT);
}

/* what came through another door is longer than an attribute: it is cut off, as its file is */
static void test_long_text(void **state)
{
	struct fixture *f = *state;
	char text[20000], buf[2 * SYS_TEXT_MAX], canon[SYS_PATH_MAX];
	struct sys s = { 0 };
	struct sys_ent e;

	s.m = BUILD(f, MACHINE);
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(dmn_fn_override(dmn_fns(s.m), text), -EINVAL);
	text[SYS_TEXT_MAX - 2] = '\0';
	assert_int_equal(dmn_fn_override(dmn_fns(s.m), text), 0);
	assert_int_equal(sys_resolve(&s, FN "/driver_override", true, canon, &e), 0);
	assert_int_equal(sys_read(&e, buf, sizeof(buf), 0), SYS_TEXT_MAX - 1);
	assert_int_equal(sys_read(&e, buf, sizeof(buf), SYS_TEXT_MAX - 1), 0);
}

/* ---- everything there is ---- */

struct walk {
	const struct sys *s;
	char dir[SYS_PATH_MAX];
	unsigned int entries, files;
	void (*each)(struct walk *w, const char *path, const struct sys_ent *e);
	uint64_t seed;
};

static int walk_one(void *arg, const char *name, const struct sys_ent *e)
{
	struct walk *w = arg, sub = *w;
	char path[SYS_PATH_MAX];
	struct sys_ent again;

	assert_in_range(snprintf(path, sizeof(path), "%s%s%s", w->dir, *w->dir ? "/" : "", name), 1,
			SYS_PATH_MAX - 1);
	/* what is listed is found, and is the same */
	assert_int_equal(sys_find(w->s, path, &again), 0);
	assert_int_equal(again.kind, e->kind);
	assert_int_equal(again.mode, e->mode);
	w->entries++;
	w->each(w, path, &again);
	if (e->kind != SYS_DIR)
		return 0;
	strcpy(sub.dir, path);
	sys_list(w->s, path, walk_one, &sub);
	w->entries = sub.entries;
	w->files = sub.files;
	w->seed = sub.seed;
	return 0;
}

static void check_one(struct walk *w, const char *path, const struct sys_ent *e)
{
	char buf[SYS_TEXT_MAX + 1], canon[SYS_PATH_MAX];
	struct sys_ent to;
	ssize_t n = sys_read(e, buf, SYS_TEXT_MAX, 0);

	if (e->kind == SYS_DIR) {
		assert_int_equal(n, -EISDIR);
		return;
	}
	if (e->kind == SYS_LINK) {
		assert_true(n > 0);
		if (sys_resolve(w->s, path, true, canon, &to))
			fail_msg("%s leads nowhere", path);
		return;
	}
	w->files++;
	assert_int_equal(n == -EIO, !sys_may(e, 4)); /* R_OK */
	if (n > 0 && !e->binary) {
		assert_int_equal(buf[n - 1], '\n');
		buf[n] = '\0';
		assert_int_equal(strlen(buf), n);
		/* in pieces it is the same */
		assert_int_equal(sys_read(e, canon, 3, 0), n < 3 ? n : 3);
		assert_memory_equal(canon, buf, n < 3 ? n : 3);
		assert_int_equal(sys_read(e, canon, 8, (uint64_t)n), 0);
	}
	if (e->binary) {
		assert_int_equal(sys_read(e, buf, 8, e->size), 0);
		assert_int_equal(sys_read(e, buf, 8, UINT64_MAX), 0);
		assert_int_equal(sys_read(e, buf, 8, e->size - 3), 3);
	}
}

static void test_everything(void **state)
{
	struct fixture *f = *state;
	struct sys s = { 0 };
	struct walk w = { .s = &s, .each = check_one };

	s.m = BUILD(f, MACHINE);
	assert_int_equal(sys_list(&s, "", walk_one, &w), 0);
	assert_in_range(w.entries, 150, 1000);
	assert_in_range(w.files, 100, 1000);
}

/* ---- bad input: texts and bytes nobody should write, into everything that can be written ---- */

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return *seed >> 33;
}

static void scribble_one(struct walk *w, const char *path, const struct sys_ent *e)
{
	static const char *const texts[] = {
		"",
		"\n",
		"x",
		"-1",
		"1",
		"0",
		"2",
		"65536",
		"18446744073709551616",
		"0x",
		" 1",
		"1 ",
		"0000:01:00.0",
		"0000:01:00.1",
		"0000:02:00.0",
		"nvme\n",
		"default",
		"1b36 0010",
		"%s%n",
		"0000:01:00.0\nx",
	};
	uint8_t bytes[64];
	char big[SYS_TEXT_MAX + 8];

	if (e->kind != SYS_FILE || !sys_may(e, 2)) { /* W_OK */
		assert_true(sys_write(e, "1", 1, 0) < 0);
		return;
	}
	memset(big, '1', sizeof(big));
	for (unsigned int i = 0; i < 6; i++) {
		const char *text = texts[next(&w->seed) % (sizeof(texts) / sizeof(texts[0]))];
		struct sys_ent now;

		if (sys_find(w->s, path, &now))
			return; /* it took itself away */
		if (!now.binary) {
			ssize_t n = sys_write(&now, text, strlen(text), 0);

			assert_true(n < 0 || n == (ssize_t)strlen(text));
			if (!sys_find(w->s, path, &now))
				assert_int_equal(sys_write(&now, big, sizeof(big), 0), -EINVAL);
			continue;
		}
		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (uint8_t)next(&w->seed);
		sys_write(&now, bytes, next(&w->seed) % sizeof(bytes), next(&w->seed) % now.size);
		assert_true(sys_write(&now, bytes, 8, now.size) <= 0);
		assert_true(sys_write(&now, bytes, 8, UINT64_MAX - 3) <= 0);
		assert_true(sys_write(&now, bytes, 8, now.size - 4) < 8);
	}
}

/** struct names - all of a directory's: what is written may take others away */
struct names {
	char name[96][64];
	unsigned int nr;
};

static int collect(void *arg, const char *name, const struct sys_ent *e)
{
	struct names *n = arg;

	assert_in_range(n->nr, 0, 95);
	strcpy(n->name[n->nr++], name);
	return 0;
}

static void scribble_dir(struct walk *w, const char *dir)
{
	struct names n = { .nr = 0 };
	struct sys_ent e;

	if (sys_find(w->s, dir, &e))
		return;
	sys_list(w->s, dir, collect, &n);
	for (unsigned int i = 0; i < n.nr; i++) {
		char path[SYS_PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", dir, n.name[i]);
		if (!sys_find(w->s, path, &e))
			scribble_one(w, path, &e);
	}
}

static void test_bad_input(void **state)
{
	static const char *const dirs[] = { FN,
					    "bus/pci",
					    "bus/pci/drivers/nvme",
					    "devices/pci0000:00/0000:02:00.0",
					    "devices/pci0000:00/0000:01:00.1",
					    FN "/nvme/nvme0" };
	struct fixture *f = *state;
	struct sys s = { 0 };
	struct walk w = { .s = &s, .seed = 1 };
	const char *seeds = getenv("NVMESIM_SEEDS");
	unsigned long rounds = seeds ? strtoul(seeds, NULL, 0) : 20;
	struct sys_ent e;

	s.m = BUILD(f, MACHINE);
	for (unsigned long i = 0; i < rounds; i++) {
		for (size_t k = 0; k < sizeof(dirs) / sizeof(dirs[0]); k++)
			scribble_dir(&w, dirs[k]);
		run_loop(f, 1);
	}
	/* and it is a machine still */
	assert_int_equal(sys_find(&s, "bus/pci/rescan", &e), 0);
	assert_int_equal(sys_write(&e, "1", 1, 0), 1);
	assert_int_equal(sys_find(&s, FN "/vendor", &e), 0);
	w.each = check_one;
	w.dir[0] = '\0';
	assert_int_equal(sys_list(&s, "", walk_one, &w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		built(test_paths),
		built(test_long_paths),
		built(test_long_text),
		built(test_everything),
		built(test_bad_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
