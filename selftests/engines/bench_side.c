// SPDX-License-Identifier: MIT
/* One picture in, its packet out: through HVCAL, or through a library as it is. */
#include <errno.h>
#include <string.h>

#include "bench.h"

#define TIMEOUT_MS 60000
#define PRESET 1
#define FNV_START 14695981039346656037ULL
#define FNV_PRIME 1099511628211ULL

static void take_bytes(struct side *side, const void *data, size_t size)
{
	const uint8_t *at = data;

	side->bytes += size;
	for (size_t i = 0; i < size; i++)
		side->hash = (side->hash ^ at[i]) * FNV_PRIME;
}

static int open_session(const struct bench *b, const struct subject *s, unsigned int kbps,
			hvcal_session_t **session)
{
	hvcal_admission_t admission;
	hvcal_config_t c;
	int ret;

	hvcal_config_default(&c, sizeof(c));
	c.codec = s->codec;
	c.width = b->width;
	c.height = b->height;
	c.fps = 30;
	c.format = HVCAL_FORMAT_I420;
	c.preset = PRESET;
	c.threads = b->threads;
	c.gop_size = 0;
	c.rc_mode = kbps ? HVCAL_RC_CBR : HVCAL_RC_CQP;
	c.qp = kbps ? 0 : (uint32_t)s->qp;
	c.bitrate = kbps * 1000ULL;
	c.rate_control = HVCAL_RATE_CONTROL_ENGINE;
	snprintf(c.engine_name, sizeof(c.engine_name), "%s", s->engine);
	hvcal_admission_default(&admission, sizeof(admission));
	ret = hvcal_create_session(b->ctx, &c, session, &admission);
	if (ret)
		fprintf(stderr, "%s: %s\n", s->engine, admission.reason);
	return ret;
}

int side_open(struct side *side, const struct bench *b, const struct subject *s, bool ours,
	      unsigned int kbps)
{
	const struct lib_config config = {
		b->width, b->height, 30, b->threads, s->speed, s->lib_qp, kbps,
	};

	*side = (struct side){ .bench = b, .subject = s, .ours = ours, .hash = FNV_START };
	if (ours)
		return open_session(b, s, kbps, &side->session);
	side->lib = s->lib->open(&config);
	return side->lib ? 0 : -EINVAL;
}

/* A packet is there: looking at it is not part of what it costs. */
static struct costs look(struct side *side, const void *data, size_t size)
{
	struct costs before = cost_now(), after;

	take_bytes(side, data, size);
	after = cost_now();
	return cost_between(&before, &after);
}

static int code_ours(struct side *side, hvcal_buffer_t *buffer, struct costs *looking)
{
	hvcal_packet_t packet;
	int ret = hvcal_submit_frame(side->session, buffer, NULL);

	hvcal_packet_default(&packet, sizeof(packet));
	while (!ret) {
		ret = hvcal_get_bitstream(side->session, &packet, TIMEOUT_MS);
		if (ret == HVCAL_GOT_PACKET) {
			*looking = look(side, packet.data, packet.size);
			side->engine_ns = packet.done_ns - packet.start_ns;
			hvcal_release_packet(&packet);
			return 0;
		}
		if (ret == HVCAL_GOT_NOTICE)
			ret = packet.notice == HVCAL_NOTICE_FRAME_FAILED ? packet.status : 0;
		hvcal_release_packet(&packet);
	}
	return ret;
}

static int code_lib(struct side *side, const hvcal_buffer_t *buffer, struct costs *looking)
{
	const struct lib_ops *lib = side->subject->lib;
	struct lib_packet packet;
	struct lib_picture p;

	for (int i = 0; i < 3; i++) {
		p.plane[i] = (const uint8_t *)buffer->cpu_ptr + buffer->offset[i];
		p.stride[i] = (int)buffer->stride[i];
	}
	if (lib->send(side->lib, &p, side->subject->lib_qp, false) ||
	    lib->receive(side->lib, &packet) <= 0)
		return -EIO;
	*looking = look(side, packet.data, packet.size);
	return 0;
}

int side_code(struct side *side, unsigned int n, struct costs *costs)
{
	hvcal_buffer_t *buffer = side->bench->buffers[n % side->bench->count];
	struct costs before = cost_now(), after, looking = { 0 };
	int ret = side->ours ? code_ours(side, buffer, &looking) :
		  code_lib(side, buffer, &looking);

	after = cost_now();
	*costs = cost_between(&before, &after);
	*costs = cost_between(&looking, costs);
	return ret;
}

static int wait_reconfigured(hvcal_session_t *session)
{
	hvcal_packet_t packet;
	int ret;

	hvcal_packet_default(&packet, sizeof(packet));
	do {
		ret = hvcal_get_bitstream(session, &packet, TIMEOUT_MS);
		if (ret == HVCAL_GOT_NOTICE && packet.notice == HVCAL_NOTICE_RECONFIGURED)
			return packet.status;
		hvcal_release_packet(&packet);
	} while (ret >= 0);
	return ret;
}

int side_retarget(struct side *side, unsigned int kbps)
{
	int ret;

	if (!side->ours)
		return side->subject->lib->retarget(side->lib, kbps) ? -EIO : 0;
	ret = hvcal_set_bitrate(side->session, kbps * 1000ULL);
	return ret ? ret : wait_reconfigured(side->session);
}

void side_close(struct side *side)
{
	if (side->lib)
		side->subject->lib->close(side->lib);
	if (side->session)
		hvcal_destroy_session(&side->session);
	side->lib = NULL;
}
