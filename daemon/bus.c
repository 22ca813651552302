/* SPDX-License-Identifier: MIT */
/*
 * bus.c - where functions are: buses, devices, addresses of BARs. What firmware has done by the
 * time an operating system looks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

#define FIRST_BAR    0x380000000000ull /* above all memory */
#define FIRST_BAR_32 0xc0000000u

#define CFG_BAR0      0x10
#define BAR_64	      0x4u
#define EXT_CAP_SRIOV 0x10
#define SRIOV_OFFSET  0x14
#define SRIOV_STRIDE  0x16
#define SRIOV_BAR0    0x24

/* QEMU's root bus is bus 0; every other name, and every controller that names none, gets the next.
 * Return: its number, or -1 */
static int bus_number(struct dmn_machine *m, const char *name)
{
	bool root = !strcmp(name, "pcie.0") || !strcmp(name, "pci.0");
	bool used[256] = { true };
	unsigned int next = 0;
	struct mach_bus *b;

	for (struct dmn_fn *f = m->fns; f; f = f->next)
		used[f->addr >> 8] = true;
	for (b = m->buses; b; b = b->next) {
		if (!strcmp(b->name, name))
			return b->number;
		used[b->number] = true;
	}
	while (next < 256 && used[next])
		next++;
	if (root)
		next = 0;
	if (next == 256 || !*name || root)
		return next == 256 ? -1 : (int)next;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -1;
	snprintf(b->name, sizeof(b->name), "%s", name);
	b->number = (uint8_t)next;
	b->next = m->buses;
	m->buses = b;
	return b->number;
}

static struct dmn_fn *at_address(struct dmn_machine *m, uint16_t addr)
{
	for (struct dmn_fn *f = m->fns; f; f = f->next)
		if (f->addr == addr)
			return f;
	return NULL;
}

static int put(struct dmn_fn *f, unsigned int addr, struct sim_msg *msg)
{
	struct dmn_fn **at = &f->m->fns;

	if (addr > UINT16_MAX || at_address(f->m, (uint16_t)addr)) {
		snprintf(msg->text, sizeof(msg->text),
			 "PCI: %02x:%02x.%x is taken by another function", addr >> 8 & 0xff,
			 addr >> 3 & 0x1f, addr & 7);
		return -1;
	}
	f->addr = (uint16_t)addr;
	snprintf(f->name, sizeof(f->name), "0000:%02x:%02x.%x", addr >> 8, addr >> 3 & 0x1f,
		 addr & 7);
	while (*at && (*at)->addr < f->addr)
		at = &(*at)->next;
	f->next = *at;
	*at = f;
	return 0;
}

/* a free device number, for a controller that asks for none; on the root bus 0 is the bridge's */
static int device_of(struct dmn_machine *m, unsigned int bus)
{
	for (unsigned int dev = bus ? 0 : 1; dev < 32; dev++) {
		struct dmn_fn *f = m->fns;

		while (f && f->addr >> 3 != (bus << 5 | dev))
			f = f->next;
		if (!f)
			return (int)dev;
	}
	return -1;
}

/* QEMU's rule: functions beside 0 are found only where function 0 says that there are some */
static int check_multi(struct dmn_fn *f, unsigned int addr, bool multi, struct sim_msg *msg)
{
	struct dmn_fn *zero = at_address(f->m, (uint16_t)(addr & ~7u));

	if (!(addr & 7) || (zero && zero->multi) || (!zero && multi))
		return 0;
	snprintf(msg->text, sizeof(msg->text),
		 "PCI: single function device can't be populated in function %02x.%x; "
		 "allowed where function 0 has multifunction=on",
		 addr >> 3 & 0x1f, addr & 7);
	return -1;
}

/* what has no address is in no list of functions, but its device, which is there, knows it */
static void set_aside(struct dmn_fn *f)
{
	f->next = f->m->gone;
	f->m->gone = f;
}

/* fn.c left the VFs behind their PF */
static int place_vfs(struct dmn_fn *pf, struct dmn_fn *vfs, bool placed, struct sim_msg *msg)
{
	uint32_t cap = dmn_fn_cap(pf, true, EXT_CAP_SRIOV);
	unsigned int first = sim_cfg_read(pf->fn, cap + SRIOV_OFFSET, 2);
	unsigned int stride = sim_cfg_read(pf->fn, cap + SRIOV_STRIDE, 2);
	int err = placed ? 0 : -1;

	while (vfs) {
		struct dmn_fn *f = vfs;
		unsigned int addr = pf->addr + first + (f->vf - 1) * stride;

		vfs = f->next;
		f->fn = sim_fn_vf(pf->fn, f->vf);
		if (!err && addr >> 8 != pf->addr >> 8u) {
			snprintf(msg->text, sizeof(msg->text),
				 "PCI: virtual function %u has no address on the bus of %s", f->vf,
				 pf->name);
			err = -1;
		}
		if (!err)
			err = put(f, addr, msg);
		if (err)
			set_aside(f);
	}
	return err;
}

int mach_place(struct dmn_fn *f, const struct conf_ctrl *cc, struct sim_msg *msg)
{
	struct dmn_fn *vfs = f->next;
	int bus = bus_number(f->m, cc->bus ? cc->bus : "");
	int dev = cc->addr >= 0 ? cc->addr >> 3 : bus < 0 ? -1 : device_of(f->m, (unsigned int)bus);
	unsigned int addr = (unsigned int)bus << 8 | (unsigned int)dev << 3 |
			    (cc->addr >= 0 ? (unsigned int)cc->addr & 7 : 0);
	bool placed = false;

	f->multi = cc->multifunction;
	if (bus < 0 || dev < 0)
		snprintf(msg->text, sizeof(msg->text), "PCI: no room on the %s",
			 bus < 0 ? "machine for another bus" : "bus for another device");
	else
		placed = !check_multi(f, addr, cc->multifunction, msg) && !put(f, addr, msg);
	if (!placed)
		set_aside(f);
	if (place_vfs(f, vfs, placed, msg))
		return -1;
	mach_bars(f);
	f->m->generation++;
	return 0;
}

/* one BAR: naturally aligned, as wide as it is large */
static void set_bar(struct dmn_fn *f, uint32_t off, uint64_t size, unsigned int n)
{
	uint32_t low = sim_cfg_read(f->fn, off, 4);
	bool wide = low & BAR_64;
	uint64_t *next = wide ? &f->m->next_bar : &f->m->next_bar32;

	if ((low & ~0xfu) || (wide && sim_cfg_read(f->fn, off + 4, 4)))
		return; /* has one */
	if (!*next)
		*next = wide ? FIRST_BAR : FIRST_BAR_32;
	*next = (*next + size - 1) & ~(size - 1);
	sim_cfg_write(f->fn, off, 4, (uint32_t)*next);
	if (wide)
		sim_cfg_write(f->fn, off + 4, 4, (uint32_t)(*next >> 32));
	*next += size * n;
}

void mach_bars(struct dmn_fn *f)
{
	uint32_t cap;
	struct sim_fn *vf = sim_fn_vf(f->fn, 1);

	if (f->pf)
		return;
	for (unsigned int bar = 0; bar < 6; bar++)
		if (sim_bar_size(f->fn, bar))
			set_bar(f, CFG_BAR0 + bar * 4, sim_bar_size(f->fn, bar), 1);
	cap = vf ? dmn_fn_cap(f, true, EXT_CAP_SRIOV) : 0;
	for (unsigned int bar = 0; cap && bar < 6; bar++)
		if (sim_bar_size(vf, bar))
			set_bar(f, cap + SRIOV_BAR0 + bar * 4, sim_bar_size(vf, bar),
				sim_cfg_read(f->fn, cap + 0x0e, 2));
}
