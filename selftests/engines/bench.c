// SPDX-License-Identifier: MIT
/*
 * What HVCAL's direct mode costs: each software engine beside its library, called as
 * it is with the same settings, on the same pictures in the same memory. Both are open
 * at once and take turns at each picture, so that what else the machine does meets both
 * alike, and what counts is the median of the pictures' ratios. That both make the same
 * bytes shows that the settings are the same.
 * usage: bench_engines [--json FILE] [--rounds N] [--seconds N] [--threads N]
 *	[CLIP WIDTH HEIGHT]
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hvcal/hvcal.h>

#include "lib.h"

#define PICTURES 30
#define ROUNDS_MAX 64
#define ROUNDS_MIN 2		/* however long they take */
#define STARTS 9
#define KBPS 2000
#define TIMEOUT_MS 60000
#define PRESET 1

struct subject {
	const char *engine;
	uint32_t codec;
	const struct lib_ops *lib;
	unsigned int speed;	/* what preset 1 is there */
	int qp, lib_qp;		/* the same one on both scales */
};

static const struct subject subjects[] = {
	{ "x264", HVCAL_CODEC_H264, &lib_x264, 1, 28, 28 },
	{ "x265", HVCAL_CODEC_HEVC, &lib_x265, 1, 28, 28 },
	{ "vpx", HVCAL_CODEC_VP9, &lib_vpx, 8, 120, 30 },
	{ "av1", HVCAL_CODEC_AV1, &lib_aom, 10, 120, 30 },
};

struct bench {
	hvcal_context_t *ctx;
	hvcal_pool_t *pool;
	hvcal_buffer_t *buffers[PICTURES];
	unsigned int width, height, count, rounds, seconds, threads;
	FILE *json;
	bool first;
	struct {
		const char *engine;
		double ms[6];	/* open, new rate, restart, each of HVCAL and the library */
	} starts[sizeof(subjects) / sizeof(subjects[0])];
	size_t started;
};

/* One side of a round. */
struct side {
	uint64_t bytes, hash, cpu_ns;
	double picture_ns[PICTURES];
};

static void take_bytes(struct side *side, const void *data, size_t size)
{
	const uint8_t *at = data;

	side->bytes += size;
	for (size_t i = 0; i < size; i++)
		side->hash = (side->hash ^ at[i]) * 1099511628211ULL;
}

static struct lib_config lib_config(const struct bench *b, const struct subject *s,
				    unsigned int kbps)
{
	return (struct lib_config){ b->width, b->height, 30, b->threads, s->speed, s->lib_qp,
				    kbps };
}

static struct lib_picture picture(const struct bench *b, unsigned int n)
{
	const hvcal_buffer_t *buffer = b->buffers[n % b->count];
	struct lib_picture p;

	for (int i = 0; i < 3; i++) {
		p.plane[i] = (const uint8_t *)buffer->cpu_ptr + buffer->offset[i];
		p.stride[i] = (int)buffer->stride[i];
	}
	return p;
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

/* One picture in, its packet out. */
static int through_hvcal(const struct bench *b, hvcal_session_t *session, unsigned int n,
			 struct side *side)
{
	hvcal_packet_t packet;
	int ret = hvcal_submit_frame(session, b->buffers[n % b->count], NULL);

	hvcal_packet_default(&packet, sizeof(packet));
	while (!ret) {
		ret = hvcal_get_bitstream(session, &packet, TIMEOUT_MS);
		if (ret == HVCAL_GOT_PACKET) {
			take_bytes(side, packet.data, packet.size);
			hvcal_release_packet(&packet);
			return 0;
		}
		if (ret == HVCAL_GOT_NOTICE)
			ret = packet.notice == HVCAL_NOTICE_FRAME_FAILED ? packet.status : 0;
		hvcal_release_packet(&packet);
	}
	return ret;
}

static int through_lib(const struct bench *b, const struct lib_ops *lib, struct lib_encoder *e,
		       unsigned int n, int qp, struct side *side)
{
	struct lib_picture p = picture(b, n);
	struct lib_packet packet;

	if (lib->send(e, &p, qp, false) || lib->receive(e, &packet) <= 0)
		return -EIO;
	take_bytes(side, packet.data, packet.size);
	return 0;
}

enum { HVCAL, LIBRARY };

/* A picture through one of them. */
static int code(const struct bench *b, const struct subject *s, hvcal_session_t *session,
		struct lib_encoder *e, int who, unsigned int n, struct side *side)
{
	uint64_t start = lib_now_ns(), cpu = lib_cpu_ns();
	int ret = who == HVCAL ? through_hvcal(b, session, n, side) :
		  through_lib(b, s->lib, e, n, s->lib_qp, side);

	side->picture_ns[n] = (double)(lib_now_ns() - start);
	side->cpu_ns += lib_cpu_ns() - cpu;
	return ret;
}

/* Streams are opened outside of the clock; that is measured by itself. */
static int round_both(const struct bench *b, const struct subject *s, unsigned int first,
		      struct side *sides)
{
	struct lib_config config = lib_config(b, s, 0);
	hvcal_session_t *session;
	struct lib_encoder *e;
	int ret = open_session(b, s, 0, &session);

	if (ret)
		return ret;
	e = s->lib->open(&config);
	if (!e) {
		hvcal_destroy_session(&session);
		return -EINVAL;
	}
	for (int who = HVCAL; who <= LIBRARY; who++)
		sides[who] = (struct side){ .hash = 14695981039346656037ULL };
	/* who goes first changes, so that warmth favours nobody */
	for (unsigned int n = 0; n < PICTURES && !ret; n++)
		for (unsigned int k = 0; k < 2 && !ret; k++) {
			int who = (int)((first + n + k) % 2);

			ret = code(b, s, session, e, who, n, &sides[who]);
		}
	s->lib->close(e);
	hvcal_destroy_session(&session);
	return ret;
}

/* ---- times of single events ---- */

struct starts {
	double open_ms, reconfigure_ms, restart_ms;
};

static double ms_since(uint64_t start)
{
	return (double)(lib_now_ns() - start) / 1e6;
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

static int start_hvcal(const struct bench *b, const struct subject *s, struct starts *t)
{
	hvcal_session_t *session;
	struct side side = { 0 };
	uint64_t start = lib_now_ns();
	int ret = open_session(b, s, KBPS, &session);

	t->open_ms = ms_since(start);
	if (ret)
		return ret;
	for (unsigned int n = 0; n < 4 && !ret; n++)
		ret = through_hvcal(b, session, n, &side);
	start = lib_now_ns();
	if (!ret)
		ret = hvcal_set_bitrate(session, 2 * KBPS * 1000ULL);
	if (!ret)
		ret = wait_reconfigured(session);
	t->reconfigure_ms = ms_since(start);
	start = lib_now_ns();
	hvcal_destroy_session(&session);
	if (!ret)
		ret = open_session(b, s, KBPS, &session);
	if (ret)
		return ret;
	ret = through_hvcal(b, session, 0, &side);
	t->restart_ms = ms_since(start);
	hvcal_destroy_session(&session);
	return ret;
}

static int start_lib(const struct bench *b, const struct subject *s, struct starts *t)
{
	struct lib_config config = lib_config(b, s, KBPS);
	struct side side = { 0 };
	uint64_t start = lib_now_ns();
	struct lib_encoder *e = s->lib->open(&config);
	int ret = 0;

	t->open_ms = ms_since(start);
	if (!e)
		return -EINVAL;
	for (unsigned int n = 0; n < 4 && !ret; n++)
		ret = through_lib(b, s->lib, e, n, s->lib_qp, &side);
	start = lib_now_ns();
	if (!ret && s->lib->retarget(e, 2 * KBPS))
		ret = -EIO;
	t->reconfigure_ms = ms_since(start);
	start = lib_now_ns();
	s->lib->close(e);
	if (ret)
		return ret;
	e = s->lib->open(&config);
	if (!e)
		return -EINVAL;
	ret = through_lib(b, s->lib, e, 0, s->lib_qp, &side);
	t->restart_ms = ms_since(start);
	s->lib->close(e);
	return ret;
}

/* ---- reports ---- */

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *values, unsigned int n)
{
	qsort(values, n, sizeof(*values), ascending);
	return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

/* Keeps the shortest time of each picture: what others on the machine take is left out. */
static void keep_best(double *best, const struct side *side)
{
	for (unsigned int n = 0; n < PICTURES; n++)
		if (!best[n] || side->picture_ns[n] < best[n])
			best[n] = side->picture_ns[n];
}

static double fps_of(const double *picture_ns)
{
	double sum = 0;

	for (unsigned int n = 0; n < PICTURES; n++)
		sum += picture_ns[n];
	return PICTURES * 1e9 / sum;
}

/* Is there time for another round of several? */
static bool again(uint64_t start, unsigned int seconds, unsigned int done, unsigned int most)
{
	return done < most &&
	       (done < ROUNDS_MIN || lib_now_ns() - start < seconds * 1000000000ULL);
}

static int bench_speed(struct bench *b, const struct subject *s)
{
	static double pairs[ROUNDS_MAX * PICTURES];
	double best[2][PICTURES] = { 0 }, cpu[ROUNDS_MAX], fps[2], ratio, cpu_ratio;
	uint64_t start = lib_now_ns();
	struct side sides[2];
	unsigned int n = 0, i;
	bool same = true;

	for (i = 0; again(start, b->seconds, i, b->rounds); i++) {
		int ret = round_both(b, s, i, sides);

		if (ret)
			return ret;
		same &= sides[HVCAL].bytes == sides[LIBRARY].bytes &&
			sides[HVCAL].hash == sides[LIBRARY].hash;
		for (unsigned int p = 0; p < PICTURES; p++)
			pairs[n++] = sides[LIBRARY].picture_ns[p] / sides[HVCAL].picture_ns[p];
		for (int who = HVCAL; who <= LIBRARY; who++)
			keep_best(best[who], &sides[who]);
		cpu[i] = (double)sides[HVCAL].cpu_ns / (double)sides[LIBRARY].cpu_ns;
	}
	for (int who = HVCAL; who <= LIBRARY; who++)
		fps[who] = fps_of(best[who]);
	ratio = median(pairs, n);	/* and they are in order now */
	cpu_ratio = median(cpu, i);
	printf("%-6s %8.1f %8.1f %8.4f   %6.4f .. %6.4f %6u %8.4f   %s\n", s->engine, fps[HVCAL],
	       fps[LIBRARY], ratio, pairs[n / 4], pairs[n * 3 / 4], n, cpu_ratio,
	       same ? "the same" : "DIFFERENT");
	fprintf(b->json, "%s\n{\"engine\":\"%s\",\"hvcal_fps\":%.2f,\"library_fps\":%.2f,"
		"\"fps_ratio\":%.5f,\"fps_ratio_quartiles\":[%.5f,%.5f],\"pairs\":%u,"
		"\"cpu_ratio\":%.5f,\"same_bytes\":%s,", b->first ? "" : ",", s->engine,
		fps[HVCAL], fps[LIBRARY], ratio, pairs[n / 4], pairs[n * 3 / 4], n, cpu_ratio,
		same ? "true" : "false");
	b->first = false;
	return 0;
}

static int bench_starts(struct bench *b, const struct subject *s)
{
	double open[2][STARTS], reconfigure[2][STARTS], restart[2][STARTS];
	double *m = b->starts[b->started].ms;
	uint64_t start = lib_now_ns();
	unsigned int i;

	b->starts[b->started++].engine = s->engine;
	for (i = 0; again(start, b->seconds / 2, i, STARTS); i++) {
		struct starts ours = { 0 }, theirs = { 0 };
		int ret = i % 2 ? start_lib(b, s, &theirs) : start_hvcal(b, s, &ours);

		if (!ret)
			ret = i % 2 ? start_hvcal(b, s, &ours) : start_lib(b, s, &theirs);
		if (ret)
			return ret;
		open[0][i] = ours.open_ms;
		open[1][i] = theirs.open_ms;
		reconfigure[0][i] = ours.reconfigure_ms;
		reconfigure[1][i] = theirs.reconfigure_ms;
		restart[0][i] = ours.restart_ms;
		restart[1][i] = theirs.restart_ms;
	}
	for (int k = 0; k < 2; k++) {
		m[k] = median(open[k], i);
		m[2 + k] = median(reconfigure[k], i);
		m[4 + k] = median(restart[k], i);
	}
	fprintf(b->json, "\"open_ms\":[%.3f,%.3f],\"reconfigure_ms\":[%.3f,%.3f],"
		"\"restart_ms\":[%.3f,%.3f]}", m[0], m[1], m[2], m[3], m[4], m[5]);
	return 0;
}

/* ---- set-up ---- */

static int load(struct bench *b, const char *path)
{
	hvcal_pool_params_t p;
	struct lib_clip clip;
	int ret;

	if (lib_clip_open(&clip, path, b->width, b->height, PICTURES))
		return -ENOMEM;
	hvcal_pool_params_default(&p, sizeof(p));
	p.format = HVCAL_FORMAT_I420;
	p.width = b->width;
	p.height = b->height;
	p.min_buffers = clip.count;
	ret = hvcal_pool_create(b->ctx, &p, &b->pool);
	for (b->count = 0; b->count < clip.count && !ret; b->count++) {
		struct lib_picture from = lib_clip_picture(&clip, b->count);
		hvcal_buffer_t *to;

		ret = hvcal_pool_acquire(b->pool, &to);
		for (int i = 0; i < 3 && !ret; i++) {
			uint32_t w = i ? b->width / 2 : b->width;

			for (uint32_t y = 0; y < (i ? b->height / 2 : b->height); y++)
				memcpy((uint8_t *)to->cpu_ptr + to->offset[i] +
				       (size_t)y * to->stride[i],
				       from.plane[i] + (size_t)y * from.stride[i], w);
		}
		if (!ret)
			b->buffers[b->count] = to;
	}
	lib_clip_close(&clip);
	return ret;
}

static bool have(const struct bench *b, const char *name)
{
	hvcal_engine_info_t engines[32];
	uint32_t count = 32;

	if (hvcal_enumerate_engines(b->ctx, engines, sizeof(engines[0]), &count))
		return false;
	for (uint32_t i = 0; i < count && i < 32; i++)
		if (!strcmp(engines[i].name, name))
			return true;
	return false;
}

static int run(struct bench *b)
{
	const size_t n = sizeof(subjects) / sizeof(subjects[0]);
	int ret = 0;

	printf("%-6s %8s %8s %8s   %16s %6s %8s\n", "", "HVCAL", "library", "fps", "middle half of",
	       "", "CPU");
	printf("%-6s %8s %8s %8s   %16s %6s %8s   %s\n", "engine", "fps", "fps", "ratio", "the pairs",
	       "pairs", "ratio", "packets");
	for (size_t i = 0; i < n && !ret; i++) {
		if (have(b, subjects[i].engine))
			ret = bench_speed(b, &subjects[i]);
		else
			printf("%-6s not built\n", subjects[i].engine);
		fflush(stdout);
		if (ret)
			break;
		if (have(b, subjects[i].engine))
			ret = bench_starts(b, &subjects[i]);
	}
	printf("\nfps: of the shortest time of each picture over all rounds; ratio: the median pair of "
	       "a\npicture through HVCAL and through the library, one right after the other\n\n%-6s %17s   %17s   %17s\n", "ms", "open", "new rate", "restart to packet");
	printf("%-6s %8s %8s   %8s %8s   %8s %8s\n", "engine", "HVCAL", "library", "HVCAL",
	       "library", "HVCAL", "library");
	for (size_t i = 0; i < b->started; i++)
		printf("%-6s %8.2f %8.2f   %8.2f %8.2f   %8.2f %8.2f\n", b->starts[i].engine,
		       b->starts[i].ms[0], b->starts[i].ms[1], b->starts[i].ms[2],
		       b->starts[i].ms[3], b->starts[i].ms[4], b->starts[i].ms[5]);
	if (ret)
		fprintf(stderr, "bench_engines: %s\n", strerror(-ret));
	return ret;
}

static int parse(struct bench *b, int argc, char **argv, const char **path, const char **json)
{
	static const struct option options[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'j')
			*json = optarg;
		else if (opt == 'r')
			b->rounds = (unsigned int)atoi(optarg);
		else if (opt == 's')
			b->seconds = (unsigned int)atoi(optarg);
		else if (opt == 't')
			b->threads = (unsigned int)atoi(optarg);
		else
			return -EINVAL;
	}
	if (argc - optind == 3) {
		*path = argv[optind];
		b->width = (unsigned int)atoi(argv[optind + 1]);
		b->height = (unsigned int)atoi(argv[optind + 2]);
	}
	return b->rounds < 1 || b->rounds > ROUNDS_MAX || !b->threads || b->width < 16 || b->height < 16 ?
	       -EINVAL : 0;
}

int main(int argc, char **argv)
{
	struct bench b = {
		.width = 1280, .height = 720, .rounds = 16, .seconds = 50, .threads = 1,
		.first = true,
	};
	const char *path = NULL, *json = "/dev/null";
	hvcal_init_params_t init;
	int ret = parse(&b, argc, argv, &path, &json);

	if (ret) {
		fprintf(stderr, "usage: bench_engines [--json FILE] [--rounds 1..%d] [--seconds N] "
			"[--threads N] [CLIP WIDTH HEIGHT]\n", ROUNDS_MAX);
		return 2;
	}
	b.json = fopen(json, "w");
	if (!b.json) {
		perror(json);
		return 1;
	}
	hvcal_init_params_default(&init, sizeof(init));
	init.backend = HVCAL_BACKEND_DIRECT;
	init.log_level = 3;
	ret = hvcal_initialize(&b.ctx, &init);
	if (!ret)
		ret = load(&b, path);
	if (ret) {
		fprintf(stderr, "bench_engines: %s\n", strerror(-ret));
		return 1;
	}
	printf("%ux%u %s, %u pictures a round, up to %u rounds, %u threads, preset %d, "
	       "constant QP\n\n", b.width, b.height, path ? path : "drawn", PICTURES, b.rounds,
	       b.threads, PRESET);
	fprintf(b.json, "[");
	ret = run(&b);
	fprintf(b.json, "\n]\n");
	fclose(b.json);
	for (unsigned int i = 0; i < b.count; i++)
		hvcal_buffer_release(&b.buffers[i]);
	hvcal_pool_destroy(&b.pool);
	hvcal_shutdown(&b.ctx);
	return ret ? 1 : 0;
}
