/* SPDX-License-Identifier: MIT */
/*
 * property.c - Fabrics Property Get and Set (NVMe base 2.1, 6.4 and 6.5) on a controller's node,
 * answered with MMIO. No PCIe controller has these commands; the driver does, because tools read
 * registers through them where there is no sysfs resource0 to map.
 *
 * A property that is not there ends with Invalid Field and neither DNR nor More, which is the
 * one status nvme-cli takes for "go on without it".
 */
#include "internal.h"

#define FCTYPE_SET 0x00
#define FCTYPE_GET 0x04
#define ATTRIB_SIZE 0x7 /* of CDW10: 000b 4 bytes, 001b 8 bytes */

/* the property definitions of NVMe base 2.1, figure 35; 3.1.4 says what may be written */
static const struct {
	uint16_t off;
	uint8_t size;
	bool writable;
} properties[] = {
	{ NVME_REG_CAP, 8, false },	{ NVME_REG_VS, 4, false },
	{ NVME_REG_INTMS, 4, true },	{ NVME_REG_INTMC, 4, true },
	{ NVME_REG_CC, 4, true },	{ NVME_REG_CSTS, 4, true },
	{ NVME_REG_NSSR, 4, true },	{ NVME_REG_AQA, 4, true },
	{ NVME_REG_ASQ, 8, true },	{ NVME_REG_ACQ, 8, true },
	{ NVME_REG_CMBLOC, 4, false },	{ NVME_REG_CMBSZ, 4, false },
	{ NVME_REG_BPINFO, 4, false },	{ NVME_REG_BPRSEL, 4, true },
	{ NVME_REG_BPMBL, 8, true },	{ NVME_REG_CMBMSC, 8, true },
	{ NVME_REG_CMBSTS, 4, false },	{ 0x5c /* CMBEBS */, 4, false },
	{ 0x60 /* CMBSWTP */, 4, false }, { 0x64 /* NSSD */, 4, true },
	{ NVME_REG_CRTO, 4, false },	{ NVME_REG_PMRCAP, 4, false },
	{ NVME_REG_PMRCTL, 4, true },	{ NVME_REG_PMRSTS, 4, false },
	{ NVME_REG_PMREBS, 4, false },	{ NVME_REG_PMRSWTP, 4, false },
	{ NVME_REG_PMRMSCL, 4, true },	{ NVME_REG_PMRMSCU, 4, true },
};

static uint8_t fctype(const struct host_sqe *sqe)
{
	return (uint8_t)sim_le32(sqe->nsid); /* byte 4 of the command */
}

bool host_is_property(const struct host_sqe *sqe, uint32_t nsid)
{
	return !nsid && sqe->opcode == nvme_admin_fabrics &&
	       (fctype(sqe) == FCTYPE_GET || fctype(sqe) == FCTYPE_SET);
}

uint16_t host_property(struct host_dev *dev, const struct host_sqe *sqe, uint64_t *result)
{
	bool set = fctype(sqe) == FCTYPE_SET;
	uint32_t attrib = sim_le32(sqe->cdw10) & ATTRIB_SIZE, off = sim_le32(sqe->cdw11);
	unsigned int size = attrib ? 8 : 4, i;
	uint64_t val = sim_le32(sqe->cdw12) | (uint64_t)sim_le32(sqe->cdw13) << 32;

	*result = 0;
	for (i = 0; i < sizeof(properties) / sizeof(properties[0]); i++) {
		/* as through the BAR, half of an 8-byte register may be accessed */
		if (off == properties[i].off || (off == properties[i].off + 4u &&
						 properties[i].size == 8 && size == 4))
			break;
	}
	if (attrib > 1 || i == sizeof(properties) / sizeof(properties[0]) ||
	    size > properties[i].size || (set && !properties[i].writable))
		return HOST_SC_INVALID_FIELD;
	if (set)
		sim_mmio_write(dev->fn, 0, off, size, size == 8 ? val : (uint32_t)val);
	else
		*result = sim_mmio_read(dev->fn, 0, off, size);
	return 0;
}
