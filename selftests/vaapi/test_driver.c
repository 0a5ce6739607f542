// SPDX-License-Identifier: MIT
/* What the driver is given and told, what goes wrong there, and engines that cannot be made. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "test_vaapi.h"

#define HANG "vaapi.timeout_ms=100"	/* option of the engine in tests of hangs */
#define X_TILED 0x100000000000001	/* a modifier of Intel's: tiles of 512 bytes, 8 rows */
#define TILE_BYTES 512
#define TILE_ROWS 8
#define BOUND_MS 5000		/* by then a frame in a driver that hangs is answered */

/* ---- sources ---- */

static void source_run(struct conf *c, uint64_t copied)
{
	struct hvcal_codec_config config = exact_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	conf_send_many(s, 5);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->result.frame.copied_bytes != copied)
			conf_fail(c, "frame %u: %llu bytes copied", i, (unsigned long long)
				  s->frames[i]->result.frame.copied_bytes);
	all_exact(s);
	conf_free(&s);
}

static void test_import(struct conf *c)
{
	source_run(c, 0);
	/* one buffer, again and again: it is imported once */
	EXPECT(c, 1, "import");
}

static void test_derive(struct conf *c)
{
	source_run(c, 320 * 192 * 3 / 2);
	EXPECT(c, 5, "derive");
}

static void test_put(struct conf *c)
{
	source_run(c, 320 * 192 * 3 / 2);
	EXPECT(c, 5, "put");
}

static void spoil_modifier(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)job;
	source->layout.modifier = X_TILED;
}

/* Puts what was drawn row by row into tiles. */
static void spoil_tiles(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	/* the host's is the first member of the test's */
	struct conf_buffer *b = (struct conf_buffer *)(void *)source;
	const struct hvcal_frame_layout *l = &source->layout;
	uint8_t *rows = malloc(b->size);

	if (!rows)
		abort();
	memcpy(rows, b->mine, b->size);
	for (uint32_t p = 0; p < l->planes; p++) {
		uint32_t bytes, height = conf_plane_rows(l, p, &bytes);

		for (uint32_t y = 0; y < height; y++)
			for (uint32_t x = 0; x < l->stride[p]; x += TILE_BYTES)
				memcpy(b->mine + l->offset[p] +
				       (size_t)(y / TILE_ROWS * TILE_ROWS) * l->stride[p] +
				       (size_t)x * TILE_ROWS + (size_t)(y % TILE_ROWS) * TILE_BYTES,
				       rows + l->offset[p] + (size_t)y * l->stride[p] + x,
				       TILE_BYTES);
	}
	free(rows);
	spoil_modifier(job, source);
}

/* The driver is told where each tile is: it reads them in place. */
static void test_tiles(struct conf *c)
{
	static const struct conf_how tiled = { .spoil = spoil_tiles };
	struct hvcal_codec_config config = exact_config(c);
	struct conf_stream *s;

	config.width = 2 * TILE_BYTES;
	config.height = 192;
	s = conf_open(c, &config);
	if (!s)
		return;
	for (unsigned int i = 0; i < 4; i++)
		if (conf_send(s, &tiled))
			conf_fail(c, "frame %u is refused", i);
	conf_flush(s);
	for (unsigned int i = 0; i < s->count && !conf_failed(c); i++)
		if (s->frames[i]->result.frame.copied_bytes)
			conf_fail(c, "frame %u was copied", i);
	EXPECT(c, 1, "import 1024x192");
	all_exact(s);
	conf_free(&s);
}

/* What neither the driver nor the CPU can read is refused; the stream goes on. */
static void test_modifier(struct conf *c)
{
	static const struct conf_how tiled = { .spoil = spoil_modifier };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);
	int ret;

	if (!s)
		return;
	conf_send_many(s, 2);
	ret = conf_send(s, &tiled);
	if (ret != -EINVAL)
		conf_fail(c, "a modifier that the driver does not know gives %d", ret);
	conf_send_many(s, 2);
	conf_flush(s);
	all_exact(s);
	conf_free(&s);
}

/* ---- faults ---- */

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* A frame that is answered in time, whatever the driver does. */
static int send_bounded(struct conf_stream *s)
{
	uint64_t start = now_ms(), took;
	int ret = conf_send(s, NULL);

	took = now_ms() - start;
	if (took >= BOUND_MS)
		conf_fail(s->c, "a frame takes %llu ms", (unsigned long long)took);
	return ret;
}

/* Frame 2 fails with @status; the next one is a key frame, and all others are well. */
static void fault_run(struct conf *c, int status)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	for (unsigned int i = 0; i < 6; i++) {
		int ret = send_bounded(s);
		const struct conf_frame *f = s->frames[i];
		int got = ret < 0 ? ret : f->result.status;

		if (got != (i == 2 ? status : 0))
			conf_fail(c, "frame %u: %d", i, got);
		else if (i != 2 && !!(f->result.flags & HVCAL_RESULT_KEY) != (i == 0 || i == 3))
			conf_fail(c, "frame %u: wrong about key frames", i);
	}
	conf_flush(s);
	all_exact(s);
	conf_free(&s);
}

static void test_hang(struct conf *c)
{
	fault_run(c, -ETIMEDOUT);
}

static void test_lost(struct conf *c)
{
	fault_run(c, -EIO);
}

static void test_busy(struct conf *c)
{
	fault_run(c, -EAGAIN);
}

/* A driver that hangs for good is left alone after a few times. */
static void test_hang_always(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);
	int last = 0;

	if (!s)
		return;
	for (unsigned int i = 0; i < 8; i++) {
		int ret = send_bounded(s);

		last = ret < 0 ? ret : s->frames[i]->result.status;
		if (i < 4 && last != -ETIMEDOUT)
			conf_fail(c, "frame %u: %d", i, last);
	}
	CHECK(c, last == -ENODEV, "a driver that always hangs ends with %d", last);
	conf_flush(s);
	conf_free(&s);
}

/* ---- fences ---- */

/* The first picture shows what fences are worth; all others have theirs. */
static void test_fences(struct conf *c)
{
	source_run(c, 0);
	CHECK(c, fences_given == 4 && !fences_early, "%u fences for five frames, %u too early",
	      fences_given, fences_early);
}

static void test_no_fences(struct conf *c)
{
	source_run(c, c->options && hvcal_options_get(c->options, "vaapi.import") ?
		   320 * 192 * 3 / 2 : 0);
	CHECK(c, !fences_given, "%u fences that are of no use", fences_given);
}

/* ---- what is told ---- */

static void test_entrypoint_low(struct conf *c)
{
	source_run(c, 0);
	EXPECT(c, 1, "config profile 7 entrypoint 8");
}

static void test_entrypoint_full(struct conf *c)
{
	source_run(c, 0);
	EXPECT(c, 1, "config profile 7 entrypoint 6");
}

static void test_rates(struct conf *c)
{
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.rc_mode = HVCAL_RC_VBR;
	config.bitrate = 1000000;
	config.max_bitrate = 4000000;
	config.vbv_ms = 250;
	config.qp_min = 12;
	config.qp_max = 40;
	config.fps_num = 60000;
	config.fps_den = 1001;
	config.preset = 9;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 3);
	EXPECT(c, 1, "rate ");
	EXPECT(c, 1, "rate 4000000 25% window 250 qp 12..40");
	EXPECT(c, 1, "fps 60000/1001");
	EXPECT(c, 1, "quality 1\n");
	config.bitrate = 2000000;
	CHECK(c, !c->engine->ops->reconfigure(s->stream, &config), "a new bit rate is refused");
	conf_send_many(s, 3);
	EXPECT(c, 2, "rate ");
	EXPECT(c, 1, "rate 4000000 50% window 250 qp 12..40");
	conf_free(&s);
}

static void set_max_bytes(struct hvcal_engine_job *job, struct hvcal_engine_buffer *source)
{
	(void)source;
	job->params.max_bytes = 12345;
}

static void test_max_bytes(struct conf *c)
{
	static const struct conf_how with = { .spoil = set_max_bytes };
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s;

	config.rc_mode = HVCAL_RC_CBR;
	config.bitrate = 1000000;
	s = conf_open(c, &config);
	if (!s)
		return;
	conf_send_many(s, 1);
	EXPECT(c, 0, "max ");
	conf_send(s, &with);
	EXPECT(c, 1, "max 98760 bits");
	conf_send_many(s, 1);
	EXPECT(c, 1, "max ");
	conf_free(&s);
}

#define MAP_COLS 20
#define MAP_ROWS 12

static void map_run(struct conf *c, const int8_t *map)
{
	struct conf_how with = {
		.map = map, .map_block = 16, .map_stride = MAP_COLS, .map_rows = MAP_ROWS,
	};
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	if (!s)
		return;
	conf_send(s, &with);
	conf_flush(s);
	conf_decode(s, 0, 25, NULL);
	conf_free(&s);
}

/* A map that four rectangles can say is told as it is. */
static void test_map(struct conf *c)
{
	int8_t map[MAP_COLS * MAP_ROWS] = { 0 };

	for (unsigned int y = 0; y < MAP_ROWS; y++)
		for (unsigned int x = 0; x < MAP_COLS; x++)
			if (x % 10 < 4 && y % 6 < 3)
				map[y * MAP_COLS + x] = x < 10 ? -5 : 5;
	map_run(c, map);
	EXPECT(c, 1, "rois 4");
}

/* One that they cannot is told less finely, and the driver takes it. */
static void test_fine_map(struct conf *c)
{
	int8_t map[MAP_COLS * MAP_ROWS];

	for (unsigned int i = 0; i < sizeof(map); i++)
		map[i] = (int8_t)(i * 7 % 13) - 6 + (i % MAP_COLS < 10 ? -8 : 8);
	map_run(c, map);
	EXPECT(c, 1, "rois ");
	CHECK(c, reported("rois 1") + reported("rois 2") + reported("rois 3") +
	      reported("rois 4") == 1, "the driver takes four rectangles");
}

/* ---- segments ---- */

/* The left half better, the right half worse. */
static void segments_run(struct conf *c, int qp)
{
	int8_t map[MAP_COLS * MAP_ROWS];
	struct conf_how with = {
		.qp = qp, .map = map, .map_block = 16, .map_stride = MAP_COLS, .map_rows = MAP_ROWS,
	};
	struct hvcal_codec_config config = conf_config(c);
	struct conf_stream *s = conf_open(c, &config);

	for (unsigned int i = 0; i < sizeof(map); i++)
		map[i] = i % MAP_COLS < MAP_COLS / 2 ? -5 : 7;
	if (!s)
		return;
	/* with a map, and without */
	for (unsigned int i = 0; i < 4; i++)
		if (conf_send(s, i % 2 ? NULL : &with))
			conf_fail(c, "frame %u is refused", i);
	conf_flush(s);
	conf_decode(s, 0, 25, NULL);
	conf_free(&s);
}

static void test_segments(struct conf *c)
{
	segments_run(c, 100);
	EXPECT(c, 2, "segments 40x24 of 8: -5 .. 7\n");
	/* none is lossless, and none beyond the scale */
	segments_run(c, 3);
	EXPECT(c, 2, "segments 40x24 of 8: -2 .. 7\n");
	segments_run(c, 251);
	EXPECT(c, 2, "segments 40x24 of 8: -5 .. 4\n");
}

static void test_large_segments(struct conf *c)
{
	segments_run(c, 100);
	EXPECT(c, 2, "segments 5x3 of 64: -5 .. 7\n");
}

static void test_no_segments(struct conf *c)
{
	CHECK(c, !(c->cap->flags & HVCAL_CAP_ROI), "maps are claimed");
	segments_run(c, 100);
	EXPECT(c, 0, "segments ");
}

/* ---- engines that cannot be made ---- */

static char locked_option[64];

/* Root may open all: be somebody else. */
static void no_permission(void)
{
	char path[] = "/tmp/hvcal-vaapi-node-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0 || fchmod(fd, 0) || (!geteuid() && seteuid(65534)))
		abort();
	close(fd);
	snprintf(locked_option, sizeof(locked_option), "vaapi.device=%s", path);
}

/* The node goes when its maker is back. */
static void no_permission_end(void)
{
	if (!getuid() && seteuid(0))
		abort();
	unlink(strchr(locked_option, '=') + 1);
}

static void no_driver(void)
{
	setenv("LIBVA_DRIVER_NAME", "absent", 1);
}

const struct test tests_driver[] = {
	{ "hevc_lost", "lost=3", NULL, .run = test_lost, .codec = HVCAL_CODEC_HEVC },
	{ "import", "exact", NULL, .run = test_import },
	{ "copy_into_the_surface", "exact,no-import", NULL, .run = test_derive },
	{ "copy_by_an_image", "exact,no-import,no-derive", NULL, .run = test_put },
	{ "copy_by_option", "exact", "vaapi.import=0", .run = test_derive },
	{ "unknown_modifier", "exact", NULL, .run = test_modifier },
	{ "tiles", "exact,x-tiled", NULL, .run = test_tiles },
	{ "hevc_tiles", "exact,x-tiled", NULL, .run = test_tiles, .codec = HVCAL_CODEC_HEVC },
	{ "slow_driver", "exact,slow=20", NULL, .run = test_import },
	{ "slow_driver_surface_wait", "exact,slow=20,surface-wait", NULL, .run = test_import },
	{ "slow_driver_no_wait", "exact,slow=20,no-wait", NULL, .run = test_import },
	{ "fences", "exact,slow=200,fences", NULL, .run = test_fences },
	{ "fences_no_wait", "exact,slow=200,fences,no-wait", NULL, .run = test_fences },
	{ "fences_none", "exact,slow=30", NULL, .run = test_no_fences },
	{ "fences_too_early", "exact,slow=60,fences-early", NULL, .run = test_no_fences },
	{ "fences_of_others", "exact,slow=30,fences-foreign", NULL, .run = test_no_fences },
	{ "fences_of_copies", "exact,slow=30,fences", "vaapi.import=0", .run = test_no_fences },
	{ "fences_and_a_hang", "exact,hang=3,fences", HANG, .run = test_hang },
	{ "hang", "exact,hang=3", HANG, .run = test_hang },
	{ "hang_surface_wait", "exact,hang=3,surface-wait", HANG, .run = test_hang },
	{ "hang_no_wait", "exact,hang=3,no-wait", HANG, .run = test_hang },
	{ "hang_in_a_copy", "exact,hang=3,no-import", HANG, .run = test_hang },
	{ "hang_always", "exact,hang-always", HANG, .run = test_hang_always },
	{ "device_lost", "exact,lost=3", NULL, .run = test_lost },
	{ "device_lost_no_wait", "exact,lost=3,no-wait", NULL, .run = test_lost },
	{ "encoder_busy", "exact,busy=3", NULL, .run = test_busy },
	{ "low_power_preferred", "exact,low-power", NULL, .run = test_entrypoint_low },
	{ "low_power_without_rate_control", "exact,low-power-cqp", NULL, .run = test_entrypoint_full },
	{ "low_power_by_option", "exact,low-power-cqp", "vaapi.low_power=1", .run = test_entrypoint_low },
	{ "rates", NULL, NULL, .run = test_rates },
	{ "max_bytes", NULL, NULL, .run = test_max_bytes },
	{ "map", "rois=4", NULL, .run = test_map },
	{ "fine_map", "rois=4", NULL, .run = test_fine_map },
	{ "vp9_segments", NULL, NULL, .run = test_segments, .codec = HVCAL_CODEC_VP9 },
	{ "vp9_segments_headers_of_the_driver", "own-headers", NULL, .run = test_segments,
	  .codec = HVCAL_CODEC_VP9 },
	{ "av1_segments", NULL, NULL, .run = test_segments, .codec = HVCAL_CODEC_AV1 },
	{ "av1_segments_headers_of_the_driver", "own-headers", NULL, .run = test_segments,
	  .codec = HVCAL_CODEC_AV1 },
	{ "av1_large_segments", "segments=2", NULL, .run = test_large_segments,
	  .codec = HVCAL_CODEC_AV1 },
	{ "av1_no_segments", "no-segments", NULL, .run = test_no_segments, .codec = HVCAL_CODEC_AV1 },
	{ "no_entrypoint", "no-entrypoint", NULL, .error = -EOPNOTSUPP,
	  .reason = "has no entrypoint that encodes" },
	{ "no_device", NULL, "vaapi.device=/nowhere/renderD128", .error = -ENODEV,
	  .reason = "there is no /nowhere/renderD128" },
	{ "no_permission", NULL, locked_option, .error = -EACCES, .reason = "no permission for /tmp",
	  .before = no_permission, .after = no_permission_end },
	{ "no_driver", NULL, NULL, .error = -ENODEV, .reason = "no VA driver works on /dev/null",
	  .before = no_driver },
	{ "bad_option", NULL, "vaapi.low_power=2", .error = -EINVAL,
	  .reason = "not a number from 0 to 1" },
	{ "vp9_lost", "lost=3", NULL, .run = test_lost, .codec = HVCAL_CODEC_VP9 },
	{ "av1_lost", "lost=3", NULL, .run = test_lost, .codec = HVCAL_CODEC_AV1 },
	{ 0 },
};
