/* SPDX-License-Identifier: MIT */
/*
 * What every command of hvcal shares: messages, exit statuses, the interrupt
 * flag, the clock, and the parsing of figures.
 */
#ifndef HVCAL_CLI_H
#define HVCAL_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Exit statuses of hvcal. */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILURE = 1,
	CLI_USAGE = 2,
	CLI_INTERRUPTED = 130,
};

/** Prints "hvcal: TEXT" as one line on standard error. Thread-safe. */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** The same, followed by where help is, for wrong usage. Returns CLI_USAGE. */
int cli_usage(const char *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** CLOCK_MONOTONIC in nanoseconds. */
uint64_t cli_now_ns(void);

/** Makes the first SIGINT and SIGTERM set a flag instead of ending the process. */
void cli_catch_interrupts(void);

/** Keeps those signals away from the calling thread, for worker threads. */
void cli_block_interrupts(void);

/** True once SIGINT or SIGTERM has come. Async-signal-safe and thread-safe. */
bool cli_interrupted(void);

/**
 * Checks that everything printed on standard output arrived.
 * @status: what the command would return; CLI_FAILURE replaces CLI_OK.
 */
int cli_finish_stdout(int status);

/** A whole decimal number within @min..@max. -EINVAL, -ERANGE. */
int cli_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/** A number with an optional suffix k, M or G (powers of ten): "4M", "2.5M". */
int cli_parse_rate(const char *text, uint64_t *value);

/** "30", "29.97" or "30000/1001"; between 1/1000 and 1000 per second. */
int cli_parse_fps(const char *text, uint32_t *num, uint32_t *den);

/** "1920x1080". -EINVAL if it is not of that form; any figure is let through. */
int cli_parse_size(const char *text, long *width, long *height);

#endif /* HVCAL_CLI_H */
