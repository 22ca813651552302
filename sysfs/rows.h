/* SPDX-License-Identifier: MIT */
/*
 * rows.h - the rows of the tree. Private to sysfs/.
 */
#ifndef NVMESIM_SYSFS_ROWS_H
#define NVMESIM_SYSFS_ROWS_H

#include "sysfs.h"

/**
 * struct sys_row - a path
 * @path: components; one that begins with '%' stands for every object of a kind:
 *        %F functions on the bus; %C controllers that the driver has (of the subsystem that an
 * earlier component names), %c that of the function named; %G namespaces, by generic name, %g, %b
 * those of the function, by generic and block name; %S subsystems; %V VFs of the function, %R its
 * BARs
 * @read:  a file's whole text, a link's target. Return: its length or -errno
 * @write: Return: 0 or -errno; @text ends with a NUL, its newline is cut
 * @pread, @pwrite, @size: instead, of a binary file; @map: it can be mapped
 * @has:   whether it is there. Asked once @x->fn is known, and again when @x->node is; NULL: always
 */
struct sys_row {
	const char *path;
	enum sys_kind kind;
	mode_t mode;
	int (*read)(const struct sys_ctx *x, char *buf, size_t len);
	int (*write)(const struct sys_ctx *x, const char *text);
	ssize_t (*pread)(const struct sys_ctx *x, void *buf, size_t len, uint64_t off);
	ssize_t (*pwrite)(const struct sys_ctx *x, const void *buf, size_t len, uint64_t off);
	uint64_t (*size)(const struct sys_ctx *x);
	bool (*has)(const struct sys_ctx *x);
	bool map;
};

/** struct sys_rows - a table: pci.c, driver.c, nvme.c */
struct sys_rows {
	const struct sys_row *row;
	unsigned int nr;
};
extern const struct sys_rows sys_pci_rows, sys_driver_rows, sys_nvme_rows;

/** sys_number() - as kstrtoull(): decimal, 0x, 0. Return: 0, -EINVAL, -ERANGE: above @max */
int sys_number(const char *text, uint64_t max, uint64_t *val);
/** sys_bool() - as kstrtobool(). Return: 0 or -EINVAL */
int sys_bool(const char *text, bool *val);

/* Linux's names */
int sys_ctrl_name(const struct sys *s, const struct dmn_fn *f, char *buf, size_t len);
int sys_ns_name(const struct sys *s, const struct dmn_node *n, bool generic, char *buf, size_t len);
int sys_subsys_name(const struct sys *s, const struct mach_subsys *ms, char *buf, size_t len);

#define SYS_DEVICES "devices/pci0000:00" /* where all functions are */

#endif /* NVMESIM_SYSFS_ROWS_H */
