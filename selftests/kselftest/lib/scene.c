// SPDX-License-Identifier: MIT
/* A session that may be served by any of several engines. */
#include "../scene.h"

void ks_scene_engine(struct ks_provider *p, const char *name, uint32_t kind)
{
	struct hvcal_engine_register reg;
	struct hvcal_engine_cap cap;

	ks_cap_init(&cap);
	cap.codec = KS_SCENE_CODEC;
	ks_register_init(&reg, &cap, name);
	reg.kind = kind;
	reg.slots = 4;
	reg.session_depth = 4;
	ks_provider_register(p, &reg);
}

static void create(struct ks_scene *s, struct hvcal_session_create arg, uint32_t loss)
{
	s->client = ks_client();
	arg.codec = KS_SCENE_CODEC;
	arg.loss = loss;
	CHECK_OK(ks_ioctl(s->client, HVCAL_IOC_SESSION_CREATE, &arg));
	s->session = arg.session;
	s->source = ks_import_new(s->client, HVCAL_BUFFER_SOURCE);
	for (int i = 0; i < KS_SCENE_TARGETS; i++)
		s->targets[i] = ks_import_new(s->client, HVCAL_BUFFER_TARGET);
}

void ks_scene_create(struct ks_scene *s, uint32_t loss)
{
	struct hvcal_session_create arg;

	ks_create_init(&arg, 0);
	create(s, arg, loss);
}

void ks_scene_create_realtime(struct ks_scene *s, unsigned int period_ms)
{
	struct hvcal_session_create arg;

	ks_create_realtime(&arg, 0, period_ms);
	create(s, arg, HVCAL_LOSS_FAIL);
}

void ks_scene_open(struct ks_scene *s, struct ks_provider *p, const char *name, uint32_t loss)
{
	ks_scene_engine(p, name, HVCAL_ENGINE_HARDWARE);
	ks_scene_create(s, loss);
	ks_open_reply(p, s->client);
}

static uint64_t submit(struct ks_scene *s, unsigned int target, uint32_t flags)
{
	struct hvcal_job_desc job;

	ks_job_init(&job, s->source, s->targets[target]);
	job.flags = flags;
	CHECK_EQ(ks_submit(s->client, s->session, &job, 1), 1);
	return job.job;
}

uint64_t ks_scene_submit(struct ks_scene *s, unsigned int target)
{
	return submit(s, target, 0);
}

uint64_t ks_scene_submit_key(struct ks_scene *s, unsigned int target)
{
	return submit(s, target, HVCAL_JOB_KEY);
}

void ks_scene_resync(struct ks_scene *s, struct ks_provider *p)
{
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_expect_item(p, &item, HVCAL_ITEM_OPEN);
	CHECK_EQ(ks_stats(s->client, s->session).state, HVCAL_SESSION_MIGRATING);
	CHECK_OK(ks_reply(p, item.id, 0, 0));
	ks_expect_event(s->client, &ev, HVCAL_EVENT_RESYNC, 0);
	CHECK_EQ(ev.engine, p->engine);
	CHECK_EQ(ks_stats(s->client, s->session).state, HVCAL_SESSION_ACTIVE);
}

void ks_scene_serve(struct ks_scene *s, struct ks_provider *p, uint64_t job)
{
	struct hvcal_event ev;
	struct hvcal_item item;

	ks_expect_item(p, &item, HVCAL_ITEM_ENCODE);
	CHECK_OK(ks_reply(p, item.id, 0, 1));
	ks_expect_event(s->client, &ev, HVCAL_EVENT_JOB, 0);
	CHECK_EQ(ev.job, job);
	CHECK_EQ(ev.engine, p->engine);
}
