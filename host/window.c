/* SPDX-License-Identifier: MIT */
/*
 * window.c - the function's I/O virtual address space: host memory, and a window per command slot
 * that stands for the buffers of the client whose command is in the slot.
 *
 * Windows are at fixed addresses, so nothing is mapped per command: opening one says whose memory
 * it is, and the DMA port below turns what the device asks for into one call of the client's
 * accessor. What a client's command says about its own length (NLB, NUMD) is never believed: the
 * window ends at data_len.
 *
 * PRPs leave the device to decide, by the length it thinks the command has, whether PRP entry 2 is
 * a page or a list (NVMe base 2.1, 4.3.1). A command whose count field lies about its buffer
 * makes that ambiguous, so the entry is chosen to be harmless either way:
 *  - up to a page: 0. A device that wants more is refused.
 *  - from the device: the list's address. What the device reads there is the list; what it
 *    writes there is the second page.
 *  - to the device, two pages: the second page. More: the list at an offset, which a device that
 *    takes it for a page has to refuse (PRP Offset Invalid).
 * An SGL says its length, so I/O queues use one where the controller takes buffers that are longer
 * than the command (SGLS bit 18), as Linux does for passthrough.
 */
#include <sched.h>
#include <string.h>

#include "internal.h"

#define LIST_OFFSET 8u /* of the list, where a page must not be mistaken for it */
#define NR_IOV 64u     /* pieces handed to an accessor at once */

#define SGL_DATA_BLOCK 0x00ull /* SGL Identifier: type 0h, sub type 0h: address */

uint64_t host_window_iova(const struct host_queue *q, uint16_t slot, enum host_window_kind kind)
{
	return HOST_WINDOW | (uint64_t)kind << HOST_WIN_KIND_SHIFT |
	       (uint64_t)q->qid << HOST_WIN_QID_SHIFT | (uint64_t)slot << HOST_WIN_SLOT_SHIFT;
}

/* NVMe base 2.1, figures 92 (data pointer) and 118 (SGL data block descriptor) */
static void set_dptr(struct host_queue *q, uint16_t slot, const struct host_window *win,
		     struct host_sqe *sqe)
{
	uint64_t base = host_window_iova(q, slot, HOST_WIN_DATA);
	uint64_t list = host_window_iova(q, slot, HOST_WIN_LIST);
	uint64_t prp2;

	sqe->dptr[0] = sim_le64(base);
	if (q->qid && q->dev->sgl && win->len && win->len <= UINT32_MAX &&
	    !(q->dev->sgl_dword && win->len & 3)) {
		sqe->flags = HOST_PSDT_SGL;
		sqe->dptr[1] = sim_le64(win->len | SGL_DATA_BLOCK << 56);
		return;
	}
	/* no buffer: the device may look, finds nothing, and the call ends with -EFAULT */
	if (!win->len || (!win->to_device && win->len > HOST_PAGE))
		prp2 = list;
	else if (win->len <= HOST_PAGE)
		prp2 = 0;
	else if (win->len <= 2 * HOST_PAGE)
		prp2 = base + HOST_PAGE;
	else
		prp2 = list + LIST_OFFSET;
	sqe->dptr[1] = sim_le64(prp2);
}

void host_window_open(struct host_queue *q, uint16_t slot, const struct host_call *call,
		      struct host_sqe *sqe)
{
	struct host_window *win = &q->slots[slot].win;
	bool vec = call->row->flags & HOST_VEC;
	uint32_t i;

	win->client = call->client;
	win->to_device = host_is_write(sqe->opcode);
	if (vec && call->len) {
		win->vec = q->vecs + (size_t)slot * HOST_MAX_VEC;
		win->nr_vec = call->len;
		win->len = 0;
		for (i = 0; i < call->len; i++)
			win->len += win->vec[i].iov_len;
	} else {
		win->one.iov_base = (void *)(uintptr_t)call->addr;
		win->one.iov_len = call->addr ? call->len : 0;
		win->vec = &win->one;
		win->nr_vec = 1;
		win->len = win->one.iov_len;
	}
	win->meta.iov_base = (void *)(uintptr_t)call->meta;
	win->meta.iov_len = win->len ? call->meta_len : 0;
	set_dptr(q, slot, win, sqe);
	if (win->meta.iov_len)
		sqe->mptr = sim_le64(host_window_iova(q, slot, HOST_WIN_META));
	/* not a store: a transfer that comes too late may be counted in there just now */
	if (atomic_load_explicit(&win->state, memory_order_relaxed) & HOST_WIN_FAULT)
		atomic_fetch_and(&win->state, ~HOST_WIN_FAULT);
	atomic_fetch_or(&win->state, HOST_WIN_OPEN);
}

bool host_window_close(struct host_window *win)
{
	return atomic_fetch_and(&win->state, ~(HOST_WIN_OPEN | HOST_WIN_FAULT)) & HOST_WIN_FAULT;
}

void host_window_settle(struct host_window *win)
{
	while (atomic_load(&win->state) & ~(HOST_WIN_OPEN | HOST_WIN_FAULT))
		sched_yield(); /* a copy is under way on another thread */
}

static bool window_enter(struct host_window *win)
{
	if (atomic_fetch_add(&win->state, 1) & HOST_WIN_OPEN)
		return true;
	atomic_fetch_sub(&win->state, 1);
	return false;
}

static void window_leave(struct host_window *win)
{
	atomic_fetch_sub(&win->state, 1);
}

/** struct gather - pieces for one accessor call, merged where they continue each other */
struct gather {
	struct iovec local[NR_IOV], remote[NR_IOV];
	unsigned int nr_local, nr_remote;
	enum sim_dma_dir dir;
	bool lent; /* some of it, without a copy */
	/* where the last piece of the window ended, so that a walk need not start over */
	uint32_t vec;
	uint64_t vec_off; /* window offset at which win->vec[vec] begins */
};

/* not an initializer: that would clear both lists, 2 KiB, for every command */
static void gather_start(struct gather *g, enum sim_dma_dir dir)
{
	g->nr_local = g->nr_remote = 0;
	g->dir = dir;
	g->lent = false;
	g->vec = 0;
	g->vec_off = 0;
}

static _Thread_local const struct host_client_ops *lender; /* of what is not moved yet */

/* Return: 0, %SIM_LENT or %SIM_EFAULT */
static int client_move(struct host_window *win, enum sim_dma_dir dir, const struct iovec *local,
		       unsigned int nr_local, const struct iovec *remote, unsigned int nr_remote)
{
	struct host_client *cl = win->client;
	int ret;

	if (dir == SIM_DMA_READ && cl->ops->early)
		ret = cl->ops->early(cl, local, nr_local, remote, nr_remote);
	else if ((dir == SIM_DMA_WRITE || dir == SIM_DMA_LEND) && cl->ops->late)
		ret = cl->ops->late(cl, local, nr_local, remote, nr_remote, dir == SIM_DMA_LEND);
	else
		ret = cl->ops->xfer(cl, !sim_dma_reads(dir), local, nr_local, remote, nr_remote);
	if (ret == SIM_LENT) {
		lender = cl->ops;
	} else if (ret) {
		atomic_fetch_or(&win->state, HOST_WIN_FAULT);
		ret = SIM_EFAULT;
	}
	return ret;
}

static int gather_flush(struct gather *g, struct host_window *win)
{
	int ret;

	if (!g->nr_local)
		return 0;
	ret = client_move(win, g->dir, g->local, g->nr_local, g->remote, g->nr_remote);
	g->lent |= ret == SIM_LENT;
	g->nr_local = g->nr_remote = 0;
	return ret == SIM_EFAULT ? ret : 0;
}

static bool iov_append(struct iovec *iov, unsigned int *nr, char *base, size_t len)
{
	if (*nr && (char *)iov[*nr - 1].iov_base + iov[*nr - 1].iov_len == base) {
		iov[*nr - 1].iov_len += len;
		return true;
	}
	if (*nr == NR_IOV)
		return false;
	iov[*nr].iov_base = base;
	iov[(*nr)++].iov_len = len;
	return true;
}

/* add one contiguous move, which is inside the window */
static int gather_add(struct gather *g, struct host_window *win, bool meta, uint64_t off, char *buf,
		      size_t len)
{
	const struct iovec *vec = meta ? &win->meta : win->vec;
	int err;

	if (meta || off < g->vec_off) {
		g->vec = 0;
		g->vec_off = 0;
	}
	while (len) {
		const struct iovec *v = vec + g->vec;
		uint64_t in = off - g->vec_off;
		size_t n;

		if (in >= v->iov_len) {
			g->vec_off += v->iov_len;
			g->vec++;
			continue;
		}
		n = v->iov_len - in < len ? v->iov_len - in : len;
		/* both lists get the same bytes, or neither */
		if (g->nr_local == NR_IOV || g->nr_remote == NR_IOV) {
			err = gather_flush(g, win);
			if (err)
				return err;
		}
		iov_append(g->local, &g->nr_local, buf, n);
		iov_append(g->remote, &g->nr_remote, (char *)v->iov_base + in, n);
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* the device fetches PRP entries: entry k of the list is the window's page k + 1 */
static int list_read(const struct host_queue *q, uint16_t slot, const struct host_window *win,
		     uint64_t off, void *buf, size_t len)
{
	uint64_t base = host_window_iova(q, slot, HOST_WIN_DATA);
	uint64_t first = win->to_device && win->len ? LIST_OFFSET : 0;
	uint8_t *p = buf;
	uint64_t entry;

	if (off < first || off > HOST_PAGE || len > HOST_PAGE - off || (off | len) & 7)
		return SIM_EFAULT;
	for (entry = (off - first) / 8; len; entry++, p += 8, len -= 8) {
		uint64_t prp = sim_le64(base + (entry + 1) * HOST_PAGE);

		memcpy(p, &prp, 8);
	}
	return 0;
}

/** struct target - a decoded window address */
struct target {
	struct host_queue *q;
	struct host_window *win;
	enum host_window_kind kind;
	uint16_t slot;
	uint64_t off;
};

static bool decode(struct host_dev *dev, uint64_t iova, struct target *t)
{
	unsigned int qid = iova >> HOST_WIN_QID_SHIFT & 0xffff;
	unsigned int slot = iova >> HOST_WIN_SLOT_SHIFT & 0xfff;

	if (!(iova & HOST_WINDOW) || qid > dev->max_io || slot >= dev->q[qid].nr_slots)
		return false;
	t->kind = iova >> HOST_WIN_KIND_SHIFT & 3;
	t->q = dev->q + qid;
	t->slot = (uint16_t)slot;
	t->win = &t->q->slots[slot].win;
	t->off = iova & HOST_WIN_OFF_MASK;
	return t->kind <= HOST_WIN_LIST;
}

/* Nearly always: one piece of a buffer in one piece. Nothing needs gathering, which takes room, and
 * this is what a short command spends here. */
static bool is_one_piece(const struct target *t, enum sim_dma_dir dir,
			 const struct sim_dma_vec *vec, unsigned int n)
{
	const struct host_window *win = t->win;

	return n == 1 && t->kind == HOST_WIN_DATA && win->vec == &win->one &&
	       win->to_device == sim_dma_reads(dir) && t->off <= win->len &&
	       vec->len <= win->len - t->off && vec->len;
}

static int one_piece(const struct target *t, enum sim_dma_dir dir, const struct sim_dma_vec *vec)
{
	struct iovec local = { vec->buf, vec->len };
	struct iovec remote = { (char *)t->win->one.iov_base + t->off, vec->len };

	return client_move(t->win, dir, &local, 1, &remote, 1);
}

/* all vectors from @vec on that are in the same window; *@used says how many they were.
 * Return: 0, %SIM_LENT or %SIM_EFAULT. */
static int window_xfer(const struct target *first, struct host_dev *dev, enum sim_dma_dir dir,
		       const struct sim_dma_vec *vec, unsigned int n, unsigned int *used)
{
	const bool to_client = !sim_dma_reads(dir);
	struct host_window *win = first->win;
	struct target t = *first;
	struct gather g;
	unsigned int i = 0;
	int err = 0;

	gather_start(&g, dir);
	do {
		bool meta = t.kind == HOST_WIN_META;
		uint64_t size = meta ? win->meta.iov_len : win->len;
		uint64_t off = t.off;

		if (t.kind == HOST_WIN_LIST && !to_client) {
			err = list_read(t.q, t.slot, win, off, vec[i].buf, vec[i].len);
		} else {
			if (t.kind == HOST_WIN_LIST) /* PRP entry 2 taken for the second page */
				off += HOST_PAGE;
			if (win->to_device == to_client) {
				err = SIM_EFAULT;
			} else if (!win->len) {
				/* the command needs a buffer, and the client gave none */
				atomic_fetch_or(&win->state, HOST_WIN_FAULT);
				err = SIM_EFAULT;
			} else if (off > size || vec[i].len > size - off) {
				err = SIM_EFAULT;
			} else {
				err = gather_add(&g, win, meta, off, vec[i].buf, vec[i].len);
			}
		}
		i++;
	} while (!err && i < n && decode(dev, vec[i].iova, &t) && t.win == win);
	*used = i;
	if (!err)
		err = gather_flush(&g, win);
	return err ? err : g.lent ? SIM_LENT : 0;
}

/* host memory: the driver's own buffers only. Queues are reached where they are mapped. */
static int memory_xfer(struct host_dev *dev, bool to_host, const struct sim_dma_vec *vec)
{
	uint64_t off = vec->iova - HOST_BASE;
	char *mem;

	if (vec->iova < HOST_BASE || off >= sizeof(*dev->bufs) ||
	    vec->len > sizeof(*dev->bufs) - off)
		return SIM_EFAULT;
	mem = (char *)dev->mem + off;
	if (to_host)
		memcpy(mem, vec->buf, vec->len);
	else
		memcpy(vec->buf, mem, vec->len);
	return 0;
}

/** host_dma_xfer() - the DMA port; any thread, core's locks held: takes none */
int host_dma_xfer(void *opaque, enum sim_dma_dir dir, const struct sim_dma_vec *vec,
		  unsigned int n)
{
	struct host_dev *dev = opaque;
	bool to_host = !sim_dma_reads(dir);
	unsigned int used;
	struct target t;
	int ret = 0, err;

	for (; n; vec += used, n -= used) {
		used = 1;
		if (decode(dev, vec->iova, &t)) {
			if (!window_enter(t.win))
				return SIM_EFAULT;
			err = is_one_piece(&t, dir, vec, n)
				      ? one_piece(&t, dir, vec)
				      : window_xfer(&t, dev, dir, vec, n, &used);
			window_leave(t.win);
		} else {
			err = memory_xfer(dev, to_host, vec);
		}
		if (err < 0)
			return err;
		ret |= err;
	}
	return ret;
}

/** host_dma_settle() - what clients were lent is moved */
void host_dma_settle(void *opaque)
{
	const struct host_client_ops *ops = lender;

	lender = NULL;
	if (ops)
		ops->settle();
}

/** host_dma_map() - queues, directly */
void *host_dma_map(void *opaque, uint64_t iova, size_t len)
{
	struct host_dev *dev = opaque;
	uint64_t off = iova - HOST_BASE;

	if (iova < HOST_BASE || off >= dev->mem_len || len > dev->mem_len - off)
		return NULL;
	return (char *)dev->mem + off;
}
