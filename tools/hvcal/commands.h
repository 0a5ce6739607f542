/* SPDX-License-Identifier: MIT */
/*
 * The commands of hvcal. Each gets its own argv (argv[0] is its name) and
 * returns an exit status (enum cli_exit).
 */
#ifndef HVCAL_TOOL_COMMANDS_H
#define HVCAL_TOOL_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

#include <hvcal/hvcal.h>

int cmd_info(int argc, char **argv);
int cmd_encode(int argc, char **argv);
int cmd_bench(int argc, char **argv);

/* hvcal bench dispatch, hvcal bench overhead */
int bench_dispatch(int argc, char **argv);
int bench_overhead(int argc, char **argv);

/**
 * Connects to HVCAL, or says why not. Warnings of the library go to standard
 * error as lines of this program.
 * @backend: enum hvcal_backend
 * @engine_options: of direct mode, "key=value,..."; NULL none
 * @quiet: errors alone
 */
int connect_hvcal(uint32_t backend, const char *engine_options, bool quiet,
		  hvcal_context_t **ctx);

#endif /* HVCAL_TOOL_COMMANDS_H */
