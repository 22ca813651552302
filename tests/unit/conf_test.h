/* SPDX-License-Identifier: MIT */
/*
 * conf_test.h - how the tests of config/ say what they read
 */
#ifndef NVMESIM_CONF_TEST_H
#define NVMESIM_CONF_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "../../config/conf.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Options, "-drive X", "-device X" and "-object X" by turns; then linked. Return: 0 or -1 with @err. */
static inline int read_words(struct conf *c, const char *const *word, size_t n, char *err,
			     size_t len)
{
	size_t i;

	conf_init(c);
	err[0] = '\0';
	for (i = 0; i < n && word[i]; i++) {
		const char *opt = !strncmp(word[i], "-drive ", 7)  ? "-drive" :
				  !strncmp(word[i], "-object ", 8) ? "-object" :
								     "-device";

		if (conf_word(c, opt, strchr(word[i], ' ') + 1, NULL, err, len))
			return -1;
	}
	return conf_link(c, err, len);
}

/* A file's text, called "t.conf"; not linked. */
static inline int read_bytes(struct conf *c, const void *text, size_t n, char *err, size_t len)
{
	FILE *f = n ? fmemopen((void *)text, n, "r") : fopen("/dev/null", "r");
	int ret;

	assert_non_null(f);
	conf_init(c);
	err[0] = '\0';
	ret = conf_read_file(c, f, "t.conf", err, len);
	fclose(f);
	return ret;
}

static inline int read_text(struct conf *c, const char *text, char *err, size_t len)
{
	int ret = read_bytes(c, text, strlen(text), err, len);

	return ret ? ret : conf_link(c, err, len);
}

#endif /* NVMESIM_CONF_TEST_H */
