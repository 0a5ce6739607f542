/* SPDX-License-Identifier: MIT */
/*
 * What going through /dev/hvcal costs: the same clip, the same engine plug-in,
 * once in hvcald and once in this process, in turns.
 */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"
#include "commands.h"
#include "stream.h"

#define TARGET_RATIO 1.02

struct overhead_options {
	const char *input;
	const char *engine;	/* name, NULL the engine's choice */
	const char *json;
	uint64_t frames;
	uint32_t rounds;
	uint64_t bitrate;
	uint32_t preset;
};

enum { SIDE_HVCAL, SIDE_DIRECT, SIDES };

struct side {
	const char *key;
	hvcal_context_t *ctx;
	uint64_t *wall;		/* of each round, ns */
	uint64_t *cpu;		/* ns, of all processes that take part */
	uint64_t bytes;
	char engine[HVCAL_TEXT];
};

struct overhead {
	struct overhead_options options;
	struct clip *clip;
	const struct codec_name *codec;
	struct side sides[SIDES];
};

static void print_help(void)
{
	fputs("Usage: hvcal bench overhead INPUT [OPTION]...\n"
	      "\n"
	      "Encodes a clip to H.264 through /dev/hvcal (hvcald must run the engine) and with\n"
	      "the same engine plug-in in this process, in turns, and compares wall and CPU time.\n"
	      "CPU time is that of this process and of every hvcald. The clip is decoded to\n"
	      "memory before. The figures are medians; the target is a wall ratio of 1.02.\n"
	      "\n"
	      "      --engine NAME   of both sides (default: x264's)\n"
	      "      --frames N      pictures of the clip (default 120)\n"
	      "      --rounds N      of each side (default 5)\n"
	      "      --bitrate RATE  (default 2M)\n"
	      "      --preset N      0 fastest .. 9 slowest (default 4)\n"
	      "      --json FILE     write the figures there too; - is standard output\n"
	      "  -h, --help          this text\n", stdout);
}

static int take_option(struct overhead_options *o, int option)
{
	uint64_t value;

	switch (option) {
	case 'e':
		o->engine = optarg;
		if (strlen(optarg) < HVCAL_TEXT)
			return -1;
		return cli_usage("bench overhead", "--engine %s: not a name of an engine", optarg);
	case 'f':
		if (!cli_parse_u64(optarg, 10, 10000, &o->frames))
			return -1;
		return cli_usage("bench overhead", "--frames %s: must be a number from 10 to "
				 "10000", optarg);
	case 'r':
		if (!cli_parse_u64(optarg, 1, 100, &value)) {
			o->rounds = (uint32_t)value;
			return -1;
		}
		return cli_usage("bench overhead", "--rounds %s: must be a number from 1 to 100",
				 optarg);
	case 'b':
		if (!cli_parse_rate(optarg, &o->bitrate))
			return -1;
		return cli_usage("bench overhead", "--bitrate %s: must be bits per second: 4M",
				 optarg);
	case 'p':
		if (!cli_parse_u64(optarg, 0, 9, &value)) {
			o->preset = (uint32_t)value;
			return -1;
		}
		return cli_usage("bench overhead", "--preset %s: must be a number from 0 to 9",
				 optarg);
	default:
		o->json = optarg;
		return -1;
	}
}

static int parse(int argc, char **argv, struct overhead_options *o)
{
	static const struct option options[] = {
		{ "engine", required_argument, NULL, 'e' },
		{ "frames", required_argument, NULL, 'f' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "bitrate", required_argument, NULL, 'b' },
		{ "preset", required_argument, NULL, 'p' },
		{ "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int option, ret;

	*o = (struct overhead_options){
		.frames = 120, .rounds = 5, .bitrate = 2000000, .preset = 4,
	};
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (option == 'h') {
			print_help();
			return CLI_OK;
		}
		if (option == ':')
			return cli_usage("bench overhead", "%s needs a value", argv[optind - 1]);
		if (option == '?')
			return cli_usage("bench overhead", "%s: no such option", argv[optind - 1]);
		ret = take_option(o, option);
		if (ret >= 0)
			return ret;
	}
	if (optind == argc)
		return cli_usage("bench overhead", "no input is given");
	o->input = argv[optind++];
	if (optind < argc)
		return cli_usage("bench overhead", "%s: only one input is possible", argv[optind]);
	return -1;
}

/* CPU time of process @pid in ns, 0 if it is not an hvcald. */
static uint64_t hvcald_cpu(const char *pid)
{
	char path[64], text[1024], *at;
	unsigned long long user, system;
	FILE *file;
	size_t got;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	got = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[got] = '\0';
	if (!strstr(text, "(hvcald)"))
		return 0;
	at = strrchr(text, ')');
	/* Fields 14 and 15 of proc(5); the name's bracket ends field 2. */
	if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
			  &user, &system) != 2)
		return 0;
	return (user + system) * (1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t time_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

/* CPU time of this process and of the engines' processes, ns. */
static uint64_t cpu_ns(void)
{
	struct rusage usage;
	struct dirent *entry;
	uint64_t sum;
	DIR *proc;

	getrusage(RUSAGE_SELF, &usage);
	sum = time_ns(usage.ru_utime) + time_ns(usage.ru_stime);
	proc = opendir("/proc");
	while (proc && (entry = readdir(proc)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			sum += hvcald_cpu(entry->d_name);
	if (proc)
		closedir(proc);
	return sum;
}

static int encode_once(struct overhead *b, struct side *side, uint32_t round)
{
	atomic_bool stop = false;
	atomic_ullong progress = 0;
	struct sink_params counts = { .codec = b->codec };
	struct stream_result result = { 0 };
	struct stream_params params = {
		.ctx = side->ctx, .codec = b->codec, .depth = 8, .stop = &stop,
		.progress = &progress,
	};
	uint64_t cpu, start;
	int ret;

	hvcal_config_default(&params.config, sizeof(params.config));
	params.config.codec = HVCAL_CODEC_H264;
	params.config.format = HVCAL_FORMAT_I420;
	params.config.bit_depth = 8;
	params.config.rc_mode = HVCAL_RC_VBR;
	params.config.bitrate = b->options.bitrate;
	params.config.preset = b->options.preset;
	params.config.gop_size = 250;
	/* libhvcal's own depends on when sizes are known: both sides shall do the same */
	params.config.rate_control = HVCAL_RATE_CONTROL_ENGINE;
	/* One thread, so that both sides do the very same work. */
	params.config.threads = 1;
	snprintf(params.config.engine_name, sizeof(params.config.engine_name), "%s",
		 b->options.engine ? b->options.engine : "");

	ret = clip_open(b->clip, &params.source);
	if (ret)
		return ret;
	counts.info = &params.source->info;
	ret = sink_open(&counts, &params.sink);
	if (!ret) {
		cpu = cpu_ns();
		start = cli_now_ns();
		ret = stream_run(&params, &result);
		side->wall[round] = cli_now_ns() - start;
		side->cpu[round] = cpu_ns() - cpu;
		side->bytes = result.bytes;
		snprintf(side->engine, sizeof(side->engine), "%s", result.engine);
	}
	sink_close(&params.sink, false);
	source_close(&params.source);
	stream_result_free(&result);
	return ret;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static double median(uint64_t *values, uint32_t count)
{
	qsort(values, count, sizeof(values[0]), compare);
	if (count % 2)
		return (double)values[count / 2];
	return (double)(values[count / 2 - 1] + values[count / 2]) / 2;
}

static int report(struct overhead *b)
{
	struct json_object *root = json_object_new_object();
	bool to_stdout = b->options.json && !strcmp(b->options.json, "-");
	FILE *to = to_stdout ? stderr : stdout;
	double wall[SIDES], cpu[SIDES], ratio;

	bench_add_machine(root);
	json_object_object_add(root, "input", json_object_new_string(b->options.input));
	json_object_object_add(root, "frames",
			       json_object_new_int64((int64_t)clip_frames(b->clip)));
	json_object_object_add(root, "rounds", json_object_new_int64(b->options.rounds));
	fprintf(to, "%llu frames, medians of %u rounds\n",
		(unsigned long long)clip_frames(b->clip), b->options.rounds);
	fprintf(to, "%-14s %-12s %10s %10s %12s\n", "", "engine", "wall s", "CPU s", "bytes");
	for (int i = 0; i < SIDES; i++) {
		struct side *side = &b->sides[i];
		struct json_object *one = json_object_new_object();

		wall[i] = median(side->wall, b->options.rounds) / 1e9;
		cpu[i] = median(side->cpu, b->options.rounds) / 1e9;
		fprintf(to, "%-14s %-12s %10.4f %10.4f %12llu\n", side->key, side->engine, wall[i],
			cpu[i], (unsigned long long)side->bytes);
		json_object_object_add(one, "engine", json_object_new_string(side->engine));
		json_object_object_add(one, "wall_s", bench_figure(wall[i]));
		json_object_object_add(one, "cpu_s", bench_figure(cpu[i]));
		json_object_object_add(one, "bytes", json_object_new_int64((int64_t)side->bytes));
		json_object_object_add(root, side->key, one);
	}
	ratio = wall[SIDE_HVCAL] / wall[SIDE_DIRECT];
	fprintf(to, "ratio                       %10.4f %10.4f   (target: wall at most %.2f: %s)\n",
		ratio, cpu[SIDE_HVCAL] / cpu[SIDE_DIRECT], TARGET_RATIO,
		ratio <= TARGET_RATIO ? "met" : "missed");
	json_object_object_add(root, "wall_ratio", bench_figure(ratio));
	json_object_object_add(root, "cpu_ratio",
			       bench_figure(cpu[SIDE_HVCAL] / cpu[SIDE_DIRECT]));
	json_object_object_add(root, "target_ratio", bench_figure(TARGET_RATIO));
	if (b->options.json)
		return bench_write_json(root, b->options.json);
	json_object_put(root);
	return 0;
}

static int load_clip(struct overhead *b)
{
	struct source_params params = {
		.path = b->options.input, .max_frames = b->options.frames,
	};
	struct source *source = NULL;
	int ret = source_open(&params, &source);

	if (!ret)
		ret = clip_load(source, AV_PIX_FMT_YUV420P, b->options.frames, &b->clip);
	source_close(&source);
	if (!ret && !clip_frames(b->clip)) {
		cli_error("%s: there are no pictures", b->options.input);
		ret = -EINVAL;
	}
	return ret;
}

static int overhead(struct overhead *b)
{
	static const uint32_t backends[SIDES] = { HVCAL_BACKEND_KERNEL, HVCAL_BACKEND_DIRECT };
	int ret = load_clip(b);

	for (int i = 0; i < SIDES && !ret; i++) {
		struct side *side = &b->sides[i];

		side->key = i == SIDE_HVCAL ? "hvcal" : "direct";
		side->wall = calloc(b->options.rounds, sizeof(*side->wall));
		side->cpu = calloc(b->options.rounds, sizeof(*side->cpu));
		if (!side->wall || !side->cpu) {
			cli_error("out of memory");
			return -ENOMEM;
		}
		ret = connect_hvcal(backends[i], NULL, true, &side->ctx);
		/* Once to warm up: code, memory, the clip's pages. */
		if (!ret)
			ret = encode_once(b, side, 0);
	}
	for (uint32_t round = 0; round < b->options.rounds && !ret; round++) {
		/* Each side is first in every other round. */
		for (int i = 0; i < SIDES && !ret; i++)
			ret = encode_once(b, &b->sides[(i + (int)round) % SIDES], round);
	}
	if (!ret && b->sides[0].bytes != b->sides[1].bytes)
		cli_error("the two sides did not do the same work: %llu and %llu bytes",
			  (unsigned long long)b->sides[0].bytes,
			  (unsigned long long)b->sides[1].bytes);
	return ret ? ret : report(b);
}

int bench_overhead(int argc, char **argv)
{
	struct overhead b = { .codec = codec_by_name("h264") };
	int ret = parse(argc, argv, &b.options);

	if (ret >= 0)
		return ret;
	cli_catch_interrupts();
	ret = overhead(&b);
	for (int i = 0; i < SIDES; i++) {
		hvcal_shutdown(&b.sides[i].ctx);
		free(b.sides[i].wall);
		free(b.sides[i].cpu);
	}
	clip_free(&b.clip);
	if (ret && cli_interrupted()) {
		cli_error("interrupted");
		return CLI_INTERRUPTED;
	}
	return ret ? CLI_FAILURE : CLI_OK;
}
