/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "commands.h"

static void print_help(void)
{
	fputs("Usage: hvcal bench dispatch [OPTION]...\n"
	      "       hvcal bench overhead INPUT [OPTION]...\n"
	      "\n"
	      "Measures what HVCAL itself costs.\n"
	      "\n"
	      "  dispatch   handing a job to another process and hearing of its end, next to a\n"
	      "             broker over Unix sockets and to a bare eventfd ping-pong\n"
	      "  overhead   encoding a clip through /dev/hvcal, next to the same engine inside\n"
	      "             this process\n"
	      "\n"
	      "hvcal bench NAME --help tells the options of each.\n", stdout);
}

int cmd_bench(int argc, char **argv)
{
	if (argc < 2)
		return cli_usage("bench", "which one: dispatch or overhead?");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help();
		return CLI_OK;
	}
	if (!strcmp(argv[1], "dispatch"))
		return bench_dispatch(argc - 1, argv + 1);
	if (!strcmp(argv[1], "overhead"))
		return bench_overhead(argc - 1, argv + 1);
	return cli_usage("bench", "%s: no such bench", argv[1]);
}
