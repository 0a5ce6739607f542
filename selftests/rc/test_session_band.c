// SPDX-License-Identifier: MIT
/*
 * Still pages through sessions of libhvcal: bands of rows are refined by QP maps, which
 * libavcodec shows in what it makes of the packets.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libavcodec/avcodec.h>

#include "plant.h"
#include "rig.h"

#define STILL 60		/* frames of a page */
#define BLOCK 16
#define ROWS (HEIGHT / BLOCK)
#define PLAINLY 0.25		/* of what the row changed that changed most */
#define SOME 8
#define AQ 8
#define SKIP_STATUS 4		/* of selftests/run-suites */

/* A page as the engine gets it and as a decoder has it; both luma alone. */
struct page {
	uint8_t drawn[HEIGHT][WIDTH];
	uint8_t shown[HEIGHT][WIDTH];
};

struct fixture {
	struct rig rig;
	struct page page;
	AVCodecContext *decoder;
	AVPacket *packet;
	AVFrame *frame;
};

struct engine {
	const char *name;
	uint32_t codec;
	enum AVCodecID decoder;
	uint64_t bitrate;	/* of which a page leaves much to refine */
	double largest;		/* budgets that no frame goes beyond */
	unsigned int bands;	/* at least; 0: it is to have none */
};

static const struct engine x264 = { "x264", HVCAL_CODEC_H264, AV_CODEC_ID_H264, 150000, 4.0,
				    STILL / 3 };
/* a band is a third of the page, or more: what fits into the buffer is all that is sure */
static const struct engine x265 = { "x265", HVCAL_CODEC_HEVC, AV_CODEC_ID_HEVC, 150000, 6.0,
				    STILL / 6 };
static const struct engine vpx = { "vpx", HVCAL_CODEC_VP9, AV_CODEC_ID_VP9, 150000, 4.0, 0 };

/* Lines of strokes on paper, each a few dots wide, all the page long. */
static void write_page(struct page *p, uint64_t seed)
{
	memset(p->drawn, 235, sizeof(p->drawn));
	for (unsigned int line = 4; line + 9 <= HEIGHT; line += 12) {
		for (unsigned int x = 6; x + 8 < WIDTH; x += 7) {
			for (unsigned int stroke = 0; stroke < 4; stroke++) {
				uint64_t r = plant_random(&seed);
				unsigned int at = x + r % 5, top = line + (r >> 8) % 5;
				unsigned int len = 1 + (r >> 16) % 5, across = (r >> 24) & 1;
				uint8_t ink = (uint8_t)(20 + (r >> 32) % 60);

				for (unsigned int i = 0; i < len && at + i < WIDTH; i++)
					p->drawn[top + (across ? 0 : i)][at + (across ? i : 0)] = ink;
			}
		}
	}
}

static void decoder_open(struct fixture *f, enum AVCodecID id)
{
	const AVCodec *codec = avcodec_find_decoder(id);

	assert_non_null(codec);
	f->decoder = avcodec_alloc_context3(codec);
	f->packet = av_packet_alloc();
	f->frame = av_frame_alloc();
	assert_true(f->decoder && f->packet && f->frame);
	f->decoder->thread_count = 1;
	f->decoder->flags = AV_CODEC_FLAG_LOW_DELAY;
	assert_int_equal(avcodec_open2(f->decoder, codec, NULL), 0);
}

static void decoder_close(struct fixture *f)
{
	avcodec_free_context(&f->decoder);
	av_packet_free(&f->packet);
	av_frame_free(&f->frame);
}

static void show(struct fixture *f, const hvcal_packet_t *p)
{
	assert_int_equal(av_new_packet(f->packet, (int)p->size), 0);
	memcpy(f->packet->data, p->data, p->size);
	assert_int_equal(avcodec_send_packet(f->decoder, f->packet), 0);
	av_packet_unref(f->packet);
	assert_int_equal(avcodec_receive_frame(f->decoder, f->frame), 0);
	for (unsigned int y = 0; y < HEIGHT; y++)
		memcpy(f->page.shown[y], f->frame->data[0] + (size_t)y * f->frame->linesize[0], WIDTH);
	av_frame_unref(f->frame);
}

/* Sum of squares between two pictures' rows of blocks. */
static double row_error(uint8_t (*a)[WIDTH], uint8_t (*b)[WIDTH], unsigned int row)
{
	double sum = 0.0;

	for (unsigned int y = row * BLOCK; y < (row + 1) * BLOCK; y++)
		for (unsigned int x = 0; x < WIDTH; x++)
			sum += (a[y][x] - b[y][x]) * (a[y][x] - b[y][x]);
	return sum;
}

static double psnr(struct page *p)
{
	double sum = 0.0;

	for (unsigned int row = 0; row < ROWS; row++)
		sum += row_error(p->drawn, p->shown, row);
	return 10.0 * log10(255.0 * 255.0 * HEIGHT * WIDTH / fmax(sum, 1.0));
}

static hvcal_packet_t send(struct fixture *f, const hvcal_frame_t *frame)
{
	hvcal_buffer_t *b = rig_buffer(&f->rig);
	hvcal_packet_t p, got;

	for (unsigned int y = 0; y < HEIGHT; y++)
		memcpy(rig_row(b, y), f->page.drawn[y], WIDTH);
	rig_put(&f->rig, &b, frame);
	rig_packet(&f->rig, &p);
	show(f, &p);
	got = p;
	hvcal_release_packet(&p);
	return got;
}

static void open_session(struct fixture *f, const struct engine *e, const hvcal_config_t *c)
{
	assert_int_equal(hvcal_create_session(f->rig.ctx, c, &f->rig.s, NULL), 0);
	write_page(&f->page, 5);
	decoder_open(f, e->decoder);
}

static void close_session(struct fixture *f)
{
	decoder_close(f);
	hvcal_destroy_session(&f->rig.s);
}

struct outcome {
	double use;		/* of the rate, after the key frame */
	double psnr;		/* mean, after the key frame */
	double last;		/* of the last one */
	double largest;		/* budgets, after the key frame */
	unsigned int parts;	/* frames that changed some rows, not all */
	unsigned int coverage;	/* rows that changed in any */
	uint64_t bands;
};

/* Rows of blocks that changed plainly: filters, and engines' own ideas, touch others. */
static unsigned int changed_rows(struct page *before, struct page *now, bool *covered)
{
	double change[ROWS], most = 0.0;
	unsigned int n = 0;

	for (unsigned int row = 0; row < ROWS; row++) {
		change[row] = row_error(before->shown, now->shown, row);
		most = fmax(most, change[row]);
	}
	for (unsigned int row = 0; row < ROWS && most > 0.0; row++) {
		if (change[row] < PLAINLY * most)
			continue;
		covered[row] = true;
		n++;
	}
	return n;
}

/* One page that stands; @maps: the engine's maps may be used. @aq: adaptive_quant. */
static struct outcome run_still(struct fixture *f, const struct engine *e, bool maps, uint32_t aq)
{
	const double budget = (double)e->bitrate / 8.0 / FPS;
	hvcal_config_t c = rig_config(e->codec, e->name, e->bitrate);
	bool covered[ROWS] = { false };
	struct outcome o = { 0 };

	c.adaptive_quant = aq;
	open_session(f, e, &c);
	assert_int_equal(hvcal_enable_feature(f->rig.s, HVCAL_FEATURE_ROI, maps), 0);
	for (unsigned int i = 0; i <= STILL; i++) {
		struct page before = f->page;
		hvcal_packet_t p = send(f, NULL);
		unsigned int changed;

		assert_int_equal(!!(p.flags & HVCAL_PACKET_KEY), !i);
		if (!i)
			continue;
		o.use += (double)p.size / budget / STILL;
		o.largest = fmax(o.largest, (double)p.size / budget);
		o.psnr += psnr(&f->page) / STILL;
		o.last = psnr(&f->page);
		changed = changed_rows(&before, &f->page, covered);
		o.parts += changed && changed < ROWS;
	}
	for (unsigned int row = 0; row < ROWS; row++)
		o.coverage += covered[row];
	o.bands = rig_stats(&f->rig).band_frames;
	assert_int_equal(rig_stats(&f->rig).rate_frames, STILL + 1);
	assert_int_equal(rig_stats(&f->rig).aq_frames, aq && maps ? STILL + 1 : 0);
	close_session(f);
	return o;
}

static void say(const struct engine *e, const char *what, const struct outcome *o)
{
	print_message("# %s, %s: use %.2f, %.2f dB, in the end %.2f, largest %.1f budgets, %u bands, "
		      "%u frames in parts\n", e->name, what, o->use, o->psnr, o->last, o->largest,
		      (unsigned int)o->bands, o->parts);
}

/* All of the page is refined, by parts, and no part is too dear. */
static void check_bands(const struct engine *e, const struct outcome *o)
{
	assert_true(o->bands >= e->bands);
	assert_true(o->parts >= o->bands / 2);
	assert_int_equal(o->coverage, ROWS);
	assert_true(o->largest <= e->largest);
	assert_true(o->use >= 0.85 && o->use <= 1.1);
}

static void check_still(struct fixture *f, const struct engine *e, double use)
{
	struct outcome with, without;

	if (!rig_has_engine(e->name))
		skip();
	with = run_still(f, e, true, 0);
	without = run_still(f, e, false, 0);
	say(e, "bands", &with);
	say(e, "no maps", &without);
	assert_int_equal(without.bands, 0);
	check_bands(e, &with);
	assert_true(with.use >= without.use + use);
	assert_true(with.psnr >= without.psnr + 1.5);
	assert_true(with.last >= without.last + 3.0);
}

static void test_still_x264(void **state)
{
	check_still(*state, &x264, 0.1);
}

static void test_still_x265(void **state)
{
	check_still(*state, &x265, 0.1);
}

/* It takes maps, but sessions of VP9 have no bands. */
static void test_still_vpx(void **state)
{
	struct outcome o;

	if (!rig_has_engine(vpx.name))
		skip();
	o = run_still(*state, &vpx, true, 0);
	say(&vpx, "maps, no bands", &o);
	assert_int_equal(o.bands, vpx.bands);
	assert_true(o.largest <= vpx.largest);
}

/* Offsets of both add up: what stands is refined as without. */
static void test_with_adaptive_quant(void **state)
{
	struct outcome o = run_still(*state, &x264, true, AQ);

	say(&x264, "bands and adaptive_quant", &o);
	check_bands(&x264, &o);
}

/* Some frames of the page; how many had a band. */
static uint64_t send_some(struct fixture *f, const hvcal_frame_t *frame)
{
	uint64_t before = rig_stats(&f->rig).band_frames;

	for (unsigned int i = 0; i < SOME; i++)
		send(f, frame);
	return rig_stats(&f->rig).band_frames - before;
}

/* A client's map is coded as it is; without one, bands go on. */
static void test_own_map(void **state)
{
	struct fixture *f = *state;
	hvcal_config_t c = rig_config(x264.codec, x264.name, x264.bitrate);
	hvcal_pool_params_t params;
	hvcal_buffer_t *map;
	hvcal_frame_t frame;
	hvcal_pool_t *maps;
	double upper, lower;

	hvcal_pool_params_default(&params, sizeof(params));
	params.size = ROWS * WIDTH / BLOCK;
	assert_int_equal(hvcal_pool_create(f->rig.ctx, &params, &maps), 0);
	assert_int_equal(hvcal_pool_acquire(maps, &map), 0);
	/* the upper half, far finer than anything that a band is */
	memset(map->cpu_ptr, 0, params.size);
	memset(map->cpu_ptr, -20, params.size / 2);
	hvcal_frame_default(&frame, sizeof(frame));
	frame.map = map;
	frame.map_size = (uint32_t)params.size;
	frame.map_block = BLOCK;
	frame.map_stride = WIDTH / BLOCK;

	open_session(f, &x264, &c);
	send(f, NULL);
	assert_true(send_some(f, NULL) > 0);
	assert_int_equal(send_some(f, &frame), 0);
	upper = row_error(f->page.drawn, f->page.shown, 1);
	lower = row_error(f->page.drawn, f->page.shown, ROWS - 2);
	print_message("# own map: squares of row 1 %.0f, of row %u %.0f\n", upper, ROWS - 2, lower);
	assert_true(4.0 * upper < lower);
	assert_true(send_some(f, NULL) > 0);
	close_session(f);
	hvcal_buffer_release(&map);
	hvcal_pool_destroy(&maps);
}

/* Off and on in the middle of a sweep. */
static void test_switch(void **state)
{
	struct fixture *f = *state;
	hvcal_config_t c = rig_config(x264.codec, x264.name, x264.bitrate);

	open_session(f, &x264, &c);
	send(f, NULL);
	assert_true(send_some(f, NULL) > 0);
	assert_int_equal(hvcal_enable_feature(f->rig.s, HVCAL_FEATURE_ROI, 0), 0);
	assert_int_equal(send_some(f, NULL), 0);
	assert_int_equal(hvcal_enable_feature(f->rig.s, HVCAL_FEATURE_ROI, 1), 0);
	assert_true(send_some(f, NULL) > 0);
	/* without hints nothing is known to stand still */
	assert_int_equal(hvcal_get_config(f->rig.s, &c), 0);
	c.rate_hints = HVCAL_RATE_HINTS_OFF;
	assert_int_equal(hvcal_reconfigure(f->rig.s, &c, NULL), 0);
	assert_int_equal(send_some(f, NULL), 0);
	close_session(f);
}

static bool setup_decoders(void)
{
	return avcodec_find_decoder(AV_CODEC_ID_H264) && avcodec_find_decoder(AV_CODEC_ID_HEVC) &&
	       avcodec_find_decoder(AV_CODEC_ID_VP9);
}

static int setup(void **state)
{
	static struct fixture f;

	av_log_set_level(AV_LOG_QUIET);
	*state = &f;
	return rig_open(&f.rig);
}

/* A failed test leaves its session. */
static int clean(void **state)
{
	close_session(*state);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	rig_close(&f->rig);
	return 0;
}

/* Usage: test_session_band ENGINES, the folder of plug-ins */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_still_x264, clean),
		cmocka_unit_test_teardown(test_still_x265, clean),
		cmocka_unit_test_teardown(test_still_vpx, clean),
		cmocka_unit_test_teardown(test_with_adaptive_quant, clean),
		cmocka_unit_test_teardown(test_own_map, clean),
		cmocka_unit_test_teardown(test_switch, clean),
	};

	if (argc != 2)
		return 2;
	if (!rig_engines(argv[1], x264.name))
		return SKIP_STATUS;
	if (!setup_decoders()) {
		printf("1..0 # SKIP this libavcodec lacks a decoder\n");
		return SKIP_STATUS;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
