// SPDX-License-Identifier: MIT
/*
 * Our rate control with and without hints, a controller of the browsers' class,
 * and the encoders' own CBR, over the same clips.
 */
#include <getopt.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

#define CLIPS_MAX 12
#define POINTS 4
#define RUNS_MAX 1024
#define JOBS_MAX 16
#define VGA (640U * 480U)
/* Steps and curves need fewer frames than a mean error does. */
#define STEP_FRAMES 180U
#define QUALITY_FRAMES 150U
/* Of a stream that nothing is known of, at a rate at which much can be wasted. */
#define START_FRAMES 50U
#define START_RATE 2.0
#define START_VBV_MS 500.0
#define START_LATE 12U

enum part { STEADY, STEPS, STARTS, INSIDE, QUALITY, PARTS };

static const char *const part_names[PARTS] = {
	"steady", "steps", "starts", "inside", "quality",
};

/* One run of an encoder, and what came of it. */
struct run {
	enum part part;
	struct job job;
	struct metrics m;
	struct times times;
	bool done;
};

/* In memory that the workers share. */
struct shared {
	atomic_uint next;
	unsigned int count;
	struct run runs[RUNS_MAX];
};

struct bench {
	struct clip clips[CLIPS_MAX];
	unsigned int clip_count;
	const struct encoder_ops *encoders[2];
	unsigned int encoder_count;
	bool quick;
	const char *only, *part; /* by name, NULL all */
	const char *names;	/* of clips, with commas between; NULL all */
	unsigned int jobs;
	struct shared *shared;
};

static const double buffers[] = { 200.0, 1000.0 };

/* ---- what to run ---- */

/*
 * The whole comparison is with one encoder; another one shows, on the smaller clips,
 * that it holds there, too.
 */
static bool comparison(const struct job *job)
{
	return job->enc == &encoder_x264 ||
	       ((job->who == WHO_OURS || job->who == WHO_OWN) && !job->delay &&
		job->vbv_ms == buffers[0] && job->clip->width * job->clip->height <= VGA);
}

/* Hints and bands show where there is something to see. */
static bool shows(const struct clip *clip, enum who who)
{
	return (who != WHO_BLIND || clip->kind != CLIP_CAMERA) &&
	       (who != WHO_WHOLE || clip->kind == CLIP_SCREEN);
}

static bool named(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, len) && (!at[len] || at[len] == ','))
			return true;
	}
	return !names;
}

static bool wanted(const struct bench *b, enum who who, const struct clip *clip, enum part part)
{
	return (!b->only || !strcmp(b->only, who_name(who))) &&
	       named(b->names, clip->name) &&
	       (!b->part || !strcmp(b->part, part_names[part]));
}

static void plan(struct bench *b, enum part part, const struct job *job)
{
	struct shared *s = b->shared;

	if (!comparison(job) || !wanted(b, job->who, job->clip, part))
		return;
	if (s->count == RUNS_MAX) {
		fprintf(stderr, "bench-rc: more than %u runs\n", RUNS_MAX);
		exit(1);
	}
	s->runs[s->count].part = part;
	s->runs[s->count++].job = *job;
}

static struct job job_of(const struct bench *b, unsigned int encoder, unsigned int clip,
			 enum who who, double vbv_ms)
{
	return (struct job){
		.clip = &b->clips[clip], .enc = b->encoders[encoder], .who = who,
		.bitrate = b->clips[clip].kbps * 1000.0, .vbv_ms = vbv_ms,
		.frames = b->clips[clip].frames,
	};
}

static void plan_steady(struct bench *b, unsigned int encoder, unsigned int clip)
{
	for (int v = 0; v < (b->quick ? 1 : 2); v++) {
		for (enum who who = WHO_OURS; who <= WHO_OWN; who++) {
			/* baselines cannot be told late: theirs is the best case */
			unsigned int late = who == WHO_OURS && !b->quick ? 4 : 0;

			if (!shows(&b->clips[clip], who) ||
			    ((who == WHO_BLIND || who == WHO_FQP) && v))
				continue;
			for (unsigned int d = 0; d <= late; d += 2) {
				struct job job = job_of(b, encoder, clip, who, buffers[v]);

				job.delay = d;
				plan(b, STEADY, &job);
			}
		}
	}
}

static void plan_steps(struct bench *b, unsigned int encoder, unsigned int clip)
{
	/* there, what the picture does hides what the rate does */
	if (b->clips[clip].kind == CLIP_SCREEN)
		return;
	for (int up = 0; up < 2; up++) {
		for (enum who who = WHO_OURS; who <= WHO_OWN; who++) {
			if (who == WHO_BLIND || who == WHO_WHOLE)
				continue;
			for (unsigned int d = 0; d <= (who == WHO_OURS ? 2 : 0); d += 2) {
				struct job job = job_of(b, encoder, clip, who, buffers[0]);
				double high = job.bitrate;

				job.bitrate = up ? high / 4.0 : high;
				job.step_rate = up ? high : high / 4.0;
				if (job.frames > STEP_FRAMES)
					job.frames = STEP_FRAMES;
				job.step_at = job.frames / 2;
				job.delay = d;
				plan(b, STEPS, &job);
			}
		}
	}
}

/*
 * As a session begins: frames go in before the first comes out, and the controller is
 * not told how many; then the encoder keeps up (late for START_LATE frames) or does not.
 */
static void plan_starts(struct bench *b, unsigned int encoder, unsigned int clip)
{
	static const uint32_t controls[] = { HVCAL_RC_CONTROL_CBR, HVCAL_RC_CONTROL_VBR };
	static const unsigned int delays[] = { 0, 3, 7, 7 };
	static const unsigned int late[] = { 0, 0, 0, START_LATE };

	if (b->quick || b->clips[clip].kind != CLIP_CAMERA || encoder)
		return;
	for (int c = 0; c < 2; c++) {
		for (enum who who = WHO_OURS; who <= WHO_BLIND; who++) {
			for (int i = 0; i < 4; i++) {
				struct job job = job_of(b, encoder, clip, who, START_VBV_MS);

				job.bitrate *= START_RATE;
				job.frames = START_FRAMES;
				job.control = controls[c];
				job.delay = delays[i];
				job.late_frames = late[i];
				job.untold = true;
				plan(b, STARTS, &job);
			}
		}
	}
}

/* As `hvcal encode` of a file is: as many frames inside as the engine takes, to the end. */
static void plan_inside(struct bench *b, unsigned int encoder, unsigned int clip)
{
	static const unsigned int delays[] = { 0, 3, 7 };

	for (int i = 0; i < 3 && !b->quick; i++) {
		struct job job = job_of(b, encoder, clip, WHO_OURS, START_VBV_MS);

		job.delay = delays[i];
		job.untold = true;
		plan(b, INSIDE, &job);
	}
}

static void plan_quality(struct bench *b, unsigned int encoder, unsigned int clip)
{
	static const double factors[POINTS] = { 0.5, 0.75, 1.2, 2.0 };

	if (b->quick)
		return;
	for (enum who who = WHO_OURS; who <= WHO_OWN; who++) {
		if (who == WHO_FQP || !shows(&b->clips[clip], who))
			continue;
		for (int i = 0; i < POINTS; i++) {
			struct job job = job_of(b, encoder, clip, who, buffers[0]);

			job.bitrate *= factors[i];
			if (job.frames > QUALITY_FRAMES)
				job.frames = QUALITY_FRAMES;
			plan(b, QUALITY, &job);
		}
	}
}

/* ---- running ---- */

static void run_one(struct run *run)
{
	static struct trace trace;

	if (run_job(&run->job, &trace)) {
		fprintf(stderr, "bench-rc: %s on %s failed\n", run->job.enc->name,
			run->job.clip->name);
		return;
	}
	run->times = trace.times;
	measure(&trace, &run->job, &run->m);
	run->done = true;
}

static void work(struct shared *s)
{
	unsigned int i;

	while ((i = atomic_fetch_add(&s->next, 1)) < s->count) {
		run_one(&s->runs[i]);
		fprintf(stderr, "\r%u of %u runs", i + 1, s->count);
	}
}

static int run_all(const struct bench *b)
{
	pid_t pids[JOBS_MAX];
	int bad = 0, status;

	for (unsigned int i = 0; i < b->jobs; i++) {
		pids[i] = fork();
		if (pids[i] < 0) {
			perror("fork");
			return -1;
		}
		if (!pids[i]) {
			work(b->shared);
			_exit(0);
		}
	}
	for (unsigned int i = 0; i < b->jobs; i++)
		bad |= waitpid(pids[i], &status, 0) < 0 || status;
	fputc('\n', stderr);
	for (unsigned int i = 0; i < b->shared->count; i++)
		bad |= !b->shared->runs[i].done;
	return bad ? -1 : 0;
}

/* ---- telling ---- */

static const char anchors[] =
	"Published or measured elsewhere, for comparison (not from this run):\n"
	"  error        tests allow 5 % (WebRTC), 10 % (Chromium), 15 % (libvpx, libaom)\n"
	"  1 s window   2.00 (Android CDD 5.2, should)\n"
	"  frames       at most 10 above 3x and none above 8x in 800 (libaom)\n"
	"  step down    settled within 1..3 s (WebRTC)\n"
	"  IDR          8x the mean P frame allowed in a test of NVENC, 17x seen without a VBV\n";

static const char *const heads[PARTS] = {
	"Steady: * misses the target, ! misses the floor of the design\n"
	"clip  enc   who     vbv d |   error  window P max  >3  >8 queue viol   key rough |"
	"   psnr   ssim",
	"\nA new rate in the middle, 200 ms\n"
	"clip  enc   who     vbv d  step | settle first backlog  use   dip window",
	"\nThe first 50 frames, sizes late by d, untold, of all or the first; 500 ms, twice the rate\n"
	"clip  enc   who   mode d  of |   error  window P max   key |   psnr  worst",
	"\nThe whole clip, the same; 500 ms\n"
	"clip  enc   who   mode d  of |   error  window P max   key |   psnr  worst",
	"\nBD-rate against the encoder's own CBR with the same buffer (less is better)\n"
	"clip  enc   who     vbv |    psnr    ssim",
};

/* The POINTS runs from @run on, or NULL if they are not one curve. */
static bool curve_of(const struct bench *b, const struct run *run, double *rate, double *psnr,
		     double *ssim)
{
	const struct run *end = b->shared->runs + b->shared->count;

	if (run + POINTS > end)
		return false;
	for (int i = 0; i < POINTS; i++) {
		if (!run[i].done)
			return false;
		rate[i] = run[i].m.kbps;
		psnr[i] = run[i].m.psnr;
		ssim[i] = run[i].m.ssim;
	}
	return true;
}

/* The encoder's own curve beside @run's. */
static const struct run *own_of(const struct bench *b, const struct run *run)
{
	const struct run *end = b->shared->runs + b->shared->count;

	for (; run < end && run->part == QUALITY; run += POINTS)
		if (run->job.who == WHO_OWN)
			return run;
	return NULL;
}

static void tell_quality(const struct bench *b, const struct run *run)
{
	double rate[2][POINTS], psnr[2][POINTS], ssim[2][POINTS];
	const struct run *own = own_of(b, run);

	if (!own || run->job.who == WHO_OWN || !curve_of(b, run, rate[0], psnr[0], ssim[0]) ||
	    !curve_of(b, own, rate[1], psnr[1], ssim[1]))
		return;
	report_bd(&run->job, run->job.who, bd_rate(rate[1], psnr[1], rate[0], psnr[0], POINTS),
		  bd_rate(rate[1], ssim[1], rate[0], ssim[0], POINTS));
}

static int by_value(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* @percent of all frames that we decided on took no longer, in us. */
static double time_of(const struct bench *b, bool clock, unsigned int percent)
{
	unsigned int n = 0;
	double us = NAN;
	float *all;

	all = malloc(sizeof(*all) * FRAMES_MAX * (b->shared->count + 1));
	for (unsigned int i = 0; all && i < b->shared->count; i++) {
		const struct run *run = &b->shared->runs[i];

		if (!run->done || run->job.who != WHO_OURS)
			continue;
		memcpy(all + n, clock ? run->times.clock_ns : run->times.decide_ns,
		       sizeof(*all) * run->job.frames);
		n += run->job.frames;
	}
	if (n) {
		qsort(all, n, sizeof(*all), by_value);
		us = all[(size_t)(n - 1) * percent / 100] / 1000.0;
	}
	free(all);
	return us;
}

static void tell_times(const struct bench *b)
{
	struct decide_times t = {
		.median = time_of(b, false, 50), .most = time_of(b, false, 99),
		.clock_median = time_of(b, true, 50), .clock_most = time_of(b, true, 99),
		.alone = decide_alone_ns() / 1000.0,
	};

	report_times(&t);
}

static void tell(const struct bench *b)
{
	int part = -1;

	for (unsigned int i = 0; i < b->shared->count; i++) {
		const struct run *run = &b->shared->runs[i];

		if (!run->done && run->part != QUALITY)
			continue;
		if ((int)run->part != part)
			puts(heads[part = (int)run->part]);
		switch (run->part) {
		case STEADY:
			report_steady(&run->job, &run->m);
			break;
		case STEPS:
			report_step(&run->job, &run->m);
			break;
		case STARTS:
		case INSIDE:
			report_untold(&run->job, &run->m);
			break;
		default:
			tell_quality(b, run);
			i += POINTS - 1;
		}
	}
	tell_times(b);
	printf("\n%s", anchors);
}

/* ---- the program ---- */

static int load(struct bench *b, const char *path)
{
	FILE *list = fopen(path, "r");
	char line[1024];
	bool good = true;

	if (!list) {
		perror(path);
		return -1;
	}
	while (good && b->clip_count < CLIPS_MAX && fgets(line, sizeof(line), list)) {
		struct clip *clip = &b->clips[b->clip_count];

		good = !clip_open(clip, line);
		if (good && !named(b->names, clip->name)) {
			clip_close(clip);
			continue;
		}
		good = good && !hint_clip(clip);
		b->clip_count += good;
	}
	fclose(list);
	if (!b->clip_count)
		fprintf(stderr, "bench-rc: no clips%s%s in %s\n", b->names ? " named " : "",
			b->names ? b->names : "", path);
	return good && b->clip_count ? 0 : -1;
}

static int options(struct bench *b, int argc, char **argv, const char **json)
{
	static const struct option table[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "json", required_argument, NULL, 'j' },
		{ "jobs", required_argument, NULL, 'n' },
		{ "only", required_argument, NULL, 'o' },
		{ "clips", required_argument, NULL, 'c' },
		{ "part", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		if (c == 'q')
			b->quick = true;
		else if (c == 'j')
			*json = optarg;
		else if (c == 'n')
			b->jobs = (unsigned int)strtoul(optarg, NULL, 10);
		else if (c == 'o')
			b->only = optarg;
		else if (c == 'c')
			b->names = optarg;
		else if (c == 'p')
			b->part = optarg;
		else
			return -1;
	}
	return optind == argc - 1 && b->jobs && b->jobs <= JOBS_MAX ? 0 : -1;
}

int main(int argc, char **argv)
{
	static void (*const plans[PARTS])(struct bench *, unsigned int, unsigned int) = {
		plan_steady, plan_steps, plan_starts, plan_inside, plan_quality,
	};
	static struct bench b = {
		.encoders = { &encoder_x264, &encoder_vp9 }, .encoder_count = 2, .jobs = 1,
	};
	const char *json = NULL;
	FILE *f = NULL;
	int bad;

	if (options(&b, argc, argv, &json)) {
		fputs("usage: bench_rc [--quick] [--json FILE] [--jobs 1..16] [--only WHO] "
		      "[--clips NAME,...] [--part steady|steps|starts|inside|quality] LIST\n", stderr);
		return 2;
	}
	if (b.quick)
		b.encoder_count = 1;
	b.shared = mmap(NULL, sizeof(*b.shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b.shared == MAP_FAILED || load(&b, argv[optind]))
		return 1;
	if (json) {
		f = fopen(json, "w");
		if (!f) {
			perror(json);
			return 1;
		}
	}
	for (int part = 0; part < PARTS; part++)
		for (unsigned int e = 0; e < b.encoder_count; e++)
			for (unsigned int c = 0; c < b.clip_count; c++)
				plans[part](&b, e, c);
	bad = run_all(&b);
	report_open(f);
	tell(&b);
	report_close();
	if (f && fclose(f)) {
		perror(json);
		return 1;
	}
	for (unsigned int i = 0; i < b.clip_count; i++)
		clip_close(&b.clips[i]);
	munmap(b.shared, sizeof(*b.shared));
	return bad ? 1 : 0;
}
