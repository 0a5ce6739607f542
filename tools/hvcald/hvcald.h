/* SPDX-License-Identifier: MIT */
/* hvcald: a supervisor, and under it one process for each engine plug-in. */
#ifndef HVCALD_H
#define HVCALD_H

#include <stdbool.h>
#include <sys/types.h>

#include <hvcal/provider.h>

#include "../../lib/src/options.h"
#include "../../lib/src/plugin.h"
#include "../../lib/src/probe.h"
#include "sandbox.h"

struct hvcald {
	const char *engines;		/* comma separated, NULL all */
	const char *engine_path;	/* NULL the usual */
	const char *node;		/* NULL the usual */
	const char *suffix;		/* of the names of engines, NULL none */
	struct hvcal_options *options;
	hvcal_provider_fault_t fault;
	struct hvcald_user user;
	unsigned int probe_ms;		/* for a step of a test encode, 0: make none */
	int ready_fd;			/* -1 none */
	int notify_fd;			/* the service manager's socket, -1 none */
	bool single;
	bool verbose;
	bool sandbox;
};

/* Exit statuses of a worker. */
enum {
	WORKER_STOPPED = 0,
	WORKER_FAILED = 1,	/* start it again */
	WORKER_USELESS = 3,	/* no engine here: starting it again will not help */
	WORKER_RENEWED = 4,	/* told to make room for the next one: start it at once */
};

void hvcald_log(void *cookie, int level, const char *line);
void hvcald_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs the engines of @plugin until a signal comes; 'r' goes to @status_fd when ready. */
int hvcald_worker(const struct hvcald *d, struct hvcal_plugin *plugin, int status_fd);
/* What streams give back stays in this process, for the next ones. Before there are threads. */
void hvcald_memory_keep(void);
/* What the first streams will need is there from now on: libraries that are loaded, and heap. */
void hvcald_memory_ready(void);
/* Forks a worker for each plug-in and keeps them alive. Exit status of hvcald. */
int hvcald_supervise(const struct hvcald *d, struct hvcal_plugins *plugins);
/* Prints what there is and why the rest is not. */
int hvcald_list(const struct hvcald *d);
/* Connects to the service manager, before a sandbox forbids it; -1 there is none. */
int hvcald_notify_open(void);
/* Tells the service manager and whoever holds the other end of --ready-fd. */
void hvcald_ready(const struct hvcald *d, unsigned int engines);
/* SIGTERM, SIGINT, SIGHUP and, if asked for, SIGCHLD as a readable descriptor. */
int hvcald_signals(bool children);
/* Takes the next signal from that; 0: there was none. */
int hvcald_signal_next(int fd);

#endif
