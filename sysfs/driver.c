/* SPDX-License-Identifier: MIT */
/*
 * driver.c - bus/pci/drivers/nvme and the bus's probing: Linux's drivers/base/bus.c and
 * drivers/pci/pci-driver.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rows.h"

#define DRV "bus/pci/drivers/nvme/"

static int write_bind(const struct sys_ctx *x, const char *text)
{
	struct dmn_fn *f = dmn_fn_find(x->s->m, text);

	return f ? dmn_fn_bind(f, NULL) : -ENODEV;
}

static int write_unbind(const struct sys_ctx *x, const char *text)
{
	struct dmn_fn *f = dmn_fn_find(x->s->m, text);

	return f ? dmn_fn_unbind(f) : -ENODEV;
}

/* the driver takes every NVM Express controller, so every identifier that fits one is known */
static int parse_id(const char *text)
{
	unsigned int vendor, device, more[4];

	return sscanf(text, "%x %x %x %x %x %x", &vendor, &device, &more[0], &more[1], &more[2],
		      &more[3]) >= 2
		       ? 0
		       : -EINVAL;
}

static int write_new_id(const struct sys_ctx *x, const char *text)
{
	int err = parse_id(text);

	return err ? err : -EEXIST;
}

static int write_remove_id(const struct sys_ctx *x, const char *text)
{
	int err = parse_id(text);

	return err ? err : -ENODEV;
}

static int write_uevent(const struct sys_ctx *x, const char *text)
{
	return *text ? 0 : -EINVAL;
}

static int read_autoprobe(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "%d\n", *dmn_autoprobe(x->s->m));
}

static int write_autoprobe(const struct sys_ctx *x, const char *text)
{
	*dmn_autoprobe(x->s->m) = *text != '0';
	return 0;
}

static int write_probe(const struct sys_ctx *x, const char *text)
{
	struct dmn_fn *f = dmn_fn_find(x->s->m, text);

	if (!f)
		return -ENODEV;
	return f->bound || !dmn_fn_bind(f, NULL) ? 0 : -EINVAL;
}

static bool is_bound(const struct sys_ctx *x)
{
	return x->fn->bound;
}

static int link_function(const struct sys_ctx *x, char *buf, size_t len)
{
	return snprintf(buf, len, "../../../../" SYS_DEVICES "/%s", x->fn->name);
}

#define WO .kind = SYS_FILE, .mode = 0200

static const struct sys_row rows[] = {
	{ "bus/pci/drivers_autoprobe", .kind = SYS_FILE, .mode = 0644, .read = read_autoprobe,
	  .write = write_autoprobe },
	{ "bus/pci/drivers_probe", WO, .write = write_probe },
	{ DRV "bind", WO, .write = write_bind },
	{ DRV "new_id", WO, .write = write_new_id },
	{ DRV "remove_id", WO, .write = write_remove_id },
	{ DRV "uevent", WO, .write = write_uevent },
	{ DRV "unbind", WO, .write = write_unbind },
	{ DRV "%F", .kind = SYS_LINK, .read = link_function, .has = is_bound },
};

const struct sys_rows sys_driver_rows = { rows, sizeof(rows) / sizeof(rows[0]) };
