/* SPDX-License-Identifier: MIT */
/*
 * cfg_dump.c - configuration spaces in the form that lspci -F reads: a plain function, a PF with
 * two virtual functions, and those.
 */
#include <stdio.h>

#include "virtcmd.h"

static void dump(struct sim_fn *fn, unsigned int bus, unsigned int function)
{
	printf("%02x:%02x.%x Non-Volatile memory controller: nvmesim\n", bus, function >> 3,
	       function & 7);
	for (unsigned int off = 0; off < 4096; off += 16) {
		printf("%02x:", off);
		for (unsigned int i = 0; i < 16; i++)
			printf(" %02x", sim_cfg_read(fn, off + i, 1));
		printf("\n");
	}
	printf("\n");
}

int main(void)
{
	struct drv_params p;
	struct drv *d, *other;

	virt_params(&p, 4, 8, 4);
	d = drv_new(&p);
	other = drv_add_fn(d, NULL);
	drv_enable(d);
	virt_release_primary(d);
	virt_enable_vfs(d, 2);
	virt_online(d, 1, 2, 1);
	drv_pci_enable(drv_vf(d, 1));
	sim_cfg_write(d->fn, 0x10, 4, 0xfeb00000);
	sim_cfg_write(d->fn, 0x1a4, 4, 0xfeb40000);
	sim_cfg_write(other->fn, 0x10, 4, 0xfeb80000);
	dump(d->fn, 1, 0);
	dump(drv_vf(d, 1)->fn, 1, 1);
	dump(drv_vf(d, 2)->fn, 1, 2);
	dump(other->fn, 2, 0);
	drv_free(d);
	return 0;
}
