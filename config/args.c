/* SPDX-License-Identifier: MIT */
/*
 * args.c - the command line of the programs that build a machine: nvmesim and nvmesim-run.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "conf_priv.h"

enum arg_id {
	ARG_FILE,
	ARG_DRIVE,
	ARG_DEVICE,
	ARG_OBJECT,
	ARG_STATE,
	ARG_SOCKET,
	ARG_SYSFS,
	ARG_NO_CUSE,
	ARG_FOREGROUND,
	ARG_ATTACH,
	ARG_HELP,
	ARG_VERSION,
};

enum { NVMESIM = 1, RUN = 2, BOTH = 3 };

enum arg_flags {
	SINGLE = 1,   /* "-name" too, as QEMU has it */
	OPTIONAL = 2, /* the value, and then only as "--name=value" */
	MACHINE = 4,  /* says something about the machine, which --attach has already */
};

/**
 * struct arg - an option
 * @letter: "-x", or 0
 * @name: "--name"
 * @value: what it takes, for help; NULL: nothing
 * @flags: enum arg_flags
 * @programs: which have it
 */
static const struct arg {
	enum arg_id id;
	char letter;
	unsigned int flags;
	unsigned int programs;
	const char *name, *value, *help;
} args[] = {
	{ ARG_FILE, 'c', MACHINE, BOTH, "config", "FILE",
	  "read the configuration from FILE; see nvmesim.conf(5)" },
	{ ARG_DRIVE, 0, SINGLE | MACHINE, BOTH, "drive", "WORDS",
	  "a medium, in QEMU's words: file=PATH,if=none,id=ID,format=raw[,size=SIZE]; with size=\n"
	  "alone it is memory" },
	{ ARG_DEVICE, 0, SINGLE | MACHINE, BOTH, "device", "WORDS",
	  "nvme, nvme-ns or nvme-subsys, with QEMU's properties; -device help lists them,\n"
	  "-device nvme,help lists properties" },
	{ARG_OBJECT, 0, SINGLE | MACHINE, BOTH, "object", "WORDS",
	 "memory-backend-file,id=ID,mem-path=PATH[,size=SIZE],share=on: a Persistent Memory\n"
	 "Region, for -device nvme,pmrdev=ID"},
	{ ARG_STATE, 0, MACHINE, BOTH, "state", "DIR",
	  "keep in DIR what survives a restart: namespaces that hosts create, formats,\n"
	  "reservations, SMART counters" },
	{ ARG_SOCKET, 0, 0, BOTH, "socket", "PATH", "control socket, for nvmesim-ctl" },
	{ ARG_SYSFS, 0, MACHINE, NVMESIM, "sysfs", "DIR",
	  "mount a tree like /sys on DIR, with the simulated functions and drives in it" },
	{ ARG_NO_CUSE, 0, 0, NVMESIM, "no-cuse", NULL,
	  "make no device nodes; serve nvmesim-run --attach only" },
	{ ARG_FOREGROUND, 0, 0, NVMESIM, "foreground", NULL, "stay in the foreground" },
	{ ARG_ATTACH, 0, OPTIONAL, RUN, "attach", "SOCKET",
	  "show the drives of a running nvmesim instead of private ones" },
	{ ARG_HELP, 'h', 0, BOTH, "help", NULL, "print this" },
	{ ARG_VERSION, 0, 0, BOTH, "version", NULL, "print the version" },
};

#define NR_ARGS (sizeof(args) / sizeof(args[0]))

/* what --help says besides the options */
static const struct program {
	const char *usage, *about, *examples, *codes;
} programs[] = {
	[NVMESIM] = {
		"[-c FILE] [-drive WORDS]... [-device WORDS]... [-object WORDS]... [--state DIR] [--socket PATH]\n"
		"       [--sysfs DIR] [--no-cuse] [--foreground]",
		"Simulates NVMe drives as device nodes that every process can use. Without a\n"
		"configuration there is one controller with one namespace of 1 GiB in memory.",
		"  nvmesim -c /etc/nvmesim.conf\n"
		"  nvmesim -drive file=nvm.img,if=none,id=nvm,size=8G \\\n"
		"          -device nvme,serial=deadbeef,drive=nvm\n"
		"  nvme id-ctrl /dev/nvmesim0\n",
		"  0  ended as asked\n"
		"  1  could not start, or failed; a line on stderr says why\n"
		"  2  a wrong option or configuration; nothing was made\n",
	},
	[RUN] = {
		"[-c FILE] [-drive WORDS]... [-device WORDS]... [-object WORDS]... [--state DIR] [--socket PATH]\n"
		"       [--attach[=SOCKET]] [--] PROGRAM [ARGUMENT]...",
		"Runs PROGRAM so that it, and what it starts, sees simulated NVMe drives. Needs no\n"
		"privilege. Without a configuration there is one controller with one namespace of\n"
		"1 GiB in memory.",
		"  nvmesim-run -- nvme id-ctrl /dev/nvmesim0\n"
		"  nvmesim-run -drive file=nvm.img,if=none,id=nvm \\\n"
		"              -device nvme,serial=deadbeef,drive=nvm -- \\\n"
		"              sh -c 'nvme id-ns /dev/nvmesim0n1; nvme smart-log /dev/nvmesim0'\n",
		"  PROGRAM's own; ended by the same signal if a signal ended PROGRAM.\n"
		"  When PROGRAM was not started:\n"
		"  2    a wrong option or configuration, or a drive that cannot be made\n"
		"  125  the kernel or a container's profile forbids the door, or no daemon answers\n"
		"  126  PROGRAM could not be executed\n"
		"  127  PROGRAM was not found\n",
	},
};

/** struct parse - the command line while it is read */
struct parse {
	struct conf *c;
	const char *prog;
	unsigned int program;
	char **argv;
	int argc, at;
	const char **attach;
	const char *file;	  /* -c */
	const char *state, *sock, *sysfs; /* come before what the file says */
	const char *machine;	  /* an option --attach does not go with */
	bool answered;
};

static int complain(const struct parse *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(const struct parse *p, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", p->prog);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return -1;
}

static void print_option(const struct arg *a)
{
	char head[40];
	const char *s;

	if (a->letter)
		snprintf(head, sizeof(head), "-%c, --%s", a->letter, a->name);
	else
		snprintf(head, sizeof(head), "%s%s", a->flags & SINGLE ? "-" : "--", a->name);
	if (a->value)
		snprintf(head + strlen(head), sizeof(head) - strlen(head),
			 a->flags & OPTIONAL ? "[=%s]" : " %s", a->value);
	printf("  %s\n      ", head);
	for (s = a->help; *s; s++) {
		putchar(*s);
		if (*s == '\n')
			printf("      ");
	}
	putchar('\n');
}

static void print_help(const struct parse *p)
{
	const struct program *about = &programs[p->program];
	size_t i;

	printf("usage: %s %s\n\n%s\n\nOptions:\n", p->prog, about->usage, about->about);
	for (i = 0; i < NR_ARGS; i++)
		if (args[i].programs & p->program)
			print_option(&args[i]);
	printf("\nExamples:\n%s\nExit codes:\n%s", about->examples, about->codes);
}

static int read_file(struct parse *p, const char *name)
{
	char err[2048];
	FILE *f;
	int ret;

	if (p->file)
		return complain(p, "-c %s: a second file; allowed: one", name);
	p->file = name;
	f = fopen(name, "re");
	if (!f)
		return complain(p, "%s: %s", name, strerror(errno));
	ret = conf_read_file(p->c, f, name, err, sizeof(err));
	fclose(f);
	return ret ? complain(p, "%s", err) : 0;
}

/* "-device nvme,... (argument 3)" */
static int take_word(struct parse *p, const char *opt, const char *value, int argument)
{
	struct conf_where where;
	char err[2048], *driver;

	if (conf_word_help(opt, value, &driver)) {
		int ret = conf_help(stdout, driver);

		if (ret)
			complain(p,
				 "%s %.200s (argument %d): '%.80s' is not a valid device model "
				 "name; "
				 "allowed: nvme, nvme-ns, nvme-subsys",
				 opt, value, argument, driver);
		free(driver);
		p->answered = true;
		return ret;
	}
	snprintf(where.text, sizeof(where.text), "%s %.200s%s (argument %d)", opt, value,
		 strlen(value) > 200 ? "..." : "", argument);
	if (conf_word(p->c, opt, value, where.text, err, sizeof(err)))
		return complain(p, "%s", err);
	return 0;
}

static int take(struct parse *p, const struct arg *a, const char *spelled, const char *value,
		int argument)
{
	switch (a->id) {
	case ARG_FILE:
		return read_file(p, value);
	case ARG_DRIVE:
		return take_word(p, "-drive", value, argument);
	case ARG_DEVICE:
		return take_word(p, "-device", value, argument);
	case ARG_OBJECT:
		return take_word(p, "-object", value, argument);
	case ARG_STATE:
		p->state = value;
		return 0;
	case ARG_SOCKET:
		p->sock = value;
		return 0;
	case ARG_SYSFS:
		p->sysfs = value;
		return 0;
	case ARG_NO_CUSE:
		p->c->daemon.no_cuse = true;
		return 0;
	case ARG_FOREGROUND:
		p->c->daemon.foreground = true;
		return 0;
	case ARG_ATTACH:
		*p->attach = value ? value : "";
		return 0;
	case ARG_HELP:
		print_help(p);
		p->answered = true;
		return 0;
	case ARG_VERSION:
		printf("%s %s\n", p->prog, NVMESIM_VERSION);
		p->answered = true;
		return 0;
	}
	return -1;
}

static int unknown_option(const struct parse *p, const char *word)
{
	const char *name = word + strspn(word, "-");
	const struct arg *best = NULL;
	unsigned int best_d = 3;
	char own[32];
	size_t i;

	snprintf(own, sizeof(own), "%.*s", (int)strcspn(name, "="), name);
	for (i = 0; i < NR_ARGS; i++) {
		unsigned int d = conf_distance(own, args[i].name);

		if (!(args[i].programs & p->program) || d >= best_d)
			continue;
		best = &args[i];
		best_d = d;
	}
	if (best)
		return complain(p, "%s: no such option; did you mean %s%s? (%s --help lists them)",
				word, best->flags & SINGLE ? "-" : "--", best->name, p->prog);
	return complain(p, "%s: no such option (%s --help lists them)", word, p->prog);
}

/* Which option is @word? *@value: what follows '=', or the letter, or NULL. */
static const struct arg *find_option(const struct parse *p, char *word, char **value)
{
	bool dashes = word[0] == '-' && word[1] == '-';
	char *name = word + 1 + dashes;
	size_t n = dashes ? strcspn(name, "=") : strlen(name), i;

	*value = NULL;
	for (i = 0; i < NR_ARGS; i++) {
		const struct arg *a = &args[i];

		if (!(a->programs & p->program))
			continue;
		if ((dashes || (a->flags & SINGLE)) && strlen(a->name) == n &&
		    !strncmp(a->name, name, n)) {
			if (name[n] == '=')
				*value = name + n + 1;
			return a;
		}
		if (!dashes && a->letter && a->letter == *name && (a->value || !name[1])) {
			if (name[1])
				*value = name + 1;
			return a;
		}
	}
	return NULL;
}

/* Take the option at argv[at]. Return: 0 or -1. */
static int take_option(struct parse *p)
{
	char *word = p->argv[p->at++], *value, spelled[32];
	const struct arg *a = find_option(p, word, &value);
	int argument = p->at - 1;

	if (!a)
		return unknown_option(p, word);
	if (value && word[1] != '-')
		snprintf(spelled, sizeof(spelled), "-%c", a->letter);
	else
		snprintf(spelled, sizeof(spelled), "%.*s", (int)strcspn(word, "="), word);
	if (value && !a->value)
		return complain(p, "%s: takes no value", spelled);
	if (a->value && !(a->flags & OPTIONAL) && !value) {
		if (p->at >= p->argc)
			return complain(p, "%s: needs a value: %s %s", spelled, spelled, a->value);
		value = p->argv[p->at++];
		argument = p->at - 1;
	}
	if (value && !*value && !(a->flags & OPTIONAL))
		return complain(p, "%s: the value is empty; allowed: %s %s", spelled, spelled,
				a->value);
	if (a->flags & MACHINE)
		p->machine = word;
	return take(p, a, spelled, value, argument);
}

static int set_string(struct parse *p, char **to, const char *from)
{
	char *copy;

	if (!from)
		return 0;
	copy = strdup(from);
	if (!copy)
		return complain(p, "no memory");
	free(*to);
	*to = copy;
	return 0;
}

static int finish(struct parse *p)
{
	char err[2048];

	if (p->sock && strlen(p->sock) > 107)
		return complain(p, "--socket: must be 1 to 107 characters, not '%.120s'", p->sock);
	if (set_string(p, &p->c->daemon.state_dir, p->state) ||
	    set_string(p, &p->c->daemon.socket, p->sock) ||
	    set_string(p, &p->c->daemon.sysfs_dir, p->sysfs))
		return -1;
	if (p->program == RUN && p->c->daemon.sysfs_dir)
		return complain(p, "sysfs: is for nvmesim; nvmesim-run shows the tree in /sys itself");
	if (p->attach && *p->attach) {
		if (p->machine)
			return complain(p,
					"%s: does not go with --attach, which uses the drives "
					"of a running nvmesim",
					p->machine);
		return 0;
	}
	if (conf_link(p->c, err, sizeof(err)))
		return complain(p, "%s", err);
	return 0;
}

int conf_parse_args(struct conf *c, const char *prog, int argc, char **argv, bool stop_at_word,
		    const char **attach)
{
	struct parse p = {
		.c = c,
		.prog = prog,
		.program = attach ? RUN : NVMESIM,
		.argv = argv,
		.argc = argc,
		.at = 1,
		.attach = attach,
	};

	conf_init(c);
	c->prog = prog;
	if (attach)
		*attach = NULL;
	while (p.at < argc) {
		const char *word = argv[p.at];

		if (!strcmp(word, "--")) {
			p.at++;
			break;
		}
		if (word[0] != '-' || !word[1]) {
			if (stop_at_word)
				break;
			complain(&p,
				 "%s: unexpected argument; allowed: options (%s --help lists "
				 "them)",
				 word, prog);
			goto out;
		}
		if (take_option(&p))
			goto out;
		if (p.answered) {
			conf_free(c);
			return 0;
		}
	}
	if (!finish(&p))
		return p.at;
out:
	conf_free(c);
	return -1;
}
