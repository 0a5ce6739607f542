// SPDX-License-Identifier: GPL-2.0
/* What an engine has learned about the costs of each kind of stream. */
#include <linux/slab.h>

#include "hvcal_internal.h"

/* Models that nobody uses are kept, so many an engine. */
#define MODELS_KEPT	64

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
