/* SPDX-License-Identifier: MIT */
/*
 * media_fx.h - blocks on a store with nothing around them: for tests of core/media/ alone.
 */
#ifndef TESTS_MEDIA_FX_H
#define TESTS_MEDIA_FX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/ctrl/ctrl.h"
#include "../../core/media/media.h"
#include "../../store/store.h"

/** struct fx - a subsystem of which only what media needs is there */
struct fx {
	struct sim_subsys s;
	struct sim_media m;
	struct sim_media_params p;
	struct sim_req req;
	char dir[64];
};

/** fx_lbaf() - the blocks of @fx->p: as many as @st holds */
static inline void fx_lbaf(struct fx *fx, struct sim_store *st, uint8_t lbads, uint16_t ms)
{
	fx->p = (struct sim_media_params){
		.subsys = &fx->s,
		.store = st,
		.nsid = 1,
		.lbads = lbads,
		.ms = ms,
		.pi_len = ms >= 8 ? 8 : 0,
		.nr = st->size / ((1u << lbads) + ms),
	};
}

static inline void fx_journal(struct fx *fx)
{
	struct sim_msg msg = { "" };

	if (store_journal_open(fx->dir, "n", &fx->s.journal, &msg))
		fail_msg("%s", msg.text);
}

static inline void fx_open(struct fx *fx)
{
	struct sim_msg msg = { "" };

	assert_int_equal(sim_stage_open(&fx->s), 0);
	if (sim_media_open(&fx->m, &fx->p, &msg))
		fail_msg("%s", msg.text);
}

static inline void fx_close(struct fx *fx, bool forget)
{
	sim_media_close(&fx->m, forget);
	memset(&fx->m, 0, sizeof(fx->m));
	sim_stage_close(&fx->s);
}

static inline struct fx *fx_new(void)
{
	struct fx *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	store_anon_areas(&fx->s.journal);
	strcpy(fx->dir, "media-test-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	return fx;
}

static inline void fx_free(struct fx *fx)
{
	DIR *d = opendir(fx->dir);
	struct dirent *e;

	store_journal_close(&fx->s.journal);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(fx->dir);
	free(fx);
}

static inline struct sim_store *fx_ram(uint64_t size)
{
	struct sim_msg msg = { "" };
	struct sim_store *st = store_ram_new(size, &msg);

	if (!st)
		fail_msg("%s", msg.text);
	return st;
}

static inline struct sim_store *fx_file(struct fx *fx, uint64_t size)
{
	struct sim_msg msg = { "" };
	struct sim_store *st;
	char path[96];

	snprintf(path, sizeof(path), "%s/medium", fx->dir);
	st = store_file_new(&(struct store_file_params){
		.path = path, .size = size, .create = true }, &msg);
	if (!st)
		fail_msg("%s", msg.text);
	return st;
}

static inline bool is_alloc(struct fx *fx, uint64_t lba)
{
	return sim_blocks_find_alloc(&fx->m.blocks, lba, lba + 1, true) == lba;
}

static inline bool is_bad(struct fx *fx, uint64_t lba)
{
	return sim_blocks_find_bad(&fx->m.blocks, lba, lba + 1, true) == lba;
}

#endif /* TESTS_MEDIA_FX_H */
