/* SPDX-License-Identifier: MIT */
/*
 * hvcal: shows, uses and measures the encode engines of this machine.
 */
#include <stdio.h>
#include <string.h>

#include <hvcal/hvcal.h>
#include <libavutil/log.h>

#include "cli.h"
#include "commands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *text;
} commands[] = {
	{ "info", cmd_info, "the module, GPUs, engines and sessions of this machine" },
	{ "encode", cmd_encode, "encode a video file, or several streams of it at once" },
	{ "bench", cmd_bench, "measure what HVCAL itself costs" },
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fputs("Usage: hvcal COMMAND [ARGUMENT]...\n"
	      "\n"
	      "Shows, uses and measures the encode engines of this machine.\n"
	      "\n"
	      "Commands:\n", to);
	for (size_t i = 0; i < NCOMMANDS; i++)
		fprintf(to, "  %-8s  %s\n", commands[i].name, commands[i].text);
	fputs("\n"
	      "  hvcal COMMAND --help   options of a command\n"
	      "  hvcal --version        version of the program and of libhvcal\n"
	      "\n"
	      "Environment:\n"
	      "  HVCAL_BACKEND      auto, kernel (/dev/hvcal) or direct (in this process)\n"
	      "  HVCAL_ENGINE_PATH  folder of engine plug-ins for direct mode\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.\n", to);
}

int main(int argc, char **argv)
{
	/* What matters of libav's messages is said in our own words. */
	av_log_set_level(AV_LOG_QUIET);

	if (argc < 2) {
		print_help(stderr);
		return CLI_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		print_help(stdout);
		return cli_finish_stdout(CLI_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("hvcal %s (libhvcal %s)\n", HVCAL_VERSION, hvcal_version_string());
		return cli_finish_stdout(CLI_OK);
	}
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (!strcmp(commands[i].name, argv[1]))
			return cli_finish_stdout(commands[i].run(argc - 1, argv + 1));
	return cli_usage(NULL, "%s: no such command", argv[1]);
}
