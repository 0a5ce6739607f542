/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "absent.h"
#include "cli.h"
#include "commands.h"
#include "encode.h"

#define DRAW_NS 200000000u

/* One stream and the thread that runs it. */
struct runner {
	struct stream_params params;
	struct stream_result *result;
	struct source *source;
	struct sink *sink;
	pthread_t thread;
	bool running;
	atomic_bool *stop;
	atomic_uint *ended;
};

struct encoding {
	struct encode_options options;
	hvcal_context_t *ctx;
	struct runner *runners;
	struct stream_result *results;
	char **outputs;
	atomic_bool stop;
	atomic_ullong progress;
	atomic_uint ended;
	uint64_t wall_ns;
};

static void *run_stream(void *opaque)
{
	struct runner *runner = opaque;

	stream_run(&runner->params, runner->result);
	/* One stream that fails ends them all: the result would not be whole. */
	if (runner->result->status)
		atomic_store(runner->stop, true);
	atomic_fetch_add(runner->ended, 1);
	return NULL;
}

static bool same_file(const char *a, const char *b)
{
	struct stat x, y;

	return !stat(a, &x) && !stat(b, &y) && S_ISREG(x.st_mode) &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Opens what stream @index reads and writes. */
static int open_ends(struct encoding *e, uint32_t index)
{
	struct runner *runner = &e->runners[index];
	struct sink_params sink = {
		.container = e->options.container,
		.codec = e->options.codec,
		.depth = e->options.depth,
	};
	int ret;

	e->outputs[index] = encode_output_name(&e->options, index);
	if (!e->outputs[index]) {
		cli_error("out of memory");
		return -ENOMEM;
	}
	if (same_file(e->options.source.path, e->outputs[index])) {
		cli_error("%s: is the input", e->outputs[index]);
		return -EINVAL;
	}
	ret = source_open(&e->options.source, &runner->source);
	if (ret)
		return ret;
	sink.path = e->outputs[index];
	sink.info = &runner->source->info;
	return sink_open(&sink, &runner->sink);
}

static void say_cropped(const struct encode_options *o, const struct source_info *info)
{
	if (o->quiet)
		return;
	if (o->source.width && (!o->source.input_format || strcmp(o->source.input_format, "raw"))) {
		if ((o->source.width | o->source.height) & 1)
			cli_error("--size %dx%d is taken as %dx%d: 4:2:0 needs even sizes",
				  o->source.width, o->source.height, info->width, info->height);
	} else if ((info->coded_width | info->coded_height) & 1) {
		cli_error("%dx%d is cropped to %dx%d: 4:2:0 needs even sizes", info->coded_width,
			  info->coded_height, info->width, info->height);
	}
}

static void prepare(struct encoding *e, uint32_t index)
{
	struct runner *runner = &e->runners[index];
	const struct encode_options *o = &e->options;

	runner->stop = &e->stop;
	runner->ended = &e->ended;
	runner->result = &e->results[index];
	runner->params = (struct stream_params){
		.ctx = e->ctx,
		.config = o->config,
		.codec = o->codec,
		.source = runner->source,
		.sink = runner->sink,
		.depth = o->depth,
		.realtime = o->realtime,
		.throughput = o->throughput,
		.psnr = o->psnr,
		.ssim = o->ssim,
		.stop = &e->stop,
		.progress = &e->progress,
	};
	if (o->streams > 1)
		snprintf(runner->params.label, sizeof(runner->params.label), "stream %u: ",
			 index + 1);
}

static int start_threads(struct encoding *e)
{
	sigset_t before;
	int ret = 0;

	/* Threads inherit the mask: signals are for the main thread alone. */
	pthread_sigmask(SIG_BLOCK, NULL, &before);
	cli_block_interrupts();
	for (uint32_t i = 0; i < e->options.streams && !ret; i++) {
		struct runner *runner = &e->runners[i];

		prepare(e, i);
		ret = -pthread_create(&runner->thread, NULL, run_stream, runner);
		runner->running = !ret;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ret) {
		cli_error("a thread cannot be started: %s", strerror(-ret));
		atomic_store(&e->stop, true);
	}
	return ret;
}

static int run_all(struct encoding *e)
{
	struct progress progress;
	uint64_t start = cli_now_ns(), total;
	int ret = start_threads(e);

	total = e->runners[0].source->info.frames * e->options.streams;
	progress_start(&progress, total, e->options.quiet);
	while (!ret && atomic_load(&e->ended) < e->options.streams) {
		struct timespec wait = { 0, 10000000 };
		uint64_t drawn = cli_now_ns();

		while (cli_now_ns() - drawn < DRAW_NS &&
		       atomic_load(&e->ended) < e->options.streams)
			nanosleep(&wait, NULL);
		progress_draw(&progress, atomic_load(&e->progress));
	}
	for (uint32_t i = 0; i < e->options.streams; i++)
		if (e->runners[i].running)
			pthread_join(e->runners[i].thread, NULL);
	progress_end(&progress);
	e->wall_ns = cli_now_ns() - start;
	for (uint32_t i = 0; i < e->options.streams && !ret; i++)
		ret = e->results[i].status;
	return ret;
}

/* Closes the outputs. After one that cannot be finished, the rest is removed. */
static int close_outputs(struct encoding *e, bool whole)
{
	int ret = 0;

	for (uint32_t i = 0; i < e->options.streams; i++) {
		int closed = sink_close(&e->runners[i].sink, whole && !ret);

		if (closed && !ret)
			ret = closed;
	}
	return ret;
}

static int report(struct encoding *e)
{
	struct encode_report r = {
		.options = &e->options,
		.info = &e->runners[0].source->info,
		.backend = hvcal_get_backend(e->ctx) == HVCAL_BACKEND_KERNEL ? "/dev/hvcal" :
			   "direct",
		.outputs = e->outputs,
		.results = e->results,
		.wall_ns = e->wall_ns,
	};

	if (e->options.json)
		return summary_json(&r, stdout);
	if (!e->options.quiet)
		summary_print(&r, strcmp(e->options.output, "-") ? stdout : stderr);
	return 0;
}

static int encode(struct encoding *e)
{
	uint32_t streams = e->options.streams;
	int ret = 0;

	e->runners = calloc(streams, sizeof(*e->runners));
	e->results = calloc(streams, sizeof(*e->results));
	e->outputs = calloc(streams, sizeof(*e->outputs));
	if (!e->runners || !e->results || !e->outputs) {
		cli_error("out of memory");
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < streams && !ret; i++)
		ret = open_ends(e, i);
	if (ret)
		return ret;
	say_cropped(&e->options, &e->runners[0].source->info);
	ret = connect_hvcal(e->options.backend, e->options.engine_options, e->options.quiet,
			    &e->ctx);
	if (ret)
		return ret;
	e->options.config.format = stream_pick_format(e->ctx, e->options.codec->fourcc,
						      e->options.config.engine_name,
						      e->options.depth);
	if (absent_explain(e->ctx, e->options.config.engine_name))
		return -ENOTCONN;
	ret = run_all(e);
	if (!ret)
		ret = close_outputs(e, true);
	return ret ? ret : report(e);
}

static void clean_up(struct encoding *e)
{
	bool stuck = false;

	for (uint32_t i = 0; i < e->options.streams; i++) {
		if (e->runners) {
			sink_close(&e->runners[i].sink, false);
			source_close(&e->runners[i].source);
		}
		if (e->results) {
			stuck |= e->results[i].stuck;
			stream_result_free(&e->results[i]);
		}
		if (e->outputs)
			free(e->outputs[i]);
	}
	free(e->runners);
	free(e->results);
	free(e->outputs);
	if (!stuck)
		hvcal_shutdown(&e->ctx);
}

int cmd_encode(int argc, char **argv)
{
	struct encoding e = { 0 };
	int ret = encode_options_parse(argc, argv, &e.options);

	if (ret >= 0)
		return ret;
	cli_catch_interrupts();
	ret = encode(&e);
	clean_up(&e);
	if (ret && cli_interrupted()) {
		cli_error("interrupted; no output was kept");
		return CLI_INTERRUPTED;
	}
	return ret ? CLI_FAILURE : CLI_OK;
}
