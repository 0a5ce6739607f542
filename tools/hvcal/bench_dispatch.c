/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"
#include "commands.h"

#define WAYS 3
#define WARM_UP 200
#define STUCK_SECONDS 60

struct dispatch_options {
	uint32_t jobs;
	uint32_t depth;
	uint32_t rounds;
	const char *json;
};

struct dispatch {
	struct dispatch_options options;
	struct bench_shared *shared;
	size_t shared_bytes;
	hvcal_context_t *ctx;
	hvcal_buffer_t *buffers[BENCH_FDS];
	int memfd;
	const char *memory;
	char problem[256];	/* why HVCAL is not measured, empty */
	struct bench_way ways[WAYS];
	uint32_t count;
};

static void print_help(void)
{
	fputs("Usage: hvcal bench dispatch [OPTION]...\n"
	      "\n"
	      "Hands jobs that do nothing to another process, in three ways, in turns:\n"
	      "  HVCAL      the ioctls of /dev/hvcal and /dev/hvcal-provider\n"
	      "  broker     client, broker and worker over SOCK_SEQPACKET, the job's two file\n"
	      "             descriptors passed along each time\n"
	      "  eventfd    two processes and two eventfds, nothing handed over: the floor\n"
	      "Latencies are those with one job under way, jobs/s those with several.\n"
	      "\n"
	      "      --jobs N     jobs of each way, for each of the two (default 20000)\n"
	      "      --depth N    jobs under way for jobs/s (default 8, at most 32)\n"
	      "      --rounds N   turns that these are spread over (default 4)\n"
	      "      --json FILE  write the figures there too; - is standard output\n"
	      "  -h, --help       this text\n", stdout);
}

static int parse(int argc, char **argv, struct dispatch_options *o)
{
	static const struct option options[] = {
		{ "jobs", required_argument, NULL, 'n' }, { "depth", required_argument, NULL, 'd' },
		{ "rounds", required_argument, NULL, 'r' }, { "json", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	uint64_t value;
	int option;

	*o = (struct dispatch_options){ .jobs = 20000, .depth = 8, .rounds = 4 };
	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (option) {
		case 'n':
			if (cli_parse_u64(optarg, 100, 10000000, &value))
				return cli_usage("bench dispatch", "--jobs %s: must be a number "
						 "from 100 to 10000000", optarg);
			o->jobs = (uint32_t)value;
			break;
		case 'd':
			if (cli_parse_u64(optarg, 1, BENCH_MAX_DEPTH, &value))
				return cli_usage("bench dispatch", "--depth %s: must be a number "
						 "from 1 to %d", optarg, BENCH_MAX_DEPTH);
			o->depth = (uint32_t)value;
			break;
		case 'r':
			if (cli_parse_u64(optarg, 1, 100, &value))
				return cli_usage("bench dispatch", "--rounds %s: must be a number "
						 "from 1 to 100", optarg);
			o->rounds = (uint32_t)value;
			break;
		case 'j':
			o->json = optarg;
			break;
		case 'h':
			print_help();
			return CLI_OK;
		case ':':
			return cli_usage("bench dispatch", "%s needs a value", argv[optind - 1]);
		default:
			return cli_usage("bench dispatch", "%s: no such option", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return cli_usage("bench dispatch", "%s: takes no argument", argv[optind]);
	return -1;
}

/* A way that lost its worker would wait for ever. */
static void on_alarm(int signal_number)
{
	static const char text[] = "hvcal: bench: a job did not come back within 60 s\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)signal_number;
	(void)ignored;
	_exit(CLI_FAILURE);
}

/*
 * Runs @jobs jobs with up to @depth under way.
 * @return how long that took, ns; 0 after an error and its message
 */
static uint64_t run_round(struct bench_way *way, uint32_t jobs, uint32_t depth)
{
	uint64_t start;
	uint32_t sent = 0, done = 0;
	int ret = 0;

	memset(way->shared->times, 0, jobs * sizeof(way->shared->times[0]));
	atomic_store(&way->shared->round_jobs, jobs);
	alarm(STUCK_SECONDS);
	start = cli_now_ns();
	while (done < jobs && ret >= 0 && !cli_interrupted()) {
		uint32_t room = depth - (sent - done);

		if (room > jobs - sent)
			room = jobs - sent;
		if (room) {
			ret = way->ops->submit(way, sent, room);
			sent += room;
		}
		if (!ret)
			ret = way->ops->reap(way);
		if (ret > 0) {
			done += (uint32_t)ret;
			ret = 0;
		}
	}
	alarm(0);
	if (ret && !cli_interrupted())
		cli_error("%s: a job failed: %s", way->ops->name, strerror(-ret));
	return ret || cli_interrupted() ? 0 : cli_now_ns() - start;
}

static int log_latencies(struct bench_way *way, uint32_t jobs)
{
	for (uint32_t i = 0; i < jobs; i++) {
		const struct bench_times *t = &way->shared->times[i];

		if (t->acquire < t->submit || t->complete < t->acquire || t->event < t->complete) {
			cli_error("%s: job %u came back in impossible order", way->ops->name, i);
			return -EPROTO;
		}
		if (latency_add(&way->to_worker, t->acquire - t->submit) ||
		    latency_add(&way->to_client, t->event - t->complete))
			return -ENOMEM;
	}
	return 0;
}

static int run_turn(struct bench_way *way, uint32_t jobs)
{
	uint64_t ns;
	int ret;

	if (!run_round(way, jobs, 1))
		return -EIO;
	ret = log_latencies(way, jobs);
	if (ret)
		return ret;
	ns = run_round(way, jobs, way->depth);
	way->batch_jobs += jobs;
	way->batch_ns += ns;
	return ns ? 0 : -EIO;
}

/* DMA-BUFs for the module; plain memory does for the others alone. */
static int get_memory(struct dispatch *d)
{
	hvcal_pool_params_t params;
	hvcal_pool_t *pool = NULL;
	hvcal_init_params_t init;
	int ret;

	d->memfd = memfd_create("hvcal-bench", MFD_CLOEXEC);
	if (d->memfd < 0 || ftruncate(d->memfd, 8192))
		return -errno;
	d->memory = "memfd";

	hvcal_init_params_default(&init, sizeof(init));
	init.backend = HVCAL_BACKEND_KERNEL;
	init.reason = d->problem;
	init.reason_len = sizeof(d->problem);
	ret = hvcal_initialize(&d->ctx, &init);
	if (ret) {
		if (!d->problem[0])
			snprintf(d->problem, sizeof(d->problem), "%s", hvcal_strerror(ret));
		return 0;
	}
	hvcal_pool_params_default(&params, sizeof(params));
	params.size = 8192;
	params.min_buffers = BENCH_FDS;
	ret = hvcal_pool_create(d->ctx, &params, &pool);
	for (int i = 0; i < BENCH_FDS && !ret; i++)
		ret = hvcal_pool_acquire(pool, &d->buffers[i]);
	hvcal_pool_destroy(&pool);
	if (ret)
		snprintf(d->problem, sizeof(d->problem), "no DMA-BUF memory: %s",
			 hvcal_strerror(ret));
	else
		d->memory = "DMA-BUF";
	return 0;
}

static int open_ways(struct dispatch *d)
{
	static const struct bench_ops *const all[WAYS] = {
		&bench_hvcal_ops, &bench_broker_ops, &bench_eventfd_ops,
	};
	int ret = 0;

	for (int i = d->problem[0] ? 1 : 0; i < WAYS && !ret; i++) {
		struct bench_way *way = &d->ways[d->count++];

		way->ops = all[i];
		way->shared = d->shared;
		way->depth = d->options.depth;
		for (int f = 0; f < BENCH_FDS; f++)
			way->job_fds[f] = d->buffers[f] ? d->buffers[f]->fd[0] : d->memfd;
		ret = way->ops->open(way);
	}
	return ret;
}

static int measure(struct dispatch *d)
{
	uint32_t jobs = d->options.jobs / d->options.rounds;

	for (uint32_t i = 0; i < d->count; i++)
		if (!run_round(&d->ways[i], WARM_UP, 1) ||
		    !run_round(&d->ways[i], WARM_UP, d->options.depth))
			return -EIO;
	/* In turns, so that what else happens here meets all of them. */
	for (uint32_t round = 0; round < d->options.rounds; round++) {
		for (uint32_t i = 0; i < d->count; i++) {
			int ret = run_turn(&d->ways[i], jobs);

			if (ret)
				return ret;
		}
	}
	return 0;
}

/* One way's figures, or the ratio of two. */
struct figures {
	double to_worker[3];	/* p50, p99, max; us */
	double to_client[3];
	double jobs_per_second;
};

static void figures_of(struct bench_way *way, struct figures *f)
{
	struct latency_summary a, b;

	latency_summarize(&way->to_worker, &a);
	latency_summarize(&way->to_client, &b);
	*f = (struct figures){
		.to_worker = { (double)a.p50 / 1e3, (double)a.p99 / 1e3, (double)a.max / 1e3 },
		.to_client = { (double)b.p50 / 1e3, (double)b.p99 / 1e3, (double)b.max / 1e3 },
		.jobs_per_second = (double)way->batch_jobs * 1e9 / (double)way->batch_ns,
	};
}

static void ratio_of(const struct figures *a, const struct figures *b, struct figures *ratio)
{
	for (int i = 0; i < 3; i++) {
		ratio->to_worker[i] = a->to_worker[i] / b->to_worker[i];
		ratio->to_client[i] = a->to_client[i] / b->to_client[i];
	}
	ratio->jobs_per_second = a->jobs_per_second / b->jobs_per_second;
}

static void print_figures(const char *name, const struct figures *f, bool ratio, FILE *to)
{
	fprintf(to, "%-22s", name);
	for (int i = 0; i < 3; i++)
		fprintf(to, " %9.2f", f->to_worker[i]);
	for (int i = 0; i < 3; i++)
		fprintf(to, " %9.2f", f->to_client[i]);
	fprintf(to, ratio ? " %9.2f\n" : " %9.0f\n", f->jobs_per_second);
}

static struct json_object *json_figures(const struct figures *f)
{
	static const char *const names[] = { "p50", "p99", "max" };
	struct json_object *to = json_object_new_object();
	struct json_object *worker = json_object_new_object();
	struct json_object *client = json_object_new_object();

	for (int i = 0; i < 3; i++) {
		json_object_object_add(worker, names[i], bench_figure(f->to_worker[i]));
		json_object_object_add(client, names[i], bench_figure(f->to_client[i]));
	}
	json_object_object_add(to, "submit_to_acquire_us", worker);
	json_object_object_add(to, "complete_to_event_us", client);
	json_object_object_add(to, "jobs_per_second", bench_figure(f->jobs_per_second));
	return to;
}

static int report(struct dispatch *d)
{
	struct json_object *root = json_object_new_object(), *ratios, *one;
	struct figures f[WAYS], ratio;
	bool to_stdout = d->options.json && !strcmp(d->options.json, "-");
	FILE *to = to_stdout ? stderr : stdout;
	char name[64];

	bench_add_machine(root);
	json_object_object_add(root, "jobs", json_object_new_int64(d->options.jobs));
	json_object_object_add(root, "depth", json_object_new_int64(d->options.depth));
	json_object_object_add(root, "rounds", json_object_new_int64(d->options.rounds));
	json_object_object_add(root, "memory", json_object_new_string(d->memory));
	json_object_object_add(root, "hvcal_problem", d->problem[0] ?
			       json_object_new_string(d->problem) : NULL);

	fprintf(to, "%u jobs each; latencies in us with one job under way, jobs/s with %u\n",
		d->options.jobs, d->options.depth);
	fprintf(to, "%-22s %29s %29s\n", "", "------ submit to acquire -----",
		"------ complete to event -----");
	fprintf(to, "%-22s %9s %9s %9s %9s %9s %9s %9s\n", "", "p50", "p99", "max", "p50", "p99",
		"max", "jobs/s");
	for (uint32_t i = 0; i < d->count; i++) {
		figures_of(&d->ways[i], &f[i]);
		print_figures(d->ways[i].ops->name, &f[i], false, to);
		json_object_object_add(root, d->ways[i].ops->key, json_figures(&f[i]));
	}
	ratios = json_object_new_object();
	for (uint32_t i = 1; d->count == WAYS && i < WAYS; i++) {
		ratio_of(&f[0], &f[i], &ratio);
		snprintf(name, sizeof(name), "HVCAL / %s", d->ways[i].ops->key);
		print_figures(name, &ratio, true, to);
		one = json_figures(&ratio);
		json_object_object_add(ratios, d->ways[i].ops->key, one);
	}
	json_object_object_add(root, "hvcal_ratio_to", ratios);
	if (d->problem[0])
		fprintf(to, "HVCAL itself was not measured: %s\n", d->problem);
	if (d->options.json)
		return bench_write_json(root, d->options.json);
	json_object_put(root);
	return 0;
}

static int dispatch(struct dispatch *d)
{
	uint32_t most = d->options.jobs > WARM_UP ? d->options.jobs : WARM_UP;
	int ret;

	d->shared_bytes = sizeof(*d->shared) + most * sizeof(d->shared->times[0]);
	d->shared = mmap(NULL, d->shared_bytes, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (d->shared == MAP_FAILED) {
		d->shared = NULL;
		cli_error("out of memory");
		return -ENOMEM;
	}
	ret = get_memory(d);
	if (ret) {
		cli_error("memory for jobs: %s", strerror(-ret));
		return ret;
	}
	ret = open_ways(d);
	if (!ret)
		ret = measure(d);
	if (!ret)
		ret = report(d);
	return ret;
}

static void clean_up(struct dispatch *d)
{
	for (uint32_t i = 0; i < d->count; i++) {
		d->ways[i].ops->close(&d->ways[i]);
		latency_free(&d->ways[i].to_worker);
		latency_free(&d->ways[i].to_client);
	}
	for (int i = 0; i < BENCH_FDS; i++)
		hvcal_buffer_release(&d->buffers[i]);
	hvcal_shutdown(&d->ctx);
	if (d->memfd >= 0)
		close(d->memfd);
	if (d->shared)
		munmap(d->shared, d->shared_bytes);
}

int bench_dispatch(int argc, char **argv)
{
	struct dispatch d = { .memfd = -1 };
	int ret = parse(argc, argv, &d.options);

	if (ret >= 0)
		return ret;
	cli_catch_interrupts();
	signal(SIGALRM, on_alarm);
	ret = dispatch(&d);
	clean_up(&d);
	if (cli_interrupted()) {
		cli_error("interrupted");
		return CLI_INTERRUPTED;
	}
	return ret ? CLI_FAILURE : CLI_OK;
}
