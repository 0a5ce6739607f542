// SPDX-License-Identifier: GPL-2.0
/* What an engine has learned about the costs of each kind of stream. */
#include <linux/slab.h>

#include "hvcal_internal.h"

/* Models that nobody uses are kept, so many an engine. */
#define MODELS_KEPT	64
/* The plan follows an estimate that has grown by 1/16 or shrunk by 1/8. */
#define GROWN_SHIFT	4
#define SHRUNK_SHIFT	3

struct hvcal_model *hvcal_model_alloc(void)
{
	return kzalloc(sizeof(struct hvcal_model), GFP_KERNEL_ACCOUNT);
}

struct hvcal_model *hvcal_model_find_locked(struct hvcal_engine *e,
					    const struct hvcal_model_key *key)
{
	struct hvcal_model *m;

	lockdep_assert_held(&hvcal.lock);

	list_for_each_entry(m, &e->models, link)
		if (!memcmp(&m->key, key, sizeof(*key)))
			return m;
	return NULL;
}

struct hvcal_model *hvcal_model_get_locked(struct hvcal_engine *e,
					   const struct hvcal_model_key *key,
					   u64 claimed_ns_per_mpix, struct hvcal_model **spare)
{
	struct hvcal_model *m = hvcal_model_find_locked(e, key);

	if (!m) {
		m = *spare;
		*spare = NULL;
		m->key = *key;
		hvcal_cost_seed(&m->cost, claimed_ns_per_mpix);
		m->planned = m->cost.ns_per_mpix;
		list_add(&m->link, &e->models);
		e->nmodels++;
	}
	m->users++;
	return m;
}

void hvcal_model_put_locked(struct hvcal_engine *e, struct hvcal_model *m)
{
	struct hvcal_model *old;

	lockdep_assert_held(&hvcal.lock);

	if (--m->users)
		return;
	/* the one whose last user left last is the last to be forgotten */
	list_move(&m->link, &e->models);
	if (e->nmodels <= MODELS_KEPT)
		return;
	list_for_each_entry_reverse(old, &e->models, link) {
		if (old->users)
			continue;
		list_del(&old->link);
		kfree(old);
		e->nmodels--;
		return;
	}
}

bool hvcal_model_learn_locked(struct hvcal_model *m, u64 now, u64 ns, u32 pixels)
{
	u64 est;

	lockdep_assert_held(&hvcal.lock);

	hvcal_cost_learn(&m->cost, now, ns, pixels);
	est = m->cost.ns_per_mpix;
	if (est <= m->planned + (m->planned >> GROWN_SHIFT) &&
	    est >= m->planned - (m->planned >> SHRUNK_SHIFT))
		return false;
	m->planned = est;
	return true;
}
