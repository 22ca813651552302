/* SPDX-License-Identifier: MIT */
/*
 * conf_priv.h - private to config/: the key table and what the readers share.
 */
#ifndef NVMESIM_CONF_PRIV_H
#define NVMESIM_CONF_PRIV_H

#include <stddef.h>

#include "conf.h"

#define CONF_NQN_MAX	   223 /* bytes; NVMe base specification, 4.7 */
#define CONF_MAX_NSID	   256
#define CONF_MAX_CTRLS	   256 /* controllers of one subsystem */
#define CONF_MAX_ZDES	   (255 * 64) /* bytes; the field counts 64 bytes and has 8 bits */
#define CONF_EUI64_DEFAULT 0x5254000000000000ull /* eui64-default: this and a running number */

/** enum conf_kind - what a key belongs to */
enum conf_kind {
	CONF_SUBSYS,
	CONF_CTRL,
	CONF_NS,
	CONF_DRIVE,
	CONF_MEMORY,
	CONF_DAEMON,
	CONF_NR_KINDS
};

/**
 * struct conf_kind_row - a kind of object, as both readers name it
 * @section: "[section X]" in a file
 * @driver:  QEMU's device name, or NULL
 * @bus, @desc: as `-device help` prints them
 * @help: what the object is, for the example and the manual page
 */
struct conf_kind_row {
	const char *section;
	const char *driver;
	const char *bus;
	const char *desc;
	const char *help;
};

extern const struct conf_kind_row conf_kinds[CONF_NR_KINDS];

enum conf_type {
	CONF_T_BOOL,   /* on, yes, true, y; off, no, false, n */
	CONF_T_AUTO,   /* on, off, auto: enum conf_onoffauto */
	CONF_T_NUM,    /* decimal, 0x hexadecimal, 0 octal */
	CONF_T_OCTAL,  /* permission bits */
	CONF_T_SIZE,   /* bytes, with b k M G T P E */
	CONF_T_STR,    /* @min..@max characters */
	CONF_T_ASCII,  /* the same, printable ASCII: what goes into an Identify string */
	CONF_T_CHOICE, /* one of @choices; the number is its place */
	CONF_T_UUID,   /* RFC 4122 text, or auto */
	CONF_T_ADDR,   /* PCI slot and function, "4" or "0x4.1", as devfn; -1: none */
	CONF_T_NGUID,  /* 16 bytes of hexadecimal, dashes between bytes, or auto */
};

enum conf_key_flags {
	CONF_LATER = 1 << 0,	 /* known, not supported yet: only the default is taken */
	CONF_MANDATORY = 1 << 1, /* no default */
	CONF_ONLY_FILE = 1 << 2,
	CONF_ONLY_WORDS = 1 << 3,
	CONF_NO_HELP = 1 << 4,	/* `-device X,help` does not list it, as QEMU does not */
	CONF_ZERO_OK = 1 << 5,	/* 0 besides @min..@max */
	CONF_POWER2 = 1 << 6,	/* a power of two */
	CONF_SECTORS = 1 << 7,	/* a multiple of 512 */
	CONF_OWN_DRIVE = 1 << 8, /* a namespace's key; the target is in its own drive */
};

/**
 * struct conf_key - one key
 * @off, @size: target in the kind's struct; @size 0: none (CONF_LATER, or the reader takes it)
 * @min, @max: of the number, or of the string's length (@max 0: any)
 * @def: default, as one writes it; NULL: nothing
 * @qtype: type name in help, QEMU's
 * @allowed: says what is allowed, after "must be"; NULL: said from @min and @max
 * @choices: of CONF_T_CHOICE, NULL terminated
 * @example: in nvmesim.conf.example; NULL: the default
 * @help: one line
 *
 * A name that ends with '*' stands for every key that begins so.
 */
struct conf_key {
	enum conf_kind kind;
	enum conf_type type;
	const char *name;
	uint16_t off, size;
	unsigned int flags;
	uint64_t min, max;
	const char *def;
	const char *qtype;
	const char *allowed;
	const char *const *choices;
	const char *example;
	const char *help;
};

extern const struct conf_key conf_keys[];
extern const unsigned int conf_nr_keys;

#define CONF_MAX_KEYS 160 /* of the table; see struct conf_obj */

/* ---- values (value.c) ---- */

/** struct conf_value - a value read */
struct conf_value {
	uint64_t num;
	const char *str;
	uint8_t bytes[16];
};

/** conf_num() - "12", "0x1f", "017". Return: 0, or -1 when it is none or past 64 bits. */
int conf_num(const char *text, uint64_t *num);

/** conf_size() - "4096", "0x1000", "4k", "1.5G". Return: 0 or -1. */
int conf_size(const char *text, uint64_t *num);

/** conf_bool() - Return: 0 or -1 */
int conf_bool(const char *text, bool *val);

/**
 * conf_value() - read @text as key @k wants it
 * Return: 0; -1 with what is wrong, and what is allowed, in @err.
 */
int conf_value(const struct conf_key *k, const char *text, struct conf_value *v, char *err,
	       size_t len);

/* ---- objects (object.c) ---- */

/** struct conf_obj - an object while its keys are read */
struct conf_obj {
	enum conf_kind kind;
	unsigned int index; /* in the conf's array of that kind */
	bool from_file;
	bool seen[CONF_MAX_KEYS]; /* by row */
};

/** conf_fail() - "WHERE: KEY: sentence" into @err; @key NULL: "WHERE: sentence". Return: -1 */
int conf_fail(char *err, size_t len, const char *where, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));

/** conf_distance() - letters put in, left out, changed or swapped between @a and @b, at most 9 */
unsigned int conf_distance(const char *a, const char *b);

/**
 * conf_new() - a new object of @kind, with every default
 * @o: filled in; may be NULL
 * @id: its name, "" for none
 * Return: 0, or -1 with @err (a bad or taken @id, no memory).
 */
int conf_new(struct conf *c, struct conf_obj *o, enum conf_kind kind, const char *id,
	     bool from_file, const char *where, char *err, size_t len);

/** conf_set() - give @o's key @key the value @value. Return: 0 or -1 with @err. */
int conf_set(struct conf *c, struct conf_obj *o, const char *key, const char *value,
	     const char *where, char *err, size_t len);

/** conf_find() - index of the object of @kind with @id, or -1 */
int conf_find(const struct conf *c, enum conf_kind kind, const char *id);

/** conf_object() - the object itself; valid until the next of its kind is made */
void *conf_object(const struct conf *c, enum conf_kind kind, unsigned int index);

/** conf_id_ok() - letters, digits, '-', '.', '_', beginning with a letter or digit; at most 63 */
bool conf_id_ok(const char *id);

/* ---- links (link.c, zoned.c, fdp.c, memory.c) ---- */

/** conf_link_memory() - a controller's BARs: what goes together, and the memory behind its
 * Persistent Memory Region. Return: 0 or -1 with @err. */
int conf_link_memory(struct conf *c, unsigned int ctrl, char *err, size_t len);

/**
 * conf_link_zoned() - check a namespace's zoned keys, and fill in what they leave to others; its
 * block size is known by now
 * Return: 0 or -1 with @err.
 */
int conf_link_zoned(struct conf_ns *ns, char *err, size_t len);
/** conf_link_fdp() - check a subsystem's fdp keys. Return: 0 or -1 with @err. */
int conf_link_fdp(const struct conf_subsys *s, char *err, size_t len);
/** conf_link_ruhs() - read the list fdp.ruhs of a namespace in @s (NULL: in none). Return: same. */
int conf_link_ruhs(struct conf_ns *ns, const struct conf_subsys *s, char *err, size_t len);

/* ---- words (words.c) ---- */

/**
 * conf_word_help() - is @value of option @opt ("-drive", "-device") a question?
 * @driver: receives what it asks about (malloc'ed), or NULL for "help" alone
 */
bool conf_word_help(const char *opt, const char *value, char **driver);

#endif /* NVMESIM_CONF_PRIV_H */
