// SPDX-License-Identifier: MIT
/* Life of a session: opening, reconfiguration, features, end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "aq.h"
#include "enumerate.h"
#include "rate.h"
#include "session.h"

hvcal_session_t *hvcal_session_ref(hvcal_session_t *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void hvcal_session_unref(hvcal_session_t *s)
{
	uint32_t i;

	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	for (i = 0; i < s->nslots; i++)
		hvcal_slot_free(s, &s->slots[i]);
	hvcal_rate_close(s);
	hvcal_aq_close(s);
	hvcal_pool_destroy(&s->maps);
	hvcal_pool_destroy(&s->targets);
	hvcal_pool_destroy(&s->staging);
	if (s->poll_fd >= 0)
		close(s->poll_fd);
	if (s->event_fd >= 0)
		close(s->event_fd);
	pthread_mutex_destroy(&s->submit_lock);
	pthread_mutex_destroy(&s->lock);
	free(s->ring);
	free(s->free_slots);
	free(s->slots);
	hvcal_context_unref(s->ctx);
	free(s);
}

void hvcal_session_set_engine(hvcal_session_t *s, uint32_t engine)
{
	atomic_store(&s->engine, engine);
	atomic_store(&s->engine_flags, hvcal_engine_flags(s->ctx, engine, s->config.codec));
}

bool hvcal_session_has(const hvcal_session_t *s, uint32_t feature)
{
	return !(s->disabled & 1U << feature) &&
	       atomic_load(&s->engine_flags) & hvcal_feature_cap(feature);
}

static int alloc_targets(hvcal_session_t *s)
{
	hvcal_pool_params_t p;

	hvcal_pool_params_default(&p, sizeof(p));
	p.size = hvcal_config_packet_bytes(&s->config);
	p.min_buffers = 2;
	p.max_buffers = s->nslots;
	return hvcal_pool_create(s->ctx, &p, &s->targets);
}

static hvcal_session_t *session_alloc(hvcal_context_t *ctx, const hvcal_config_t *config)
{
	hvcal_session_t *s = calloc(1, sizeof(*s));
	uint32_t i;

	if (!s)
		return NULL;
	atomic_init(&s->refs, 1);
	s->ctx = hvcal_context_ref(ctx);
	s->config = *config;
	s->mode = HVCAL_THROUGHPUT_BALANCED;
	s->event_fd = s->poll_fd = -1;
	pthread_mutex_init(&s->submit_lock, NULL);
	pthread_mutex_init(&s->lock, NULL);
	s->ring_size = 2 * config->max_queued + HVCAL_SESSION_EVENTS;
	s->ring = calloc(s->ring_size, sizeof(*s->ring));
	s->slots = calloc(config->max_queued, sizeof(*s->slots));
	s->free_slots = calloc(config->max_queued, sizeof(*s->free_slots));
	s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!s->ring || !s->slots || !s->free_slots || s->event_fd < 0) {
		hvcal_session_unref(s);
		return NULL;
	}
	s->nslots = s->nfree = config->max_queued;
	for (i = 0; i < s->nslots; i++) {
		s->slots[i].session = s;
		s->free_slots[i] = s->nslots - 1 - i;
	}
	return s;
}

/* ------------------------------------------------------------------------ */
/* Opening                                                                  */

static const char *limit_text(uint32_t limit)
{
	switch (limit) {
	case HVCAL_LIMIT_SESSIONS:
		return "the engine's session limit is reached: close a session";
	case HVCAL_LIMIT_ENGINE_TIME:
		return "not enough engine time is left";
	case HVCAL_LIMIT_BANDWIDTH:
		return "not enough memory bandwidth is left";
	case HVCAL_LIMIT_USER_SHARE:
		return "this user's share is used up";
	}
	return "the engines are full";
}

static void explain_refusal(hvcal_admission_t *a)
{
	if (a->fit_period_ns)
		hvcal_reason(a->reason, sizeof(a->reason),
			     "admission refused: %s; %.2f frames per second would fit",
			     limit_text(a->limit),
			     (double)HVCAL_NS_PER_SEC / (double)a->fit_period_ns);
	else
		hvcal_reason(a->reason, sizeof(a->reason), "admission refused: %s",
			     limit_text(a->limit));
}

static void explain_error(hvcal_admission_t *a, const hvcal_config_t *c, int ret)
{
	if (a->reason[0])
		return;
	if (ret == -ENOSPC)
		explain_refusal(a);
	else if (ret == -ENOTCONN)
		hvcal_reason(a->reason, sizeof(a->reason),
			     "no engine can encode %.4s %ux%u at %u bit from %.4s with what was asked for: see the list of engines",
			     (const char *)&c->codec, c->width, c->height, c->bit_depth,
			     (const char *)&c->format);
	else
		hvcal_reason(a->reason, sizeof(a->reason), "the session was not opened: %s",
			     hvcal_strerror(ret));
}

/* Its first event may come at once: it waits until the session is on the list. */
static int create_and_list(hvcal_session_t *s, struct hvcal_session_create *arg)
{
	hvcal_context_t *ctx = s->ctx;
	int ret = -ENODEV;

	pthread_mutex_lock(&ctx->lock);
	if (!ctx->gone)
		ret = ctx->be->ops->session_create(ctx->be, arg);
	if (!ret) {
		s->handle = arg->session;
		s->next = ctx->sessions;
		ctx->sessions = s;
	}
	pthread_mutex_unlock(&ctx->lock);
	return ret;
}

static int session_create(hvcal_session_t *s, struct hvcal_session_create *arg)
{
	const hvcal_config_t *c = &s->config;
	struct hvcal_codec_config codec;
	int ret;

	memset(arg, 0, sizeof(*arg));
	arg->op = HVCAL_OP_ENCODE;
	hvcal_config_to_codec(c, &codec);
	if (s->rate)
		hvcal_rate_codec(c, &codec);
	hvcal_config_to_reservation(c, s->mode, &arg->res);
	arg->codec = c->codec;
	arg->format = c->format;
	arg->engine = c->engine;
	arg->gpu = c->device;
	arg->loss = c->on_loss;
	arg->max_queued = c->max_queued;
	arg->need = hvcal_config_need(c) | (s->rate ? HVCAL_CAP_FRAME_QP : 0);
	arg->config.ptr = (uintptr_t)&codec;
	arg->config.len = sizeof(codec);
	ret = create_and_list(s, arg);
	arg->config.ptr = 0; /* it was ours, and goes */
	return ret;
}

static void explain_absent(hvcal_context_t *ctx, const char *name, hvcal_admission_t *a)
{
	const struct hvcal_be_ops *ops = ctx->be->ops;
	const char *why = ops->engine_absent ? ops->engine_absent(ctx->be, name) : NULL;

	hvcal_reason(a->reason, sizeof(a->reason), "there is no engine named %s: %s", name,
		     why ? why : "see the list of engines");
}

static int session_connect(hvcal_session_t *s, hvcal_admission_t *a)
{
	struct hvcal_session_create arg;
	hvcal_config_t *c = &s->config;
	int ret;

	if (c->engine_name[0]) {
		ret = hvcal_engine_find(s->ctx, c->engine_name, &c->engine);
		if (ret == -ENOENT) {
			explain_absent(s->ctx, c->engine_name, a);
			return -ENOTCONN;
		}
		if (ret)
			return ret;
	}
	ret = hvcal_rate_open(s);
	if (ret)
		return ret;
	ret = session_create(s, &arg);
	if (ret == -ENOTCONN && s->rate && !c->base_percent) {
		/* no engine here takes a QP per frame: then one with its own control */
		hvcal_rate_close(s);
		ret = session_create(s, &arg);
	}
	/* the name is what the user said; both would be refused when it comes back */
	if (c->engine_name[0])
		c->engine = 0;
	a->share_ppm = arg.share_ppm;
	a->left_ppm = arg.left_ppm;
	a->limit = ret == -ENOSPC ? arg.refused : HVCAL_LIMIT_NONE;
	a->fit_period_ns = ret == -ENOSPC ? arg.fit_period_ns : 0;
	if (ret)
		return ret;
	a->engine = arg.chosen;
	hvcal_session_set_engine(s, arg.chosen);
	return 0;
}

/* Until the engine has opened the stream. Nothing else can come before. */
static int session_wait_open(hvcal_session_t *s, hvcal_admission_t *a)
{
	uint64_t deadline = hvcal_now_ns() +
			    s->config.open_timeout_ms * HVCAL_NS_PER_MS;
	struct hvcal_item_event item;
	const struct hvcal_event *e = &item.e;
	int ret;

	do {
		ret = hvcal_session_next(s, &item, deadline);
		if (!ret && e->type == HVCAL_EVENT_RESYNC) {
			a->engine = e->engine;
			hvcal_session_set_engine(s, e->engine);
		}
	} while (!ret && e->type != HVCAL_EVENT_OPENED);
	if (ret == -EAGAIN) {
		hvcal_reason(a->reason, sizeof(a->reason),
			     "the engine did not open the stream within %u ms",
			     s->config.open_timeout_ms);
		return -ETIMEDOUT;
	}
	if (!ret && e->status) {
		ret = e->status;
		hvcal_reason(a->reason, sizeof(a->reason),
			     "the engine refuses this configuration: %s",
			     hvcal_strerror(ret));
	}
	return ret;
}

static void session_disconnect(hvcal_session_t *s)
{
	hvcal_session_t **p;

	if (!s->handle)
		return;
	s->ctx->be->ops->session_destroy(s->ctx->be, s->handle);
	pthread_mutex_lock(&s->ctx->lock);
	for (p = &s->ctx->sessions; *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	pthread_mutex_unlock(&s->ctx->lock);
	s->handle = 0;
}

int hvcal_create_session(hvcal_context_t *ctx, const hvcal_config_t *config,
			 hvcal_session_t **out, hvcal_admission_t *admission)
{
	hvcal_session_t *s = NULL;
	hvcal_admission_t a;
	hvcal_config_t c;
	int ret;

	if (!ctx || !config || !out ||
	    (admission && hvcal_struct_check(admission, HVCAL_ADMISSION_V1)))
		return -EINVAL;
	hvcal_admission_default(&a, sizeof(a));
	ret = hvcal_config_take(&c, config, a.reason, sizeof(a.reason));
	if (!ret && ctx->caps.max_queued && c.max_queued > ctx->caps.max_queued)
		c.max_queued = ctx->caps.max_queued;
	if (!ret) {
		s = session_alloc(ctx, &c);
		ret = s ? 0 : -ENOMEM;
	}
	if (!ret)
		ret = alloc_targets(s);
	if (!ret)
		ret = session_connect(s, &a);
	if (!ret)
		ret = session_wait_open(s, &a);
	if (ret) {
		explain_error(&a, &c, ret);
		a.engine = 0;
		if (s) {
			session_disconnect(s);
			hvcal_session_unref(s);
		}
	} else {
		*out = s;
	}
	if (admission)
		hvcal_struct_put(admission, &a, sizeof(a));
	return ret;
}

void hvcal_destroy_session(hvcal_session_t **session)
{
	if (!session || !*session)
		return;
	session_disconnect(*session);
	hvcal_session_unref(*session);
	*session = NULL;
}

/* ------------------------------------------------------------------------ */
/* Change                                                                   */

int hvcal_get_config(hvcal_session_t *s, hvcal_config_t *config)
{
	if (!s || hvcal_struct_check(config, HVCAL_CONFIG_V1))
		return -EINVAL;
	pthread_mutex_lock(&s->submit_lock);
	hvcal_struct_put(config, &s->config, sizeof(s->config));
	pthread_mutex_unlock(&s->submit_lock);
	return 0;
}

/* What was fixed when the session was created. */
static const char *change_problem(const hvcal_config_t *now, const hvcal_config_t *c)
{
	if (c->codec != now->codec || c->format != now->format ||
	    c->width != now->width || c->height != now->height ||
	    c->bit_depth != now->bit_depth)
		return "codec, format, size and depth cannot change: open a new session";
	if (c->sched != now->sched)
		return "sched cannot change: open a new session";
	return NULL;
}

/* submit_lock is held. @c is complete. */
static int reconfigure_locked(hvcal_session_t *s, const hvcal_config_t *c,
			      hvcal_admission_t *a)
{
	struct hvcal_session_reconfigure arg = { .session = s->handle };
	struct hvcal_codec_config codec;
	bool room;
	int ret;

	/* whichever call it is that would end our own control, or the layers */
	if (c->base_percent && !(s->rate && hvcal_rate_fits(c))) {
		hvcal_reason(a->reason, sizeof(a->reason),
			     "base_percent is not possible with what was asked for, or how the session was opened: set it to 0, or open a new session");
		return -EINVAL;
	}
	hvcal_session_hand_over(s);
	pthread_mutex_lock(&s->lock);
	room = s->reconfigures < HVCAL_PENDING_MAX;
	if (room)
		s->reconfigures++;
	pthread_mutex_unlock(&s->lock);
	if (!room)
		return -EAGAIN;
	hvcal_config_to_codec(c, &codec);
	if (s->rate && hvcal_rate_fits(c))
		hvcal_rate_codec(c, &codec);
	hvcal_config_to_reservation(c, s->mode, &arg.res);
	arg.config.ptr = (uintptr_t)&codec;
	arg.config.len = sizeof(codec);
	ret = s->ctx->be->ops->session_reconfigure(s->ctx->be, &arg);
	if (ret) {
		pthread_mutex_lock(&s->lock);
		s->reconfigures--;
		pthread_mutex_unlock(&s->lock);
		return ret == -ENOTCONN ? -ENODEV : ret;
	}
	a->engine = atomic_load(&s->engine);
	a->share_ppm = arg.share_ppm;
	a->left_ppm = arg.left_ppm;
	s->config = *c;
	hvcal_rate_retarget(s);
	return 0;
}

int hvcal_reconfigure(hvcal_session_t *s, const hvcal_config_t *config,
		      hvcal_admission_t *admission)
{
	const char *problem;
	hvcal_admission_t a;
	hvcal_config_t c;
	int ret;

	if (!s || !config ||
	    (admission && hvcal_struct_check(admission, HVCAL_ADMISSION_V1)))
		return -EINVAL;
	hvcal_admission_default(&a, sizeof(a));
	ret = hvcal_config_take(&c, config, a.reason, sizeof(a.reason));
	pthread_mutex_lock(&s->submit_lock);
	if (!ret) {
		problem = change_problem(&s->config, &c);
		if (problem) {
			hvcal_reason(a.reason, sizeof(a.reason), "%s", problem);
			ret = -EINVAL;
		}
	}
	if (!ret) { /* these belong to the session for good */
		c.max_queued = s->config.max_queued;
		c.packet_bytes = s->config.packet_bytes;
		c.engine = s->config.engine;
		c.device = s->config.device;
		c.on_loss = s->config.on_loss;
		memcpy(c.engine_name, s->config.engine_name, sizeof(c.engine_name));
		ret = reconfigure_locked(s, &c, &a);
	}
	pthread_mutex_unlock(&s->submit_lock);
	if (ret)
		explain_error(&a, &c, ret);
	if (admission)
		hvcal_struct_put(admission, &a, sizeof(a));
	return ret;
}

int hvcal_set_bitrate(hvcal_session_t *s, uint64_t bitrate)
{
	hvcal_admission_t a;
	hvcal_config_t c;
	int ret;

	if (!s || !bitrate)
		return -EINVAL;
	hvcal_admission_default(&a, sizeof(a));
	pthread_mutex_lock(&s->submit_lock);
	c = s->config;
	/* a ceiling above the rate keeps its distance */
	if (c.bitrate && c.max_bitrate > c.bitrate)
		c.max_bitrate = (uint64_t)((double)c.max_bitrate / (double)c.bitrate *
					   (double)bitrate);
	else
		c.max_bitrate = bitrate;
	c.bitrate = bitrate;
	ret = reconfigure_locked(s, &c, &a);
	pthread_mutex_unlock(&s->submit_lock);
	return ret;
}

int hvcal_request_key_frame(hvcal_session_t *s)
{
	if (!s)
		return -EINVAL;
	pthread_mutex_lock(&s->submit_lock);
	s->want_key = true;
	pthread_mutex_unlock(&s->submit_lock);
	return 0;
}

int hvcal_report_loss(hvcal_session_t *s, int64_t pts)
{
	if (!s || pts == HVCAL_NO_PTS)
		return -EINVAL;
	pthread_mutex_lock(&s->submit_lock);
	if (!s->want_recovery || pts < s->lost_pts)
		s->lost_pts = pts;
	s->want_recovery = true;
	pthread_mutex_unlock(&s->submit_lock);
	return 0;
}

/* submit_lock is held. */
static int reserve_for_mode(hvcal_session_t *s, uint32_t mode)
{
	struct hvcal_session_reconfigure arg = {
		.session = s->handle, .flags = HVCAL_RECONFIGURE_RESERVATION,
	};
	int ret;

	if (s->config.sched != HVCAL_SCHED_REALTIME || mode == s->mode)
		return 0;
	hvcal_config_to_reservation(&s->config, mode, &arg.res);
	ret = s->ctx->be->ops->session_reconfigure(s->ctx->be, &arg);
	return ret == -ENOTCONN ? -ENODEV : ret;
}

int hvcal_set_throughput_mode(hvcal_session_t *s, uint32_t mode)
{
	int ret;

	if (!s || mode > HVCAL_THROUGHPUT_BATCH)
		return -EINVAL;
	pthread_mutex_lock(&s->submit_lock);
	hvcal_session_hand_over(s);
	ret = reserve_for_mode(s, mode);
	if (!ret)
		s->mode = mode;
	pthread_mutex_unlock(&s->submit_lock);
	return ret;
}

/* submit_lock is held. */
static int enable_stream_feature(hvcal_session_t *s, uint32_t feature, bool on)
{
	hvcal_config_t c = s->config;
	hvcal_admission_t a;

	if (on == !!(c.features & (1U << feature)))
		return 0;
	c.features ^= 1U << feature;
	if (feature == HVCAL_FEATURE_LOSSLESS)
		c.tune = on ? HVCAL_TUNE_LOSSLESS :
			 c.bframes ? HVCAL_TUNE_QUALITY : HVCAL_TUNE_LOW_LATENCY;
	hvcal_admission_default(&a, sizeof(a));
	return reconfigure_locked(s, &c, &a);
}

int hvcal_enable_feature(hvcal_session_t *s, uint32_t feature, int enable)
{
	uint32_t cap;
	int ret = 0;

	if (!s || feature >= HVCAL_FEATURES)
		return -EINVAL;
	cap = hvcal_feature_cap(feature);
	pthread_mutex_lock(&s->submit_lock);
	if (enable && cap & ~atomic_load(&s->engine_flags))
		ret = -EOPNOTSUPP;
	else if (feature == HVCAL_FEATURE_LOSSLESS || feature == HVCAL_FEATURE_INTRA_REFRESH ||
		 feature == HVCAL_FEATURE_LAYERS)
		ret = enable_stream_feature(s, feature, enable);
	else if (enable)
		s->disabled &= ~(1U << feature);
	else
		s->disabled |= 1U << feature;
	pthread_mutex_unlock(&s->submit_lock);
	return ret;
}

int hvcal_flush(hvcal_session_t *s)
{
	struct hvcal_session_flush arg;
	bool room;
	int ret;

	if (!s)
		return -EINVAL;
	pthread_mutex_lock(&s->submit_lock);
	hvcal_session_hand_over(s);
	pthread_mutex_lock(&s->lock);
	room = s->flushes < HVCAL_PENDING_MAX;
	if (room)
		s->flushes++;
	pthread_mutex_unlock(&s->lock);
	if (!room) {
		ret = -EAGAIN;
		goto out;
	}
	arg = (struct hvcal_session_flush){ .session = s->handle };
	ret = s->ctx->be->ops->session_flush(s->ctx->be, &arg);
	if (ret) {
		pthread_mutex_lock(&s->lock);
		s->flushes--;
		pthread_mutex_unlock(&s->lock);
		if (ret == -ENOTCONN)
			ret = -ENODEV;
	}
out:
	pthread_mutex_unlock(&s->submit_lock);
	return ret;
}

int hvcal_cancel(hvcal_session_t *s, uint64_t *canceled)
{
	struct hvcal_job_cancel arg;
	int ret;

	if (!s)
		return -EINVAL;
	pthread_mutex_lock(&s->submit_lock);
	hvcal_session_hand_over(s);
	arg = (struct hvcal_job_cancel){ .session = s->handle };
	ret = s->ctx->be->ops->cancel(s->ctx->be, &arg);
	pthread_mutex_unlock(&s->submit_lock);
	if (!ret && canceled)
		*canceled = arg.canceled;
	return ret;
}

int hvcal_get_fence(hvcal_session_t *s, uint64_t job, int *fence)
{
	struct hvcal_job_fence arg;
	int ret;

	if (!s || !fence)
		return -EINVAL;
	arg = (struct hvcal_job_fence){ .session = s->handle, .fence = -1, .job = job };
	ret = s->ctx->be->ops->fence(s->ctx->be, &arg);
	if (!ret)
		*fence = arg.fence;
	return ret;
}

int hvcal_get_stats(hvcal_session_t *s, hvcal_stats_t *stats)
{
	struct hvcal_session_stats arg;
	hvcal_stats_t t;
	int ret;

	_Static_assert(HVCAL_HISTOGRAM == HVCAL_HIST_BUCKETS, "histograms");
	if (!s || hvcal_struct_check(stats, HVCAL_STATS_V1))
		return -EINVAL;
	memset(&arg, 0, sizeof(arg));
	arg.session = s->handle;
	ret = s->ctx->be->ops->session_stats(s->ctx->be, &arg);
	if (ret)
		return ret;
	hvcal_stats_default(&t, sizeof(t));
	t.engine = arg.engine;
	t.share_ppm = arg.share_ppm;
	t.queued = arg.queued;
	t.running = arg.running;
	t.migrations = arg.migrations;
	t.submitted = arg.submitted;
	t.done = arg.done;
	t.failed = arg.failed;
	t.timed_out = arg.timed_out;
	t.canceled = arg.canceled;
	t.late = arg.late;
	t.bytes = arg.bytes;
	t.engine_ns = arg.engine_ns;
	t.copied_bytes = atomic_load(&s->copied_bytes);
	t.engine_copied_bytes = atomic_load(&s->engine_copied);
	t.submit_calls = atomic_load(&s->submit_calls);
	hvcal_rate_stats(s, &t);
	t.aq_frames = atomic_load(&s->aq_frames);
	t.band_frames = atomic_load(&s->band_frames);
	memcpy(t.hist_wait, arg.hist_wait, sizeof(t.hist_wait));
	memcpy(t.hist_run, arg.hist_run, sizeof(t.hist_run));
	memcpy(t.hist_slack, arg.hist_slack, sizeof(t.hist_slack));
	hvcal_struct_put(stats, &t, sizeof(t));
	return 0;
}
