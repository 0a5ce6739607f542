// SPDX-License-Identifier: MIT
/* What the soak found out, next to what is promised. */
#include "soak.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kselftest/harness.h"
#include "../kselftest/lib/state.h"

#define MORE_MS	100	/* what is promised on top of a budget */
#define SHOWN 8	/* that took longer */
#define SLACK_MS 150	/* of the test machine, as the fault matrix has it */

struct report {
	unsigned int tests, failed;
};

static void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	printf("# ");
	vprintf(fmt, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
}

static void result(struct report *r, bool good, const char *name)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++r->tests, name);
	r->failed += !good;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void print_tally(const char *name, const struct soak_tally *t)
{
	note("%s: %llu sessions (%llu lost, %llu refusals), %llu frames submitted, %llu packets, %llu bytes",
	     name, (unsigned long long)t->sessions, (unsigned long long)t->sessions_lost,
	     (unsigned long long)t->refused, (unsigned long long)t->submitted,
	     (unsigned long long)t->packets, (unsigned long long)t->bytes);
	note("%s: %llu moves, %llu frames failed, %llu missing; longest time without a packet %.1f ms",
	     name, (unsigned long long)t->moves, (unsigned long long)t->failed,
	     (unsigned long long)t->missing, ms(t->gap_ns));
}

/* ---- distributions ---- */

static int by_ns(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Sorts; "p50 1.0 p90 2.0 p99 3.0 max 4.0". */
static void describe(char *text, size_t len, uint64_t *list, unsigned int count)
{
	if (!count) {
		snprintf(text, len, "none");
		return;
	}
	qsort(list, count, sizeof(*list), by_ns);
	snprintf(text, len, "p50 %.1f, p90 %.1f, p99 %.1f, worst %.1f ms", ms(list[count / 2]),
		 ms(list[count * 9ULL / 10]), ms(list[count * 99ULL / 100]), ms(list[count - 1]));
}

/* The samples that took longer than promised, and than the machine's lateness explains. */
static unsigned int print_samples(const char *what, const struct soak_samples *samples,
				  bool promised)
{
	static uint64_t list[SOAK_SAMPLES];
	unsigned int count = samples->count, within = 0, excused = 0, shown = 0;
	char text[128];

	if (count > SOAK_SAMPLES)
		count = SOAK_SAMPLES;
	for (unsigned int i = 0; i < count; i++)
		list[i] = samples->list[i].ns;
	describe(text, sizeof(text), list, count);
	note("%s: %u times, %s", what, samples->count, text);
	if (!promised || !count)
		return 0;
	for (unsigned int i = 0; i < count; i++) {
		const struct soak_sample *one = &samples->list[i];
		/* the module learns of a death when the kernel has closed the files */
		uint64_t slack = one->dying_ns + 2 * one->late_ns +
				 (uint64_t)ks_ms(SLACK_MS) * 1000000;

		list[i] = one->frame_ns;
		within += one->ns <= one->frame_ns;
		excused += one->ns > one->frame_ns && one->ns <= one->frame_ns + slack;
		if (one->ns > one->frame_ns + slack && shown++ < SHOWN)
			note("... later: %.1f ms, promised %.1f ms; engine %u killed at %.6f s took %.1f ms to go; engine %u was given the frame after %.1f ms; the machine was %.1f ms late",
			     ms(one->ns), ms(one->frame_ns), one->from, ms(one->died_ns) / 1e3,
			     ms(one->dying_ns), one->to, ms(one->start_ns - one->died_ns),
			     ms(one->late_ns));
	}
	describe(text, sizeof(text), list, count);
	note("... promised, two frame intervals and the coding of that frame: %s", text);
	for (unsigned int i = 0; i < count; i++)
		list[i] = samples->list[i].dying_ns;
	describe(text, sizeof(text), list, count);
	note("... of it, until the kernel had ended the killed process: %s", text);
	note("... within what is promised %u (%.1f %%), within that and the machine's lateness %u, later %u",
	     within, 100.0 * within / count, excused, count - within - excused);
	return count - within - excused;
}

static void print_lateness(const struct soak_shared *sh)
{
	static uint64_t list[SOAK_TICKS];
	unsigned int count = 0;
	char text[128];

	for (int i = 0; i < SOAK_TICKS; i++)
		if (sh->ticks[i].ns)
			list[count++] = sh->ticks[i].late_ns;
	describe(text, sizeof(text), list, count);
	note("machine: a sleep of %d ms and a word to another process and back, late by: %s (the last %u)",
	     SOAK_TICK_MS, text, count);
}

/* ---- the machine ---- */

static long kmemleak(void)
{
	static const char path[] = "/sys/kernel/debug/kmemleak";
	char line[256];
	long found = 0;
	FILE *f = fopen(path, "we");

	if (!f)
		return -1;
	fputs("scan\n", f);
	if (fclose(f))
		return -1;
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		found += !strncmp(line, "unreferenced", 12);
	if (f)
		fclose(f);
	return found;
}

/* What DESIGN promises: a frame's budget, here the least one, and 100 ms. */
static unsigned long call_bound_ms(void)
{
	unsigned long floor = 0;
	FILE *f = fopen(KS_PARAMS "watchdog_floor_ms", "re");

	if (f && fscanf(f, "%lu", &floor) != 1)
		floor = 0;
	if (f)
		fclose(f);
	return floor + MORE_MS;
}

/* ---- */

static void print_kills(const struct soak *s)
{
	double seconds = (double)s->ran_ns / 1e9;

	note("%.0f s, --seed 0x%" PRIx64 ": %u kills, %.1f a second: x264 %u, null %u, clients %u",
	     seconds, s->seed, soak_kills(s), soak_kills(s) / seconds, s->kills[ENGINE_X264],
	     s->kills[ENGINE_NULL], s->kills[VICTIM] + s->kills[NULL_VICTIM]);
	note("stopped: x264 %u, null %u, of which the module let %u be", s->stopped[ENGINE_X264],
	     s->stopped[ENGINE_NULL], s->unnoticed);
	note("an engine was there after %.1f ms, mean of %llu",
	     s->start_count ? ms(s->start_sum_ns / s->start_count) : 0.0,
	     (unsigned long long)s->start_count);
}

static unsigned int print_resumed(const struct soak_shared *sh)
{
	static const char *const kinds[SOAK_KINDS] = { "x264", "null" };
	static const char *const deaths[SOAK_DEATH_KINDS] = {
		"kill to next decodable frame",
		"... when no other engine was there, or not for long",
		"stop to next decodable frame",
	};
	unsigned int later = 0;
	char what[128];

	for (int k = 0; k < SOAK_KINDS; k++)
		for (int d = 0; d < SOAK_DEATH_KINDS; d++) {
			snprintf(what, sizeof(what), "%s: %s", kinds[k], deaths[d]);
			later += print_samples(what, &sh->samples[k][d], d == SOAK_KILLED);
		}
	return later;
}

/* False: somebody was kept waiting. */
static bool print_calls(const struct soak_shared *sh)
{
	const struct soak_tally *const tallies[] = { &sh->real, &sh->null, &sh->victims };
	static const char *const what[] = { "did not sleep", "slept" };
	bool good = true;

	for (int slept = 0; slept < 2; slept++)
		for (int i = 0; i < 3; i++) {
			uint64_t ns = tallies[i]->calls[slept].ns;
			uint64_t late = tallies[i]->calls[slept].late_ns;
			const char *name = tallies[i]->calls[slept].name;

			if (!name)
				continue;
			note("longest call that was not to wait and %s: %s %.1f ms, %lu ms are promised; the machine was %.1f ms late then",
			     what[slept], name, ms(ns), call_bound_ms(), ms(late));
			good &= !slept || ns <= call_bound_ms() * 1000000ULL + 2 * late;
		}
	return good;
}

static bool whole(const struct soak_tally *t)
{
	return !t->failed && !t->missing && !t->sessions_lost && t->submitted == t->packets;
}

unsigned int soak_report(struct soak *s, unsigned int faults, const struct ks_state *before)
{
	const struct soak_shared *sh = s->shared;
	const char *why = ks_state_check(before);
	struct report r = { 0 };
	long leaks = kmemleak();
	unsigned int later;
	bool in_time;

	print_kills(s);
	print_tally("real", &sh->real);
	print_tally("null", &sh->null);
	print_tally("victims", &sh->victims);
	later = print_resumed(sh);
	in_time = print_calls(sh);
	print_lateness(sh);
	note("leaks: %s, kmemleak %s%ld", why ? why : "no object", leaks < 0 ? "off " : "",
	     leaks < 0 ? 0 : leaks);

	result(&r, sh->real.packets && sh->null.packets && soak_kills(s),
	       "there was work, and there were kills");
	result(&r, !s->kills_max || soak_kills(s) >= s->kills_max, "there were as many as wanted");
	result(&r, sh->real.moves || !s->kills[ENGINE_X264], "sessions moved on");
	result(&r, sh->samples[SOAK_X264][SOAK_KILLED].count ||
	       sh->samples[SOAK_X264][SOAK_KILLED_LAST].count || !s->kills[ENGINE_X264],
	       "streams became decodable again");
	result(&r, whole(&sh->real), "x264: no frame was lost that was to be issued again");
	result(&r, whole(&sh->null), "null: no frame was lost that was to be issued again");
	result(&r, !sh->real.undecodable && !sh->victims.undecodable && !sh->null.undecodable,
	       "every key frame can be decoded on its own, and every engine begins with one");
	result(&r, in_time, "no call waited longer than a frame's budget and 100 ms");
	result(&r, !later, "streams with an engine left went on within what is promised");
	result(&r, !faults, "nobody died who was not killed");
	result(&r, !why, "nothing is left over");
	result(&r, leaks <= 0, "no memory is lost");
	printf("1..%u\n", r.tests);
	return r.failed;
}
