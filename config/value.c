/* SPDX-License-Identifier: MIT */
/*
 * value.c - values as QEMU writes them: numbers, sizes, booleans, identifiers.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uuid/uuid.h>

#include "conf_priv.h"

int conf_num(const char *text, uint64_t *num)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return -1; /* strtoull would take blanks and signs */
	errno = 0;
	*num = strtoull(text, &end, 0);
	return errno || *end ? -1 : 0;
}

/* Shift of a size's suffix, or -1. */
static int size_shift(char c)
{
	static const char suffix[] = "bkmgtpe";
	const char *p = c ? strchr(suffix, tolower((unsigned char)c)) : NULL;

	return p ? 10 * (int)(p - suffix) : -1;
}

/*
 * The part of a size after the point, in units of 2^shift bytes. Every decimal digit counts; what
 * is left below one byte is dropped. Digits past the eighteenth cannot change a byte of what
 * fits into 64 bits by much more than one, and are only checked.
 */
static uint64_t fraction(const char *digits, size_t n, int shift)
{
	unsigned __int128 num = 0, den = 1;
	size_t i;

	for (i = 0; i < n && i < 18; i++) {
		num = num * 10 + (unsigned int)(digits[i] - '0');
		den *= 10;
	}
	return (uint64_t)((num << shift) / den);
}

int conf_size(const char *text, uint64_t *num)
{
	uint64_t whole, part = 0;
	const char *digits = NULL;
	size_t nr_digits = 0;
	char *end;
	int shift = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return conf_num(text, num); /* 'b' and 'e' are digits there: no suffix */
	if (!isdigit((unsigned char)*text))
		return -1;
	errno = 0;
	whole = strtoull(text, &end, 10);
	if (errno)
		return -1;
	if (*end == '.') {
		digits = ++end;
		nr_digits = strspn(digits, "0123456789");
		end += nr_digits;
	}
	if (*end) {
		shift = size_shift(*end++);
		if (shift < 0 || *end)
			return -1;
	}
	if (shift && whole > UINT64_MAX >> shift)
		return -1;
	whole <<= shift;
	if (digits) {
		/* half a byte is no size */
		if (!shift && strspn(digits, "0") < nr_digits)
			return -1;
		part = fraction(digits, nr_digits, shift);
	}
	if (whole > UINT64_MAX - part)
		return -1;
	*num = whole + part;
	return 0;
}

int conf_bool(const char *text, bool *val)
{
	static const char *const words[][2] = {
		{ "off", "on" },
		{ "no", "yes" },
		{ "false", "true" },
		{ "n", "y" },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i][0]) && strcmp(text, words[i][1]))
			continue;
		*val = !strcmp(text, words[i][1]);
		return 0;
	}
	return -1;
}

static int hexdigit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 16 bytes of hexadecimal; a single dash may stand between two bytes */
static int parse_nguid(const char *text, uint8_t *bytes)
{
	unsigned int i;

	for (i = 0; i < 16; i++) {
		int hi, lo;

		if (i && *text == '-')
			text++;
		hi = hexdigit(text[0]);
		lo = hi < 0 ? -1 : hexdigit(text[1]);
		if (lo < 0)
			return -1;
		bytes[i] = (uint8_t)(hi << 4 | lo);
		text += 2;
	}
	return *text ? -1 : 0;
}

static int must(char *err, size_t len, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "must be WHAT, not 'TEXT'" */
static int must(char *err, size_t len, const char *text, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(err, len, "must be %s, not '%.80s'", what, text);
	return -1;
}

static int bad_number(const struct conf_key *k, const char *text, char *err, size_t len)
{
	const char *zero = k->flags & CONF_ZERO_OK ? "0 or " : "";

	if (k->allowed)
		return must(err, len, text, "%s", k->allowed);
	return must(err, len, text, "%sbetween %llu and %llu", zero, (unsigned long long)k->min,
		    (unsigned long long)k->max);
}

static bool number_ok(const struct conf_key *k, uint64_t n)
{
	if (!n && k->flags & CONF_ZERO_OK)
		return true;
	if (n < k->min || n > k->max)
		return false;
	if (k->flags & CONF_POWER2 && n & (n - 1))
		return false;
	return !(k->flags & CONF_SECTORS && n % 512);
}

static bool printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e)
			return false;
	return true;
}

static int value_string(const struct conf_key *k, const char *text, struct conf_value *v, char *err,
			size_t len)
{
	bool ascii = k->type == CONF_T_ASCII;
	size_t n = strlen(text);

	v->str = text;
	if ((!k->max || (n >= k->min && n <= k->max)) && (!ascii || printable(text)))
		return 0;
	return must(err, len, text, "%llu to %llu %scharacters", (unsigned long long)k->min,
		    (unsigned long long)k->max, ascii ? "printable ASCII " : "");
}

static int value_choice(const struct conf_key *k, const char *text, struct conf_value *v, char *err,
			size_t len)
{
	char list[120] = "";
	size_t i, n = 0;

	for (i = 0; k->choices[i]; i++) {
		if (!strcmp(text, k->choices[i])) {
			v->num = i;
			return 0;
		}
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s'%s'", i ? " or " : "",
					      k->choices[i]);
	}
	return must(err, len, text, "%s", list);
}

/* QEMU's PCI address: slot, or slot.function, in hexadecimal; @num: devfn, -1 as 32 bits */
static int parse_addr(const char *text, uint64_t *num)
{
	unsigned long slot, fn = 0;
	char *end;

	*num = UINT32_MAX;
	if (!strcmp(text, "-1"))
		return 0;
	if (hexdigit(*text) < 0)
		return -1;
	slot = strtoul(text, &end, 16);
	if (*end == '.' && hexdigit(end[1]) >= 0)
		fn = strtoul(end + 1, &end, 16);
	*num = slot << 3 | fn;
	return *end || slot > 31 || fn > 7 ? -1 : 0;
}

int conf_value(const struct conf_key *k, const char *text, struct conf_value *v, char *err,
	       size_t len)
{
	const char *digits;
	bool on;

	memset(v, 0, sizeof(*v));
	switch (k->type) {
	case CONF_T_BOOL:
		if (conf_bool(text, &on))
			return must(err, len, text, "'on' or 'off'");
		v->num = on;
		return 0;
	case CONF_T_AUTO:
		v->num = CONF_AUTO;
		if (!strcmp(text, "auto"))
			return 0;
		if (conf_bool(text, &on))
			return must(err, len, text, "'on', 'off' or 'auto'");
		v->num = on ? CONF_ON : CONF_OFF;
		return 0;
	case CONF_T_NUM:
		if (conf_num(text, &v->num) || !number_ok(k, v->num))
			return bad_number(k, text, err, len);
		return 0;
	case CONF_T_SIZE:
		if (conf_size(text, &v->num) || !number_ok(k, v->num))
			return bad_number(k, text, err, len);
		return 0;
	case CONF_T_OCTAL:
		digits = text + strspn(text, "01234567");
		if (digits == text || *digits || digits - text > 5)
			return bad_number(k, text, err, len);
		v->num = strtoull(text, NULL, 8);
		return number_ok(k, v->num) ? 0 : bad_number(k, text, err, len);
	case CONF_T_STR:
	case CONF_T_ASCII:
		return value_string(k, text, v, err, len);
	case CONF_T_CHOICE:
		return value_choice(k, text, v, err, len);
	case CONF_T_UUID:
		if (!strcmp(text, "auto"))
			uuid_generate(v->bytes);
		else if (strlen(text) != 36 || uuid_parse(text, v->bytes))
			return must(err, len, text, "a UUID or 'auto'");
		return 0;
	case CONF_T_ADDR:
		if (parse_addr(text, &v->num))
			return must(err, len, text, "SLOT or SLOT.FUNCTION, 0 to 1f and 0 to 7");
		return 0;
	case CONF_T_NGUID:
		if (!strcmp(text, "auto"))
			uuid_generate(v->bytes);
		else if (parse_nguid(text, v->bytes))
			return must(err, len, text, "16 bytes of hexadecimal or 'auto'");
		return 0;
	}
	return -1;
}
