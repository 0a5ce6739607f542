/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"

/* A signal handler has no other way to leave word. */
static volatile sig_atomic_t interrupted;

static void print_line(const char *format, va_list args, const char *tail)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	/* One call, so that lines of several threads do not mix. */
	fprintf(stderr, "hvcal: %s%s\n", text, tail);
}

void cli_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, args, "");
	va_end(args);
}

int cli_usage(const char *command, const char *format, ...)
{
	char tail[96];
	va_list args;

	snprintf(tail, sizeof(tail), " (see: hvcal %s%s--help)", command ? command : "",
		 command ? " " : "");
	va_start(args, format);
	print_line(format, args, tail);
	va_end(args);
	return CLI_USAGE;
}

uint64_t cli_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void on_interrupt(int signal_number)
{
	(void)signal_number;
	interrupted = 1;
}

void cli_catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = SA_RESETHAND };

	/*
	 * No SA_RESTART: a blocking call of the main thread returns. A second
	 * signal ends the process, should the first one not do.
	 */
	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

void cli_block_interrupts(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool cli_interrupted(void)
{
	return interrupted != 0;
}

int cli_finish_stdout(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	cli_error("standard output: %s", strerror(errno));
	return status == CLI_OK ? CLI_FAILURE : status;
}
