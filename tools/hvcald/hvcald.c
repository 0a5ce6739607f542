// SPDX-License-Identifier: MIT
/* hvcald: offers the encode engines of this machine through /dev/hvcal. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hvcald.h"

enum { OPT_PATH = 256, OPT_NODE, OPT_SINGLE, OPT_LIST, OPT_READY_FD, OPT_FAULT, OPT_PROBE,
	OPT_USER, OPT_NO_SANDBOX, OPT_SUFFIX, OPT_VERSION };

static const struct option long_options[] = {
	{ "engines", required_argument, NULL, 'e' },
	{ "option", required_argument, NULL, 'o' },
	{ "engine-path", required_argument, NULL, OPT_PATH },
	{ "node", required_argument, NULL, OPT_NODE },
	{ "suffix", required_argument, NULL, OPT_SUFFIX },
	{ "single", no_argument, NULL, OPT_SINGLE },
	{ "list", no_argument, NULL, OPT_LIST },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "fault", required_argument, NULL, OPT_FAULT },
	{ "user", required_argument, NULL, OPT_USER },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "probe-timeout", required_argument, NULL, OPT_PROBE },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, 'h' },
	{ 0 }
};

static const char help[] =
	"usage: hvcald [OPTION]...\n"
	"Offers the encode engines of this machine through the hvcal kernel module.\n"
	"Runs in the foreground until SIGTERM; one process for each engine plug-in.\n"
	"\n"
	"  -e, --engines LIST       plug-ins to use, comma separated (default: all, but for\n"
	"                           test engines)\n"
	"  -o, --option ENGINE.K=V  option of an engine; repeatable\n"
	"      --list               print the engines and why others are absent, and exit\n"
	"      --probe-timeout SEC  for a step of the test encode that an engine must pass\n"
	"                           before it is offered (default 10; 0: no test encode)\n"
	"      --engine-path DIRS   where plug-ins are, separated by colons\n"
	"      --node PATH          provider node (default " HVCAL_PROVIDER_NODE ")\n"
	"      --suffix TEXT        appended to the names of the engines, so that they differ\n"
	"                           from those of another hvcald\n"
	"      --single             one plug-in in this very process, not supervised\n"
	"      --user USER[:GROUP]  who the workers run as, if root starts this\n"
	"      --no-sandbox         for debugging: workers may call what they like\n"
	"      --ready-fd N         write a line to descriptor N when ready\n"
	"      --fault NAME=N       for tests: crash_acquire, crash_holding,\n"
	"                           crash_complete, wrong_id, wrong_size or twice at the\n"
	"                           N-th time\n"
	"  -v, --verbose            more to the log\n"
	"      --version, --help\n";

static int usage_error(void)
{
	fprintf(stderr, "hvcald: see `hvcald --help`\n");
	return 2;
}

static bool parse_number(const char *text, unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 10);
	return !errno && end != text && !*end && text[0] != '-' && *value <= max;
}

static bool parse_fault(hvcal_provider_fault_t *fault, const char *text)
{
	static const struct { const char *name; size_t offset; } faults[] = {
		{ "crash_acquire", offsetof(hvcal_provider_fault_t, crash_acquire) },
		{ "crash_holding", offsetof(hvcal_provider_fault_t, crash_holding) },
		{ "crash_complete", offsetof(hvcal_provider_fault_t, crash_complete) },
		{ "wrong_id", offsetof(hvcal_provider_fault_t, wrong_id) },
		{ "wrong_size", offsetof(hvcal_provider_fault_t, wrong_size) },
		{ "twice", offsetof(hvcal_provider_fault_t, twice) },
	};
	const char *value = strchr(text, '=');
	unsigned long n;

	if (!value || !parse_number(value + 1, UINT32_MAX, &n))
		return false;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strlen(faults[i].name) == (size_t)(value - text) &&
		    !strncmp(faults[i].name, text, value - text)) {
			*(uint32_t *)((char *)fault + faults[i].offset) = n;
			return true;
		}
	return false;
}

/* 0 go on, else the exit status + 1 */
static int parse(struct hvcald *d, int argc, char **argv, bool *list)
{
	char error[256];
	unsigned long n;
	int c;

	while ((c = getopt_long(argc, argv, "e:o:vh", long_options, NULL)) != -1) {
		switch (c) {
		case 'e':
			d->engines = optarg;
			break;
		case 'o':
			if (hvcal_options_add(d->options, optarg, error, sizeof(error))) {
				hvcald_say("%s", error);
				return 3;
			}
			break;
		case OPT_PATH:
			d->engine_path = optarg;
			break;
		case OPT_NODE:
			d->node = optarg;
			break;
		case OPT_SUFFIX:
			d->suffix = optarg;
			break;
		case OPT_SINGLE:
			d->single = true;
			break;
		case OPT_LIST:
			*list = true;
			break;
		case OPT_READY_FD:
			if (!parse_number(optarg, 1 << 20, &n)) {
				hvcald_say("--ready-fd %s is not a descriptor", optarg);
				return 3;
			}
			d->ready_fd = n;
			break;
		case OPT_PROBE:
			if (!parse_number(optarg, 3600, &n)) {
				hvcald_say("--probe-timeout %s is not seconds, 0 to 3600", optarg);
				return 3;
			}
			d->probe_ms = (unsigned int)n * 1000;
			break;
		case OPT_FAULT:
			if (!parse_fault(&d->fault, optarg)) {
				hvcald_say("--fault %s: unknown, or without a count", optarg);
				return 3;
			}
			break;
		case OPT_USER:
			if (hvcald_user_find(&d->user, optarg))
				return 3;
			break;
		case OPT_NO_SANDBOX:
			d->sandbox = false;
			break;
		case 'v':
			d->verbose = true;
			break;
		case OPT_VERSION:
			printf("hvcald %s\n", HVCAL_VERSION);
			return 1;
		case 'h':
			fputs(help, stdout);
			return 1;
		default:
			return usage_error() + 1;
		}
	}
	if (optind < argc) {
		hvcald_say("unexpected argument %s", argv[optind]);
		return 3;
	}
	if (d->user.name && !d->sandbox) {
		hvcald_say("--user and --no-sandbox exclude each other");
		return 3;
	}
	return 0;
}

/* One clear line, before anything is started. */
static bool node_usable(const struct hvcald *d)
{
	const char *node = d->node ? d->node : HVCAL_PROVIDER_NODE;

	if (!access(node, R_OK | W_OK))
		return true;
	if (errno == ENOENT)
		hvcald_say("%s is not there: load the kernel module (modprobe hvcal)", node);
	else if (errno == EACCES)
		hvcald_say("no permission for %s: join the group hvcal-provider, or be root",
			   node);
	else
		hvcald_say("%s: %s", node, strerror(errno));
	return false;
}

static int serve(const struct hvcald *d, struct hvcal_plugins *plugins)
{
	int ret;

	if (!node_usable(d))
		return 1;
	if (!plugins->count) {
		hvcald_say("no engine plug-ins in %s", plugins->path);
		return 1;
	}
	if (!d->sandbox)
		hvcald_say("--no-sandbox: engines run with the rights of user %u and may call "
			   "anything", geteuid());
	else if (!hvcald_files_can_guard())
		hvcald_say("no Landlock in this kernel: engines may write what user %u may",
			   d->user.name ? d->user.uid : geteuid());
	if (!d->single)
		return hvcald_supervise(d, plugins);
	if (plugins->count != 1) {
		hvcald_say("--single wants one plug-in: name it with --engines");
		return 2;
	}
	ret = hvcald_worker(d, &plugins->list[0], -1);
	return ret == WORKER_STOPPED || ret == WORKER_RENEWED ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct hvcald d = {
		.ready_fd = -1, .notify_fd = -1, .sandbox = true, .probe_ms = HVCAL_PROBE_TIMEOUT_MS,
		.options = hvcal_options_create(),
	};
	struct hvcal_plugins *plugins = NULL;
	bool list = false;
	int ret = parse(&d, argc, argv, &list);

	if (ret) {
		hvcal_options_destroy(&d.options);
		return ret - 1;
	}
	ret = hvcal_plugins_scan(d.engine_path, d.engines, &plugins);
	if (ret) {
		hvcald_say("--engines %s: %s", d.engines ? d.engines : "", strerror(-ret));
		hvcal_options_destroy(&d.options);
		return 2;
	}
	if (!list)
		d.notify_fd = hvcald_notify_open();
	ret = list ? hvcald_list(&d) : serve(&d, plugins);
	hvcal_plugins_unload(&plugins);
	hvcal_options_destroy(&d.options);
	return ret;
}
