// SPDX-License-Identifier: MIT
/*
 * Which AV1 library makes the better engine: libaom or SVT-AV1? Real time with one
 * picture at a time, and control of single frames, each seen by libdav1d.
 * usage: compare_av1 [CLIP WIDTH HEIGHT]     raw I420; COMPARE_JSON names a file
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <dav1d/dav1d.h>

#include "lib.h"

#define PICTURES 60
#define THREADS 2
#define QP 35
#define WAIT_NS 400000000ULL	/* for a packet, before one more picture is sent */
#define NAP_NS 100000

/* A stream and what a decoder saw in it. */
struct stream {
	const struct lib_ops *ops;
	struct lib_encoder *e;
	const struct lib_clip *clip;
	Dav1dContext *dav1d;
	unsigned int packets, decoded;
	size_t bytes;
	double psnr;		/* sum */
	int qindex[PICTURES];
	bool key[PICTURES];
	unsigned int width, height;
	uint64_t decoding_ns;	/* CPU time */
};

static void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = NAP_NS }, NULL);
}

static double psnr(const struct lib_clip *clip, unsigned int n, const Dav1dPicture *p)
{
	struct lib_picture want = lib_clip_picture(clip, n);
	double sum = 0;

	for (unsigned int y = 0; y < clip->height; y++) {
		const uint8_t *a = want.plane[0] + (size_t)y * want.stride[0];
		const uint8_t *b = (const uint8_t *)p->data[0] + y * p->stride[0];

		for (unsigned int x = 0; x < clip->width; x++)
			sum += (a[x] - b[x]) * (a[x] - b[x]);
	}
	return 10 * log10(255.0 * 255 * clip->width * clip->height / (sum > 1 ? sum : 1));
}

static void decode(struct stream *s, const struct lib_packet *packet)
{
	Dav1dPicture p = { 0 };
	Dav1dData data = { 0 };

	uint64_t start = lib_cpu_ns();

	if (!s->dav1d)
		return;
	memcpy(dav1d_data_create(&data, packet->size), packet->data, packet->size);
	while (data.sz && s->decoded < PICTURES) {
		if (dav1d_send_data(s->dav1d, &data) && data.sz)
			break;
		while (s->decoded < PICTURES && !dav1d_get_picture(s->dav1d, &p)) {
			s->qindex[s->decoded] = p.frame_hdr->quant.yac;
			s->key[s->decoded] = p.frame_hdr->frame_type == DAV1D_FRAME_TYPE_KEY;
			s->width = (unsigned int)p.p.w;
			s->height = (unsigned int)p.p.h;
			s->psnr += psnr(s->clip, s->decoded++, &p);
			dav1d_picture_unref(&p);
		}
	}
	if (data.sz)
		dav1d_data_unref(&data);
	s->decoding_ns += lib_cpu_ns() - start;
}

/* Takes what is there; @return packets */
static unsigned int take(struct stream *s)
{
	struct lib_packet packet;
	unsigned int n = 0;

	while (s->ops->receive(s->e, &packet) > 0) {
		s->packets++;
		s->bytes += packet.size;
		n++;
		decode(s, &packet);
	}
	return n;
}

static bool begin(struct stream *s, const struct lib_ops *ops, const struct lib_clip *clip,
		  const struct lib_config *config, bool decoding)
{
	Dav1dSettings settings;

	*s = (struct stream){ .ops = ops, .clip = clip, .e = ops->open(config) };
	if (!s->e)
		return false;
	if (!decoding)
		return true;
	dav1d_default_settings(&settings);
	settings.n_threads = 1;
	settings.max_frame_delay = 1;
	return !dav1d_open(&s->dav1d, &settings);
}

static void end(struct stream *s)
{
	if (s->e)
		s->ops->close(s->e);
	if (s->dav1d)
		dav1d_close(&s->dav1d);
}

/* No picture follows: waits for all packets. */
static void drain(struct stream *s, unsigned int sent)
{
	uint64_t limit = lib_now_ns() + 20 * WAIT_NS;

	s->ops->send(s->e, NULL, 0, false);
	while (s->packets < sent && lib_now_ns() < limit)
		if (!take(s))
			nap();
}

static int ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sends a picture and waits for its packet, or until that is late. @return ms */
static double one(struct stream *s, unsigned int n, int qp, bool key)
{
	struct lib_picture p = lib_clip_picture(s->clip, n);
	uint64_t start = lib_now_ns(), ns;
	struct lib_packet packet;
	int ret;

	if (s->ops->send(s->e, &p, qp, key))
		return HUGE_VAL;
	while (!(ret = s->ops->receive(s->e, &packet)) && lib_now_ns() - start < WAIT_NS)
		nap();
	ns = lib_now_ns() - start;
	if (ret > 0) {
		/* decoding is not on the clock */
		s->packets++;
		s->bytes += packet.size;
		decode(s, &packet);
	}
	return (double)ns / 1e6;
}

static void measure(const struct lib_ops *ops, const struct lib_clip *clip, unsigned int speed,
		    FILE *json)
{
	struct lib_config config = { clip->width, clip->height, 30, THREADS, speed, QP, 0 };
	unsigned int n = clip->count < PICTURES ? clip->count : PICTURES, held;
	double latency[PICTURES], total = 0, cpu = (double)lib_cpu_ns(), kbps;
	struct stream s;

	if (!begin(&s, ops, clip, &config, true)) {
		printf("%-8s %5u cannot be opened\n", ops->name, speed);
		end(&s);
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		latency[i] = one(&s, i, QP, !i);
		total += latency[i];
	}
	held = n - s.packets;
	drain(&s, n);
	cpu = ((double)lib_cpu_ns() - cpu - (double)s.decoding_ns) / n / 1e6;
	kbps = (double)s.bytes * 8 * 30 / n / 1000;
	qsort(latency, n, sizeof(latency[0]), ascending);
	printf("%-8s %5u %7.1f %8.1f %8.1f %8.1f %5u %8.1f %7.2f\n", ops->name, speed,
	       1000 * n / total, cpu, latency[n / 2], latency[n - 1], held, kbps,
	       s.decoded ? s.psnr / s.decoded : 0);
	fprintf(json, "%s{\"library\":\"%s\",\"speed\":%u,\"fps\":%.2f,\"cpu_ms\":%.3f,"
		"\"p50_ms\":%.3f,\"max_ms\":%.3f,\"held\":%u,\"kbps\":%.1f,\"psnr_db\":%.3f}",
		ops == &lib_aom && speed == 10 ? "" : ",\n", ops->name, speed, 1000 * n / total,
		cpu, latency[n / 2], latency[n - 1], held, kbps,
		s.decoded ? s.psnr / s.decoded : 0);
	end(&s);
}

/* ---- control of single frames ---- */

static int qindex_of(int qp)
{
	return qp < 62 ? 4 * qp : qp == 62 ? 249 : 255;
}

static void control_qp(const struct lib_ops *ops, const struct lib_clip *clip, unsigned int speed)
{
	struct lib_config config = { clip->width, clip->height, 30, THREADS, speed, QP, 0 };
	unsigned int n = 30, exact = 0, keys = 0, wrong = 0;
	struct stream s;

	if (begin(&s, ops, clip, &config, true)) {
		for (unsigned int i = 0; i < n; i++)
			one(&s, i, 15 + (int)(i * 37 % 41), !i || i == 10 || i == 20);
		drain(&s, n);
		for (unsigned int i = 0; i < s.decoded; i++) {
			bool want = !i || i == 10 || i == 20;

			exact += s.qindex[i] == qindex_of(15 + (int)(i * 37 % 41));
			keys += want && s.key[i];
			wrong += !want && s.key[i];
		}
	}
	printf("%-8s pictures at the QP asked for: %u of %u; key frames on demand: %u of 3, "
	       "others: %u\n", ops->name, exact, n, keys, wrong);
	end(&s);
}

static void control_rate(const struct lib_ops *ops, const struct lib_clip *clip,
			 unsigned int speed)
{
	struct lib_config config = { clip->width, clip->height, 30, THREADS, speed, QP, 500 };
	size_t before, after;
	struct stream s;
	int ret = -1;

	if (begin(&s, ops, clip, &config, true)) {
		for (unsigned int i = 0; i < 30; i++)
			one(&s, i, QP, false);
		before = s.bytes;
		ret = ops->retarget(s.e, 2000);
		for (unsigned int i = 30; i < 60 && !ret; i++)
			one(&s, i, QP, false);
		after = s.bytes - before;
		if (!ret)
			printf("%-8s new rate in the stream: bytes times %.1f for four times the "
			       "rate\n", ops->name, (double)after / (double)before);
	}
	if (ret)
		printf("%-8s new rate in the stream: not possible\n", ops->name);
	end(&s);
}

static void control_sizes(const struct lib_ops *ops, unsigned int speed)
{
	static const unsigned int sizes[][2] = {
		{ 16, 16 }, { 64, 64 }, { 322, 182 }, { 1920, 1080 },
	};

	printf("%-8s sizes:", ops->name);
	fflush(stdout);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct lib_config config = { sizes[i][0], sizes[i][1], 30, THREADS, speed, QP, 0 };
		struct lib_clip clip;
		struct stream s;
		bool good;

		if (lib_clip_open(&clip, NULL, sizes[i][0], sizes[i][1], 2))
			return;
		good = begin(&s, ops, &clip, &config, true);
		if (good) {
			one(&s, 0, QP, true);
			drain(&s, 1);
			good = s.decoded == 1 && s.width == sizes[i][0] && s.height == sizes[i][1];
		}
		printf(" %ux%u %s", sizes[i][0], sizes[i][1], good ? "yes" : "no");
		end(&s);
		lib_clip_close(&clip);
	}
	printf("\n");
}

static unsigned int threads_now(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[128];
	unsigned int n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Threads: %u", &n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static void control_start(const struct lib_ops *ops, const struct lib_clip *clip,
			  unsigned int speed)
{
	struct lib_config config = { clip->width, clip->height, 30, THREADS, speed, QP, 0 };
	unsigned int threads = threads_now(), sent = 0;
	uint64_t start = lib_now_ns();
	struct stream s;

	if (begin(&s, ops, clip, &config, false)) {
		uint64_t opened = lib_now_ns();

		for (; !s.packets && sent < PICTURES; sent++)
			one(&s, sent, QP, !sent);
		printf("%-8s open %.1f ms, first packet %.1f ms later with %u pictures in, "
		       "%u threads for %u wanted\n", ops->name, (double)(opened - start) / 1e6,
		       (double)(lib_now_ns() - opened) / 1e6, sent, threads_now() - threads,
		       THREADS);
	}
	end(&s);
}

int main(int argc, char **argv)
{
	static const struct {
		const struct lib_ops *ops;
		unsigned int speeds[4];
	} all[] = {
		{ &lib_aom, { 10, 9, 8, 7 } },
		{ &lib_svt, { 12, 11, 10, 8 } },
	};
	const char *path = argc > 3 ? argv[1] : NULL;
	unsigned int w = path ? (unsigned int)atoi(argv[2]) : 1280;
	unsigned int h = path ? (unsigned int)atoi(argv[3]) : 720;
	const char *to = getenv("COMPARE_JSON");
	FILE *json = fopen(to ? to : "/dev/null", "w");
	struct lib_clip clip;

	if (!json || lib_clip_open(&clip, path, w, h, PICTURES)) {
		perror("compare_av1");
		return 1;
	}
	setenv("SVT_LOG", "0", 0);
	printf("%ux%u %s, %u pictures, %u threads, QP %d of 63; one picture at a time\n\n", w, h,
	       path ? path : "drawn", clip.count, THREADS, QP);
	printf("%-8s %5s %7s %8s %8s %8s %5s %8s %7s\n", "library", "speed", "fps", "CPU ms",
	       "p50 ms", "max ms", "held", "kb/s", "dB");
	fprintf(json, "[");
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 4; k++)
			measure(all[i].ops, &clip, all[i].speeds[k], json);
	fprintf(json, "]\n");
	fclose(json);
	printf("\n(a picture is sent when a packet came, or none within %llu ms; held: packets "
	       "that are\n still owed when all pictures were sent)\n\n", WAIT_NS / 1000000);
	for (size_t i = 0; i < 2; i++) {
		control_start(all[i].ops, &clip, all[i].speeds[0]);
		control_qp(all[i].ops, &clip, all[i].speeds[0]);
		control_rate(all[i].ops, &clip, all[i].speeds[0]);
		control_sizes(all[i].ops, all[i].speeds[0]);
		printf("\n");
	}
	lib_clip_close(&clip);
	return 0;
}
