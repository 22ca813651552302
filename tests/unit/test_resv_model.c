/* SPDX-License-Identifier: MIT */
/*
 * test_resv_model.c - random reservation commands from three hosts, one of which has two
 * controllers, against a model: statuses, reports, access rights and notifications agree after
 * every step. The model is written down from section 8.1.22's sentences.
 */
#include "resvcmd.h"

#define HOSTS 3
#define CTRLS 4 /* the last one is host 0's second */
#define STEPS 8000
#define NOTES 64

/* keys come from a few, 0h among them, so that they often match */
#define KEYS 4

struct model {
	bool registered[HOSTS];
	uint64_t key[HOSTS];
	int holder; /* -1: none, or all registrants */
	uint8_t type;
	uint32_t gen;
	uint8_t note[CTRLS][NOTES]; /* unread, oldest first */
	unsigned int notes[CTRLS];
};

struct step {
	unsigned int ctrl, host;
	uint8_t op, action, type;
	bool iekey;
	uint64_t crkey, key;
};

static uint64_t rng;

static unsigned int rnd(unsigned int n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return (unsigned int)(rng >> 33) % n;
}

static unsigned int host_of(unsigned int ctrl)
{
	return ctrl == CTRLS - 1 ? 0 : ctrl;
}

static void notify(struct model *m, unsigned int host, uint8_t type)
{
	for (unsigned int c = 0; c < CTRLS; c++) {
		if (host_of(c) != host)
			continue;
		assert_true(m->notes[c] < NOTES);
		m->note[c][m->notes[c]++] = type;
	}
}

static bool everybody_holds(const struct model *m)
{
	return m->type == WEAR || m->type == EAAR;
}

static bool holds(const struct model *m, unsigned int host)
{
	return m->type && (everybody_holds(m) ? m->registered[host] : m->holder == (int)host);
}

static bool anybody(const struct model *m)
{
	return m->registered[0] || m->registered[1] || m->registered[2];
}

static void unreserve(struct model *m)
{
	m->type = 0;
	m->holder = -1;
}

static void take(struct model *m, unsigned int host, uint8_t type)
{
	m->type = type;
	m->holder = type == WEAR || type == EAAR ? -1 : (int)host;
}

static uint16_t m_register(struct model *m, const struct step *s)
{
	const unsigned int h = s->host;

	switch (s->action) {
	case RREGA_REGISTER:
		if (m->registered[h] && m->key[h] != s->key)
			return ST_CONFLICT;
		m->registered[h] = true;
		m->key[h] = s->key;
		break;
	case RREGA_REPLACE:
		if (!s->iekey && !(m->registered[h] && m->key[h] == s->crkey))
			return ST_CONFLICT;
		m->registered[h] = true;
		m->key[h] = s->key;
		break;
	default:
		if (!s->iekey && !(m->registered[h] && m->key[h] == s->crkey))
			return ST_CONFLICT;
		if (m->registered[h]) {
			bool only = m->type && m->holder == (int)h;
			uint8_t type = m->type;

			m->registered[h] = false;
			if (only || !anybody(m))
				unreserve(m);
			for (unsigned int i = 0; i < HOSTS && only; i++)
				if (m->registered[i] && (type == WERO || type == EARO))
					notify(m, i, NOTE_RELEASED);
		}
	}
	m->gen++;
	return ST_OK;
}

static uint16_t m_acquire(struct model *m, const struct step *s)
{
	if (m->type && !(holds(m, s->host) && m->type == s->type))
		return ST_CONFLICT;
	take(m, s->host, s->type);
	return ST_OK;
}

static void oust(struct model *m, unsigned int host, unsigned int by)
{
	m->registered[host] = false;
	if (host != by)
		notify(m, host, NOTE_REG_PREEMPTED);
}

static uint16_t m_preempt(struct model *m, const struct step *s)
{
	const uint8_t before = m->type;
	bool found = false;

	if (!before) {
		for (unsigned int i = 0; i < HOSTS; i++)
			if (m->registered[i] && m->key[i] == s->key)
				oust(m, i, s->host);
	} else if (everybody_holds(m) && !s->key) {
		for (unsigned int i = 0; i < HOSTS; i++)
			if (m->registered[i] && i != s->host)
				oust(m, i, s->host);
		take(m, s->host, s->type);
	} else if (everybody_holds(m)) {
		for (unsigned int i = 0; i < HOSTS; i++)
			found |= m->registered[i] && m->key[i] == s->key;
		if (!found)
			return ST_CONFLICT;
		for (unsigned int i = 0; i < HOSTS; i++)
			if (m->registered[i] && m->key[i] == s->key)
				oust(m, i, s->host);
		if (!anybody(m))
			unreserve(m);
	} else if (m->key[m->holder] == s->key) {
		for (unsigned int i = 0; i < HOSTS; i++)
			if (m->registered[i] && m->key[i] == s->key && i != s->host)
				oust(m, i, s->host);
		take(m, s->host, s->type);
	} else if (!s->key) {
		return ST_INVALID_FIELD;
	} else {
		for (unsigned int i = 0; i < HOSTS; i++)
			if (m->registered[i] && m->key[i] == s->key)
				oust(m, i, s->host);
	}
	for (unsigned int i = 0; i < HOSTS && m->type != before; i++)
		if (m->registered[i] && i != s->host)
			notify(m, i, NOTE_RELEASED);
	m->gen++;
	return ST_OK;
}

static uint16_t m_release(struct model *m, const struct step *s)
{
	const uint8_t type = m->type;

	if (!holds(m, s->host))
		return ST_OK;
	if (s->type != type)
		return ST_INVALID_FIELD;
	unreserve(m);
	for (unsigned int i = 0; i < HOSTS; i++)
		if (m->registered[i] && i != s->host && type != WE && type != EA)
			notify(m, i, NOTE_RELEASED);
	return ST_OK;
}

static uint16_t m_clear(struct model *m, const struct step *s)
{
	for (unsigned int i = 0; i < HOSTS; i++) {
		if (m->registered[i] && i != s->host)
			notify(m, i, NOTE_PREEMPTED);
		m->registered[i] = false;
	}
	unreserve(m);
	m->gen++;
	return ST_OK;
}

static uint16_t m_step(struct model *m, const struct step *s)
{
	if (s->op == OP_REGISTER)
		return m_register(m, s);
	if (!m->registered[s->host] || m->key[s->host] != s->crkey)
		return ST_CONFLICT;
	if (s->op == OP_ACQUIRE)
		return s->action == RACQA_ACQUIRE ? m_acquire(m, s) : m_preempt(m, s);
	return s->action == RRELA_RELEASE ? m_release(m, s) : m_clear(m, s);
}

static bool m_may(const struct model *m, unsigned int host, bool write)
{
	if (!m->type || holds(m, host))
		return true;
	switch (m->type) {
	case WE:
		return !write;
	case EA:
		return false;
	case WERO:
	case WEAR:
		return !write || m->registered[host];
	default:
		return m->registered[host];
	}
}

/* ---- against the device --------------------------------------------------------------------- */

static void choose(const struct model *m, struct step *s)
{
	static const uint8_t ops[] = { OP_REGISTER, OP_REGISTER, OP_REGISTER, OP_ACQUIRE,
				       OP_ACQUIRE, OP_ACQUIRE, OP_RELEASE };

	s->ctrl = rnd(CTRLS);
	s->host = host_of(s->ctrl);
	s->op = ops[rnd(sizeof(ops))];
	s->action = (uint8_t)rnd(s->op == OP_RELEASE ? 2 : 3);
	if (s->op == OP_RELEASE && s->action == RRELA_CLEAR && rnd(4))
		s->action = RRELA_RELEASE; /* or nothing would ever last */
	s->type = (uint8_t)(WE + rnd(EAAR));
	if (rnd(2) && m->type)
		s->type = m->type;
	s->iekey = s->op == OP_REGISTER && !rnd(4);
	s->crkey = rnd(4) ? m->key[s->host] : rnd(KEYS);
	s->key = rnd(KEYS);
}

static uint16_t do_step(struct host *h, const struct step *s)
{
	return resv_cmd(h, s->op, 1, s->action | (s->iekey ? IEKEY : 0) |
			(s->op == OP_REGISTER ? 0 : RTYPE(s->type)), s->crkey, s->key);
}

static void check_report(const struct model *m, struct host *h)
{
	static const uint64_t ids[HOSTS] = { ID_A, ID_B, ID_C };
	unsigned int nr = 0;
	const uint8_t *p;

	assert_int_equal(report(h, false, &p), 0);
	assert_int_equal(rep_gen(p), m->gen);
	assert_int_equal(rep_type(p), m->type);
	for (unsigned int i = 0; i < HOSTS; i++)
		nr += m->registered[i];
	assert_int_equal(rep_nr(p), nr);
	for (unsigned int i = 0; i < nr; i++) {
		struct reg reg = rep_reg(p, i);
		unsigned int host = 0;

		while (host < HOSTS && ids[host] != reg.hostid)
			host++;
		assert_true(host < HOSTS);
		assert_true(m->registered[host] && m->key[host] == reg.key);
		assert_int_equal(reg.holder, holds(m, host));
		assert_int_equal(reg.cntlid, host);
	}
}

static void check_access(const struct model *m, struct host *h, unsigned int host)
{
	struct drv_cmd read = { .dw = { [0] = 0x02, [1] = 1 } };
	struct drv_cmd write = { .dw = { [0] = 0x08, [1] = 1 } };

	assert_int_equal(drv_io(h->d, &read, h->buf, 512, NULL),
			 m_may(m, host, false) ? ST_OK : ST_CONFLICT);
	assert_int_equal(drv_io(h->d, &write, 0, 0, NULL),
			 m_may(m, host, true) ? ST_OK : ST_CONFLICT);
}

static void check_notes(struct model *m, struct host *h, unsigned int ctrl)
{
	for (unsigned int i = 0; i < m->notes[ctrl]; i++)
		assert_int_equal(read_note(h, NULL), (uint32_t)m->note[ctrl][i] << 8 |
				 (m->notes[ctrl] - i - 1));
	assert_int_equal(read_note(h, NULL), 0);
	m->notes[ctrl] = 0;
}

static void run(uint64_t seed)
{
	struct resv_fx *fx = resv_fx_new();
	struct host *h[CTRLS] = { &fx->a, &fx->b, &fx->c, &fx->a2 };
	struct model m = { .holder = -1 };
	unsigned int held = 0;

	rng = seed;
	for (unsigned int i = 0; i < STEPS; i++) {
		unsigned int other = rnd(CTRLS);
		struct step s;
		uint16_t want, got;

		choose(&m, &s);
		want = m_step(&m, &s);
		got = do_step(h[s.ctrl], &s);
		if (got != want)
			fail_msg("seed %llx, step %u: opcode %02xh, action %u: status %03xh, "
				 "not %03xh", (unsigned long long)seed, i, s.op, s.action, got,
				 want);
		check_report(&m, h[other]);
		check_access(&m, h[other], host_of(other));
		if (m.notes[other] > NOTES / 2 || !rnd(3))
			check_notes(&m, h[other], other);
		for (unsigned int c = 0; c < CTRLS; c++)
			if (m.notes[c] > NOTES - 8)
				check_notes(&m, h[c], c);
		held += m.type != 0;
	}
	assert_true(held > STEPS / 10 && held < STEPS - STEPS / 10); /* both were looked at */
	drv_free(fx->d);
	free(fx);
}

static void test_random(void **state)
{
	static const uint64_t seeds[] = { 0x9e3779b97f4a7c15, 0xd1b54a32d192ed03, 42 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
		run(seeds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
