/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "commands.h"
#include "info.h"

static void print_help(void)
{
	fputs("Usage: hvcal info [OPTION]...\n"
	      "\n"
	      "Shows the module, the GPUs, the engines and what they can do, and the sessions.\n"
	      "\n"
	      "      --engines    engines alone\n"
	      "      --sessions   sessions of all processes alone (root reads them in debugfs)\n"
	      "      --direct     what works without a module, even if /dev/hvcal is there\n"
	      "      --no-probe   engines of the module alone: tries no others\n"
	      "      --engine-options LIST  for those that are tried, \"engine.key=value,...\"\n"
	      "      --json       machine-readable, on standard output\n"
	      "  -h, --help       this text\n"
	      "\n"
	      "Engines that no module offers are tried with a few frames, in processes of their\n"
	      "own: they are there if that works, and absent with the reason if it does not.\n",
	      stdout);
}

struct info_options {
	bool engines;		/* with neither: everything */
	bool sessions;
	bool json;
	bool direct;
	bool no_probe;
	const char *engine_options;
};

/* @return -1 go on, else an exit status */
static int parse(int argc, char **argv, struct info_options *o)
{
	static const struct option options[] = {
		{ "engines", no_argument, NULL, 'e' }, { "sessions", no_argument, NULL, 's' },
		{ "direct", no_argument, NULL, 'd' }, { "json", no_argument, NULL, 'j' },
		{ "no-probe", no_argument, NULL, 'n' },
		{ "engine-options", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int option;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'e':
			o->engines = true;
			break;
		case 's':
			o->sessions = true;
			break;
		case 'd':
			o->direct = true;
			break;
		case 'n':
			o->no_probe = true;
			break;
		case 'o':
			o->engine_options = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'h':
			print_help();
			return CLI_OK;
		default:
			return cli_usage("info", "%s: no such option, or without its value",
					 argv[optind - 1]);
		}
	}
	if (o->direct && o->no_probe)
		return cli_usage("info", "--direct and --no-probe leave nothing to show");
	if (optind < argc)
		return cli_usage("info", "%s: info takes no argument", argv[optind]);
	return -1;
}

static int list_devices(hvcal_context_t *ctx, struct info *info)
{
	uint32_t room;
	int ret = hvcal_enumerate_devices(ctx, NULL, sizeof(info->devices[0]),
					  &info->ndevices);

	room = info->ndevices;
	if (ret || !room)
		return ret;
	info->devices = calloc(room, sizeof(info->devices[0]));
	if (!info->devices)
		return -ENOMEM;
	ret = hvcal_enumerate_devices(ctx, info->devices, sizeof(info->devices[0]),
				      &info->ndevices);
	if (info->ndevices > room)
		info->ndevices = room;
	return ret;
}

static int list_caps(hvcal_context_t *ctx, struct info_engine *engine)
{
	uint32_t room = engine->info.caps;
	int ret;

	if (!room)
		return 0;
	engine->caps = calloc(room, sizeof(engine->caps[0]));
	if (!engine->caps)
		return -ENOMEM;
	engine->ncaps = room;
	ret = hvcal_enumerate_engine_caps(ctx, engine->info.id, engine->caps,
					  sizeof(engine->caps[0]), &engine->ncaps);
	/* An engine may leave between the two calls. */
	if (ret == -ENOENT)
		engine->ncaps = 0;
	if (engine->ncaps > room)
		engine->ncaps = room;
	return ret == -ENOENT ? 0 : ret;
}

static int list_engines(hvcal_context_t *ctx, struct info *info)
{
	hvcal_engine_info_t *list;
	uint32_t room = 0;
	int ret = hvcal_enumerate_engines(ctx, NULL, sizeof(*list), &room);

	if (ret || !room)
		return ret;
	list = calloc(room, sizeof(*list));
	info->engines = calloc(room, sizeof(info->engines[0]));
	if (list && info->engines) {
		uint32_t got = room;

		ret = hvcal_enumerate_engines(ctx, list, sizeof(*list), &got);
		for (uint32_t i = 0; !ret && i < got && i < room; i++) {
			info->engines[i].info = list[i];
			info->nengines = i + 1;
			ret = list_caps(ctx, &info->engines[i]);
		}
	} else {
		ret = -ENOMEM;
	}
	free(list);
	return ret;
}

static void read_sessions(struct info *info)
{
	int fd = open(INFO_SESSIONS, O_RDONLY | O_CLOEXEC);
	size_t room = 0, used = 0;
	ssize_t got = 1;

	if (fd < 0) {
		info->sessions_error = errno;
		return;
	}
	while (got > 0) {
		if (room - used < 4096) {
			char *grown = realloc(info->sessions, room = room * 2 + 8192);

			if (!grown) {
				errno = ENOMEM;
				got = -1;
				break;
			}
			info->sessions = grown;
		}
		got = read(fd, info->sessions + used, room - used - 1);
		used += got > 0 ? (size_t)got : 0;
	}
	if (got < 0)
		info->sessions_error = errno;
	if (info->sessions)
		info->sessions[used] = '\0';
	close(fd);
}

/* Is there no module to ask, and why? As the library chooses. */
static bool is_direct(struct info *info, const struct info_options *o)
{
	const char *env = secure_getenv("HVCAL_BACKEND");
	bool any = !env || !*env || !strcmp(env, "auto");

	if (o->direct)
		info->reason = "asked for by --direct";
	else if (!any && !strcmp(env, "direct"))
		info->reason = "asked for by HVCAL_BACKEND";
	else if (any && access(INFO_NODE, F_OK) && !o->no_probe)
		info->reason = "there is no " INFO_NODE " (is the module loaded? modprobe hvcal)";
	return info->reason;
}

static int gather_module(struct info *info)
{
	hvcal_context_t *ctx = NULL;
	int ret = connect_hvcal(HVCAL_BACKEND_KERNEL, NULL, true, &ctx);

	if (ret)
		return ret;
	info_read_module(info);
	ret = list_devices(ctx, info);
	if (!ret)
		ret = list_engines(ctx, info);
	if (ret)
		cli_error("the engines cannot be listed: %s", hvcal_strerror(ret));
	else
		read_sessions(info);
	hvcal_shutdown(&ctx);
	return ret;
}

static int gather(const struct info_options *o, struct info *info)
{
	int ret = 0;

	info->direct = is_direct(info, o);
	if (!info->direct)
		ret = gather_module(info);
	if (!ret && info->show_engines && !o->no_probe)
		ret = info_try_engines(info, o->engine_options);
	return ret;
}

static void info_free(struct info *info)
{
	for (uint32_t i = 0; i < info->nengines; i++)
		free(info->engines[i].caps);
	free(info->engines);
	free(info->devices);
	free(info->sessions);
	hvcal_probe_free(&info->probe);
}

int cmd_info(int argc, char **argv)
{
	struct info_options o = { 0 };
	struct info info = { 0 };
	int ret = parse(argc, argv, &o);

	if (ret >= 0)
		return ret;
	info.show_all = !o.engines && !o.sessions;
	info.show_engines = o.engines || info.show_all;
	info.show_sessions = o.sessions || info.show_all;
	ret = gather(&o, &info);
	if (!ret && o.json)
		ret = info_print_json(&info, stdout);
	else if (!ret)
		info_print(&info, stdout);
	info_free(&info);
	return ret ? CLI_FAILURE : CLI_OK;
}
