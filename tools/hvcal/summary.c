/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>

#include <json-c/json.h>

#include "encode.h"

void bytes_text(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1000;
		unit++;
	}
	snprintf(text, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

const char *kind_text(uint32_t kind)
{
	switch (kind) {
	case HVCAL_KIND_HARDWARE:
		return "hardware";
	case HVCAL_KIND_SOFTWARE:
		return "software";
	case HVCAL_KIND_TEST:
		return "test";
	default:
		return "unknown";
	}
}

const char *memory_text(uint32_t memory)
{
	switch (memory) {
	case HVCAL_MEMORY_UDMABUF:
		return "udmabuf";
	case HVCAL_MEMORY_DMA_HEAP:
		return "dma-heap";
	case HVCAL_MEMORY_VGEM:
		return "vgem";
	case HVCAL_MEMORY_MEMFD:
		return "memfd";
	case HVCAL_MEMORY_EXTERNAL:
		return "external";
	default:
		return "unknown";
	}
}

static double per_second(uint64_t count, uint64_t ns)
{
	return ns ? (double)count * 1e9 / (double)ns : 0;
}

static double kilobits(const struct stream_result *r)
{
	return r->media_seconds > 0 ? (double)r->bytes * 8 / 1000 / r->media_seconds : 0;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

static void print_head(const struct encode_report *report, FILE *to)
{
	const struct encode_options *o = report->options;
	const struct source_info *info = report->info;
	const struct stream_result *r = report->results;

	fprintf(to, "input      %s  %s\n", o->source.path, info->description);
	fprintf(to, "output     %s %dx%d", o->codec->name, info->width, info->height);
	if (info->width != info->coded_width || info->height != info->coded_height)
		fprintf(to, " (from %dx%d)", info->coded_width, info->coded_height);
	fprintf(to, ", %s, through %s\n", container_name(o->container), report->backend);
	fprintf(to, "engine     %s (%s)\n", r->engine, kind_text(r->kind));
}

static void print_one(const struct encode_report *report, FILE *to)
{
	struct stream_result *r = report->results;
	struct latency_summary latency;
	char size[32];

	latency_summarize(&r->latency, &latency);
	bytes_text(r->bytes, size, sizeof(size));
	fprintf(to, "frames     %llu, %llu key\n", (unsigned long long)r->frames,
		(unsigned long long)r->key_frames);
	fprintf(to, "time       %.3f s, %.1f fps\n", (double)r->wall_ns / 1e9,
		per_second(r->frames, r->wall_ns));
	fprintf(to, "bit rate   %.1f kb/s, %s\n", kilobits(r), size);
	fprintf(to, "latency    p50 %.2f  p95 %.2f  p99 %.2f  max %.2f ms, submission to packet\n",
		ms(latency.p50), ms(latency.p95), ms(latency.p99), ms(latency.max));
	if (report->options->realtime)
		fprintf(to, "late       %llu frames after their deadline\n",
			(unsigned long long)r->late);
	if (r->has_quality && report->options->psnr)
		fprintf(to, "psnr       %.2f dB (Y %.2f  U %.2f  V %.2f)\n", r->quality.psnr_all,
			r->quality.psnr[0], r->quality.psnr[1], r->quality.psnr[2]);
	if (r->has_quality && report->options->ssim)
		fprintf(to, "ssim       %.4f\n", r->quality.ssim);
}

static void print_row(const char *name, struct stream_result *r, uint64_t wall_ns,
		      double kbps, bool quality, FILE *to)
{
	struct latency_summary latency;

	latency_summarize(&r->latency, &latency);
	fprintf(to, "%-8s %8llu %5llu %8.1f %9.1f %8.2f %8.2f %8.2f %8.2f", name,
		(unsigned long long)r->frames, (unsigned long long)r->key_frames,
		per_second(r->frames, wall_ns), kbps, ms(latency.p50), ms(latency.p95),
		ms(latency.p99), ms(latency.max));
	if (quality && r->has_quality)
		fprintf(to, " %8.2f %7.4f", r->quality.psnr_all, r->quality.ssim);
	fputc('\n', to);
}

static void print_table(const struct encode_report *report, FILE *to)
{
	const struct encode_options *o = report->options;
	struct stream_result all = { 0 };
	double kbps = 0;
	bool quality = o->psnr || o->ssim;

	fprintf(to, "stream     frames   key      fps      kb/s   p50 ms   p95 ms   p99 ms"
		"   max ms%s\n", quality ? "  psnr dB    ssim" : "");
	for (uint32_t i = 0; i < o->streams; i++) {
		struct stream_result *r = &report->results[i];
		char name[16];

		snprintf(name, sizeof(name), "%u", i + 1);
		print_row(name, r, r->wall_ns, kilobits(r), quality, to);
		all.frames += r->frames;
		all.key_frames += r->key_frames;
		kbps += kilobits(r);
		/* Without memory for it, the total's percentiles lack some frames. */
		(void)latency_add_all(&all.latency, &r->latency);
	}
	print_row("all", &all, report->wall_ns, kbps, false, to);
	latency_free(&all.latency);
}

static const struct {
	uint32_t bit;
	const char *key;	/* the option that asked for it */
	const char *text;
} wishes[] = {
	{ HVCAL_DROPPED_BFRAMES, "bframes", "B frames" },
	{ HVCAL_DROPPED_TUNE, "tune", "look-ahead" },
	{ HVCAL_DROPPED_PRESET, "preset", "so slow a preset" },
	{ HVCAL_DROPPED_SLICES, "slices", "slices" },
	{ HVCAL_DROPPED_INTRA_REFRESH, "intra_refresh", "intra refresh" },
	{ HVCAL_DROPPED_QP_RANGE, "qp_range", "limits of the QP" },
};

static void print_dropped(uint32_t dropped, FILE *to)
{
	const char *separator = "without    ";

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		if (dropped & wishes[i].bit) {
			fprintf(to, "%s%s", separator, wishes[i].text);
			separator = ", ";
		}
	if (dropped)
		fprintf(to, ": an engine cannot do that\n");
}

static struct json_object *json_dropped(uint32_t dropped)
{
	struct json_object *to = json_object_new_array();

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		if (dropped & wishes[i].bit)
			json_object_array_add(to, json_object_new_string(wishes[i].key));
	return to;
}

void summary_print(const struct encode_report *report, FILE *to)
{
	const struct encode_options *o = report->options;
	uint64_t copied = 0, engine_copied = 0, bad = 0;
	uint32_t resyncs = 0, dropped = 0;
	char a[32], b[32];

	print_head(report, to);
	if (o->streams == 1)
		print_one(report, to);
	else
		print_table(report, to);
	for (uint32_t i = 0; i < o->streams; i++) {
		copied += report->results[i].copied_bytes;
		engine_copied += report->results[i].engine_copied_bytes;
		resyncs += report->results[i].resyncs;
		dropped |= report->results[i].dropped;
	}
	bad = report->results[0].bad_packets;
	bytes_text(copied, a, sizeof(a));
	bytes_text(engine_copied, b, sizeof(b));
	fprintf(to, "copied     %s by HVCAL, %s by the engine, of pictures in %s memory\n", a, b,
		memory_text(report->results[0].memory));
	if (resyncs)
		fprintf(to, "moved      %u times to another engine\n", resyncs);
	print_dropped(dropped, to);
	if (bad)
		fprintf(to, "damaged    %llu packets of the input could not be decoded\n",
			(unsigned long long)bad);
}

/* Figures with three digits after the point, not seventeen. */
static struct json_object *figure(double value)
{
	char text[64];

	if (!isfinite(value))
		return NULL;
	snprintf(text, sizeof(text), "%.4f", value);
	return json_object_new_double_s(value, text);
}

static struct json_object *count(uint64_t value)
{
	return json_object_new_uint64(value);
}

static struct json_object *json_latency(struct latency_log *log)
{
	struct json_object *to = json_object_new_object();
	struct latency_summary latency;

	latency_summarize(log, &latency);
	json_object_object_add(to, "p50", figure((double)latency.p50 / 1e3));
	json_object_object_add(to, "p95", figure((double)latency.p95 / 1e3));
	json_object_object_add(to, "p99", figure((double)latency.p99 / 1e3));
	json_object_object_add(to, "max", figure((double)latency.max / 1e3));
	return to;
}

static struct json_object *json_stream(const struct encode_report *report, uint32_t index)
{
	struct stream_result *r = &report->results[index];
	struct json_object *to = json_object_new_object();

	json_object_object_add(to, "output", json_object_new_string(report->outputs[index]));
	json_object_object_add(to, "engine", json_object_new_string(r->engine));
	json_object_object_add(to, "engine_kind", json_object_new_string(kind_text(r->kind)));
	json_object_object_add(to, "frames", count(r->frames));
	json_object_object_add(to, "key_frames", count(r->key_frames));
	json_object_object_add(to, "upper_layer_frames", count(r->upper_frames));
	json_object_object_add(to, "upper_layer_bytes", count(r->upper_bytes));
	json_object_object_add(to, "base_percent", count(r->base_percent));
	json_object_object_add(to, "late_frames", count(r->late));
	json_object_object_add(to, "bytes", count(r->bytes));
	json_object_object_add(to, "seconds", figure((double)r->wall_ns / 1e9));
	json_object_object_add(to, "fps", figure(per_second(r->frames, r->wall_ns)));
	json_object_object_add(to, "kbps", figure(kilobits(r)));
	json_object_object_add(to, "latency_us", json_latency(&r->latency));
	json_object_object_add(to, "engine_changes", count(r->resyncs));
	json_object_object_add(to, "dropped", json_dropped(r->dropped));
	json_object_object_add(to, "copied_bytes", count(r->copied_bytes));
	json_object_object_add(to, "engine_copied_bytes", count(r->engine_copied_bytes));
	json_object_object_add(to, "aq_frames", count(r->aq_frames));
	json_object_object_add(to, "band_frames", count(r->band_frames));
	json_object_object_add(to, "hint_frames", count(r->hint_frames));
	json_object_object_add(to, "hint_ms", figure((double)r->hint_ns / 1e6));
	json_object_object_add(to, "memory", json_object_new_string(memory_text(r->memory)));
	json_object_object_add(to, "bad_input_packets", count(r->bad_packets));
	if (r->has_quality && report->options->psnr) {
		struct json_object *psnr = json_object_new_object();

		json_object_object_add(psnr, "all", figure(r->quality.psnr_all));
		json_object_object_add(psnr, "y", figure(r->quality.psnr[0]));
		json_object_object_add(psnr, "u", figure(r->quality.psnr[1]));
		json_object_object_add(psnr, "v", figure(r->quality.psnr[2]));
		json_object_object_add(to, "psnr_db", psnr);
	}
	if (r->has_quality && report->options->ssim)
		json_object_object_add(to, "ssim", figure(r->quality.ssim));
	return to;
}

int summary_json(const struct encode_report *report, FILE *to)
{
	const struct encode_options *o = report->options;
	struct json_object *root = json_object_new_object();
	struct json_object *streams = json_object_new_array();
	const char *text;

	json_object_object_add(root, "version", json_object_new_string(HVCAL_VERSION));
	json_object_object_add(root, "input", json_object_new_string(o->source.path));
	json_object_object_add(root, "codec", json_object_new_string(o->codec->name));
	json_object_object_add(root, "container",
			       json_object_new_string(container_name(o->container)));
	json_object_object_add(root, "backend", json_object_new_string(report->backend));
	json_object_object_add(root, "width", json_object_new_int(report->info->width));
	json_object_object_add(root, "height", json_object_new_int(report->info->height));
	json_object_object_add(root, "seconds", figure((double)report->wall_ns / 1e9));
	for (uint32_t i = 0; i < o->streams; i++)
		json_object_array_add(streams, json_stream(report, i));
	json_object_object_add(root, "streams", streams);
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		fprintf(to, "%s\n", text);
	json_object_put(root);
	return text ? 0 : -ENOMEM;
}
