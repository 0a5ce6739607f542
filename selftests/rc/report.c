// SPDX-License-Identifier: MIT
#include <math.h>
#include <string.h>

#include "report.h"

static FILE *out;
static bool first = true;

const char *who_name(enum who who)
{
	static const char *const names[] = { "hvcal", "blind", "whole", "fqp", "own" };

	return names[who];
}

void report_open(FILE *json)
{
	out = json;
	if (out)
		fprintf(out, "[\n");
}

void report_close(void)
{
	if (out)
		fprintf(out, "\n]\n");
}

static void json_begin(const struct job *j, const char *kind)
{
	fprintf(out, "%s{\"kind\":\"%s\",\"clip\":\"%s\",\"encoder\":\"%s\",\"control\":\"%s\","
		"\"vbv_ms\":%.0f,\"delay\":%u,\"bitrate\":%.0f", first ? "" : ",\n", kind,
		j->clip->name, j->enc->name, who_name(j->who), j->vbv_ms, j->delay, j->bitrate);
	first = false;
}

/* Marks what misses its target: * the target, ! the floor. */
static char mark(double value, double target, double floor)
{
	return value > floor ? '!' : value > target ? '*' : ' ';
}

/*
 * With late sizes goal R10 of the design keeps the floors of R1..R4 (error, window,
 * violations; at a buffer of so many frames more), and has none for frames and steps.
 */
static double floor_at_once(const struct job *j, double floor)
{
	return j->delay ? INFINITY : floor;
}

/* R6: half of the buffer, or four frames. */
static double key_floor(const struct job *j)
{
	return fmin(j->vbv_ms / 2000.0 * j->clip->fps, 4.0);
}

void report_steady(const struct job *j, const struct metrics *m)
{
	bool cuts = j->clip->kind != CLIP_CAMERA;
	double error = fabs(m->error);

	printf("%-5s %-5s %-5s %5.0f %u | %+6.1f%%%c %5.2f%c %5.1f%c %3u %3u %5.0f %4u%c %5.1f%c "
	       "%5.2f%c| %6.2f %6.4f\n",
	       j->clip->name, j->enc->name, who_name(j->who), j->vbv_ms, j->delay,
	       100.0 * m->error, mark(error, cuts ? 0.03 : 0.01, cuts ? 0.05 : 0.02), m->window,
	       mark(m->window, cuts ? 1.12 : 1.05, cuts ? 1.20 : 1.10), m->p_max,
	       mark(m->p_max, 3.0, floor_at_once(j, 4.0)), m->over3, m->over8, m->queue_ms, m->violations,
	       mark(m->violations, 0.0, cuts ? 1.0 : 0.0), m->key,
	       mark(m->key, key_floor(j), floor_at_once(j, key_floor(j))), m->roughness,
	       /* that of a steady state, which scenes of a second are not */
	       cuts ? ' ' : mark(m->roughness, 0.6, floor_at_once(j, 1.0)), m->psnr, m->ssim);
	fflush(stdout);
	if (!out)
		return;
	json_begin(j, "steady");
	fprintf(out, ",\"error\":%.5f,\"window\":%.4f,\"p_max\":%.3f,\"over3\":%u,\"over8\":%u,"
		"\"queue_ms\":%.1f,\"violations\":%u,\"key\":%.3f,\"roughness\":%.3f,"
		"\"psnr\":%.3f,\"ssim\":%.5f}", m->error, m->window, m->p_max, m->over3, m->over8,
		m->queue_ms, m->violations, m->key, m->roughness, m->psnr, m->ssim);
}

void report_step(const struct job *j, const struct metrics *m)
{
	bool up = j->step_rate > j->bitrate;
	double backlog = j->delay ? 100.0 : 50.0;

	printf("%-5s %-5s %-5s %5.0f %u x%4.2f | %4u%c %5.2f %5.0f%c %5.2f%c %5.1f %6.2f%c\n",
	       j->clip->name, j->enc->name, who_name(j->who), j->vbv_ms, j->delay,
	       j->step_rate / j->bitrate, m->settle,
	       mark(m->settle, up ? 2.0 : 1.0, floor_at_once(j, up ? 5.0 : 3.0)), m->first,
	       m->backlog_ms, up ? ' ' : mark(m->backlog_ms, backlog, floor_at_once(j, 100.0)),
	       m->use, up ? ' ' : mark(-m->use, -0.9, floor_at_once(j, -0.8)), m->dip, m->window,
	       up ? mark(m->window, 1.08, floor_at_once(j, 1.15)) : ' ');
	fflush(stdout);
	if (!out)
		return;
	json_begin(j, "step");
	fprintf(out, ",\"to\":%.0f,\"settle\":%u,\"first\":%.3f,\"backlog_ms\":%.1f,\"use\":%.3f,"
		"\"dip_db\":%.2f,\"window\":%.4f}", j->step_rate, m->settle, m->first, m->backlog_ms,
		m->use, m->dip, m->window);
}

void report_untold(const struct job *j, const struct metrics *m)
{
	const char *mode = j->control == HVCAL_RC_CONTROL_VBR ? "vbr" : "cbr";

	printf("%-5s %-5s %-5s %4s %u %3u | %+6.1f%% %6.2f %5.1f %5.1f | %6.2f %6.2f\n",
	       j->clip->name, j->enc->name, who_name(j->who), mode, j->delay,
	       j->late_frames ? j->late_frames : j->frames, 100.0 * m->error, m->window,
	       m->p_max, m->key, m->psnr, m->psnr_min);
	fflush(stdout);
	if (!out)
		return;
	json_begin(j, "untold");
	fprintf(out, ",\"mode\":\"%s\",\"late_frames\":%u,\"error\":%.5f,\"window\":%.4f,"
		"\"p_max\":%.3f,\"key\":%.3f,\"psnr\":%.3f,\"psnr_min\":%.3f}", mode, j->late_frames, m->error,
		m->window, m->p_max, m->key, m->psnr, m->psnr_min);
}

static void number(FILE *f, const char *name, double value)
{
	if (isfinite(value))
		fprintf(f, ",\"%s\":%.3f", name, value);
	else
		fprintf(f, ",\"%s\":null", name);
}

void report_bd(const struct job *j, enum who who, double psnr, double ssim)
{
	double floor = j->clip->kind == CLIP_CAMERA ? 2.0 : 4.0;

	printf("%-5s %-5s %-5s %5.0f | %+6.1f%%%c %+6.1f%%\n", j->clip->name, j->enc->name,
	       who_name(who), j->vbv_ms, psnr, who == WHO_OURS ? mark(psnr, 0.0, floor) : ' ',
	       ssim);
	fflush(stdout);
	if (!out)
		return;
	json_begin(j, "bd-rate");
	fprintf(out, ",\"of\":\"%s\"", who_name(who));
	number(out, "psnr_percent", psnr);
	number(out, "ssim_percent", ssim);
	fprintf(out, "}");
}

void report_times(const struct decide_times *t)
{
	printf("\ndecision and report, CPU time: %.2f us between frames (99 %%: %.2f), of that the "
	       "clock %.2f (99 %%: %.2f); %.2f us alone\n", t->median, t->most, t->clock_median,
	       t->clock_most, t->alone);
	if (!out)
		return;
	fprintf(out, "%s{\"kind\":\"time\"", first ? "" : ",\n");
	first = false;
	number(out, "us", t->median);
	number(out, "us_99", t->most);
	number(out, "clock_us", t->clock_median);
	number(out, "clock_us_99", t->clock_most);
	number(out, "alone_us", t->alone);
	fprintf(out, "}");
}
