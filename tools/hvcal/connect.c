/* SPDX-License-Identifier: MIT */
#include "cli.h"
#include "commands.h"

#define LEVEL_ERROR 3
#define LEVEL_WARNING 4

static void print_log(void *cookie, int level, const char *line)
{
	(void)cookie;
	(void)level;
	cli_error("%s", line);
}

int connect_hvcal(uint32_t backend, const char *engine_options, bool quiet,
		  hvcal_context_t **ctx)
{
	hvcal_init_params_t params;
	char reason[512] = "";
	int ret;

	hvcal_init_params_default(&params, sizeof(params));
	params.backend = backend;
	params.engine_options = engine_options;
	params.log = print_log;
	params.log_level = quiet ? LEVEL_ERROR : LEVEL_WARNING;
	params.reason = reason;
	params.reason_len = sizeof(reason);
	ret = hvcal_initialize(ctx, &params);
	if (ret)
		cli_error("%s", reason[0] ? reason : hvcal_strerror(ret));
	return ret;
}
