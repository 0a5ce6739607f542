// SPDX-License-Identifier: MIT
/*
 * What HVCAL's direct mode costs: each software engine beside its library, called as
 * it is with the same settings, on the same pictures in the same memory. That both make
 * the same bytes shows that the settings are the same. How it is measured: bench_speed.c.
 * usage: bench_engines [OPTION...] [CLIP WIDTH HEIGHT]
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "bench.h"

#define SUBJECTS 4

static const struct subject subjects[SUBJECTS] = {
	{ "x264", HVCAL_CODEC_H264, &lib_x264, 1, 28, 28, 1 },
	{ "x265", HVCAL_CODEC_HEVC, &lib_x265, 1, 28, 28, 2 },
	{ "vpx", HVCAL_CODEC_VP9, &lib_vpx, 8, 120, 30, 1 },
	{ "av1", HVCAL_CODEC_AV1, &lib_aom, 10, 120, 30, 1 },
};

/* What is asked for on the command line. */
struct wishes {
	const char *clip, *json, *engine;
	bool free;		/* on any CPU, beside other processes */
};

static int load(struct bench *b, const char *path)
{
	hvcal_pool_params_t p;
	struct lib_clip clip;
	int ret;

	if (lib_clip_open(&clip, path, b->width, b->height, PICTURES_MAX))
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

static void print_head(void)
{
	const char *counted = cost_counts() ? " instr." : "";

	printf("%-6s %7s %7s  %-24s  %-24s %7s  %6s%s\n", "", "HVCAL", "library", "HVCAL : library",
	       "library : library", "outside", "CPU", counted);
	printf("%-6s %7s %7s  %-24s  %-24s %7s  %6s%s %6s  %-9s %s\n", "engine", "fps",
	       "fps", "fps ratio (99 %)", "fps ratio (99 %)", "us", "ratio", *counted ? "  ratio" : "",
	       "blocks", "packets", "2 % goal");
}

static void print_starts_head(void)
{
	printf("%-6s %17s   %17s   %17s\n", "ms", "open", "new rate", "restart to packet");
	printf("%-6s %8s %8s   %8s %8s   %8s %8s\n", "engine", "HVCAL", "library", "HVCAL",
	       "library", "HVCAL", "library");
}

static int one_start(struct bench *b, const struct subject *s, FILE *json)
{
	struct starts t;
	int ret = bench_starts(b, s, &t);

	if (ret)
		return ret;
	printf("%-6s %8.2f %8.2f   %8.2f %8.2f   %8.2f %8.2f\n", s->engine, t.open[0], t.open[1],
	       t.reconfigure[0], t.reconfigure[1], t.restart[0], t.restart[1]);
	fprintf(json, "\"open_ms\":[%.3f,%.3f],\"reconfigure_ms\":[%.3f,%.3f],"
		"\"restart_ms\":[%.3f,%.3f]", t.open[0], t.open[1], t.reconfigure[0],
		t.reconfigure[1], t.restart[0], t.restart[1]);
	return 0;
}

static int run_all(struct bench *b, const struct wishes *w, FILE *json, const char *name,
		   int (*part)(struct bench *b, const struct subject *s, FILE *json))
{
	const char *comma = "";
	int ret = 0;

	fprintf(json, "\"%s\":[", name);
	for (unsigned int i = 0; i < SUBJECTS && !ret; i++) {
		const struct subject *s = &subjects[i];

		if (w->engine && strcmp(w->engine, s->engine))
			continue;
		if (!have(b, s->engine)) {
			printf("%-6s not built\n", s->engine);
			continue;
		}
		fprintf(json, "%s\n{\"engine\":\"%s\",", comma, s->engine);
		ret = part(b, s, json);
		fprintf(json, "}");
		fflush(stdout);
		comma = ",";
	}
	fprintf(json, "]");
	if (!ret && !*comma) {
		fprintf(stderr, "bench_engines: no engine to look at\n");
		return -ENOENT;
	}
	return ret;
}

typedef int bench_part(struct bench *b, const struct wishes *w, FILE *json);

static int run_starts(struct bench *b, const struct wishes *w, FILE *json)
{
	print_starts_head();
	fprintf(json, "{");
	return run_all(b, w, json, "starts", one_start);
}

static int run_speed(struct bench *b, const struct wishes *w, FILE *json)
{
	int ret;

	printf("\n");
	print_head();
	fprintf(json, ",\n");
	ret = run_all(b, w, json, "speed", bench_speed);
	fprintf(json, "}\n");
	printf("\nfps ratio: the median of the blocks, and an interval of 99 %%; of the library by itself "
	       "it must hold 1\noutside: what a picture spends in HVCAL outside of its engine\n"
	       "goal: met if all of the interval lies at %.2f or above\n", BENCH_GOAL);
	return ret;
}

static int with_context(struct bench *b, const struct wishes *w, FILE *json, bench_part *part)
{
	char reason[512] = "";
	hvcal_init_params_t init;
	int ret;

	hvcal_init_params_default(&init, sizeof(init));
	init.backend = HVCAL_BACKEND_DIRECT;
	init.log_level = 3;
	init.reason = reason;
	init.reason_len = sizeof(reason);
	ret = hvcal_initialize(&b->ctx, &init);
	if (!ret)
		ret = load(b, w->clip);
	if (!ret)
		ret = part(b, w, json);
	if (ret)
		fprintf(stderr, "bench_engines: %s\n", *reason ? reason : strerror(-ret));
	while (b->count)
		hvcal_buffer_release(&b->buffers[--b->count]);
	hvcal_pool_destroy(&b->pool);
	hvcal_shutdown(&b->ctx);
	return ret;
}

/* In a process of its own, so that its threads' memory stays out of what follows. */
static int apart(struct bench *b, const struct wishes *w, FILE *json, bench_part *part)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		int ret = with_context(b, w, json, part);

		fflush(NULL);
		_exit(ret ? 1 : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -EIO;
}

static int usage(void)
{
	fprintf(stderr, "usage: bench_engines [--json FILE] [--engine NAME] [--seconds N] "
		"[--threads N]\n"
		"	[--cpu N | --free] [--handicap PERCENT] [--seed N] [CLIP WIDTH HEIGHT]\n");
	return -EINVAL;
}

static int parse_number(const char *text, unsigned int min, unsigned int max, unsigned int *to)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max) {
		fprintf(stderr, "bench_engines: %s is not a number from %u to %u\n", text, min, max);
		return -EINVAL;
	}
	*to = (unsigned int)n;
	return 0;
}

static int parse(struct bench *b, int argc, char **argv, struct wishes *w)
{
	static const struct option options[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "engine", required_argument, NULL, 'e' },
		{ "seconds", required_argument, NULL, 's' },
		{ "threads", required_argument, NULL, 't' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "free", no_argument, NULL, 'f' },
		{ "handicap", required_argument, NULL, 'h' },
		{ "seed", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned int number = 0;
	int opt, ret = 0;

	while (!ret && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'j') {
			w->json = optarg;
		} else if (opt == 'e') {
			w->engine = optarg;
		} else if (opt == 's') {
			ret = parse_number(optarg, 1, 3600, &b->seconds);
		} else if (opt == 't') {
			ret = parse_number(optarg, 1, 64, &b->threads);
		} else if (opt == 'c') {
			ret = parse_number(optarg, 0, 1023, &number);
			b->cpu = (int)number;
		} else if (opt == 'f') {
			w->free = true;
		} else if (opt == 'h') {
			ret = parse_number(optarg, 0, 100, &b->handicap);
		} else if (opt == 'r') {
			ret = parse_number(optarg, 1, UINT32_MAX, &number);
			b->random = number;
		} else {
			return usage();
		}
	}
	if (!ret && argc - optind == 3) {
		w->clip = argv[optind];
		ret = parse_number(argv[optind + 1], 64, 8192, &b->width);
		if (!ret)
			ret = parse_number(argv[optind + 2], 64, 8192, &b->height);
	} else if (!ret && argc > optind) {
		return usage();
	}
	return ret;
}

/* Where it runs, and who else may. */
static int settle(struct bench *b, const struct wishes *w)
{
	if (w->free) {
		b->cpu = -1;
		printf("on any CPU, beside other processes\n\n");
		return 0;
	}
	if (b->cpu < 0)
		b->cpu = cost_last_cpu();
	if (b->cpu < 0 || !cost_pin(b->cpu)) {
		fprintf(stderr, "bench_engines: CPU %d cannot be had: choose one with --cpu, or "
			"--free\n", b->cpu);
		return -EINVAL;
	}
	printf("all on CPU %d, %s\n\n", b->cpu, cost_before_others() ?
	       "before other processes" : "beside other processes: not root");
	return 0;
}

int main(int argc, char **argv)
{
	struct bench b = {
		.width = 1280, .height = 720, .seconds = 75, .threads = 1,
		.cpu = -1, .random = 1,
	};
	struct wishes w = { .json = "/dev/null" };
	FILE *json;
	int ret;

	if (parse(&b, argc, argv, &w))
		return 2;
	json = fopen(w.json, "w");
	if (!json) {
		perror(w.json);
		return 1;
	}
	cost_init();
	printf("%ux%u %s, %u threads, preset 1, constant QP; ", b.width, b.height,
	       w.clip ? w.clip : "drawn", b.threads);
	ret = settle(&b, &w);
	if (!ret)
		ret = apart(&b, &w, json, run_starts);
	if (!ret) {
		cost_keep_memory();
		ret = with_context(&b, &w, json, run_speed);
	}
	return fclose(json) || ret ? 1 : 0;
}
