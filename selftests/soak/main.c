// SPDX-License-Identifier: MIT
/*
 * Encodes for a set time, or until so many are dead, while engine processes and
 * clients are killed at random, and says what that cost. Starts the engines itself,
 * so that a killed one is there again at once: two hvcald --single of a kind, as
 * streams need another one to go to. TAP, with the figures as comments.
 */
#include "soak.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest/harness.h"
#include "../kselftest/lib/state.h"

/* Where it is slow, engines may be away for longer than the module would wait. */
#define GRACE_MS 20000

static const char usage[] =
	"usage: soak --hvcald PROGRAM --engine-path DIR [OPTION]...\n"
	"  --seconds N   how long at most (60)\n"
	"  --kills N     end when so many processes have been killed (0: go on)\n"
	"  --kill-ms N   one kill in so many milliseconds, on average (100)\n"
	"  --stops N     one engine in N is stopped instead, 0 none (64)\n"
	"  --pairs N     engine processes of each kind, x264 and null (2)\n"
	"  --clients N   H.264 streams at 30 fps that nobody kills (2)\n"
	"  --victims N   ... and such that are killed, and as many of null (1)\n"
	"  --seed N      of who is killed when (default: the clock)\n"
	"  --verbose     what the engines say, too\n";

static void set_grace(void)
{
	FILE *f = fopen(KS_PARAMS "failover_grace_ms", "we");

	if (!f)
		return;
	fprintf(f, "%d\n", GRACE_MS);
	fclose(f);
}

static bool number(const char *text, unsigned long max, unsigned long *value)
{
	char *end;

	errno = 0;
	*value = strtoul(text, &end, 0);
	return !errno && end != text && !*end && text[0] != '-' && *value <= max;
}

static bool parse(struct soak *s, int argc, char **argv)
{
	static const struct option list[] = {
		{ "hvcald", required_argument, NULL, 'd' },
		{ "engine-path", required_argument, NULL, 'e' },
		{ "seconds", required_argument, NULL, 't' },
		{ "kills", required_argument, NULL, 'K' },
		{ "kill-ms", required_argument, NULL, 'k' },
		{ "stops", required_argument, NULL, 'S' },
		{ "pairs", required_argument, NULL, 'p' },
		{ "clients", required_argument, NULL, 'c' },
		{ "victims", required_argument, NULL, 'v' },
		{ "seed", required_argument, NULL, 's' }, { "verbose", no_argument, NULL, 'V' },
		{ 0 },
	};
	unsigned long seed;
	bool good = true;
	int c;

	while (good && (c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 'd':
			s->hvcald = optarg;
			break;
		case 'e':
			s->engines = optarg;
			break;
		case 't':
			good = number(optarg, 100000000, &s->seconds) && s->seconds;
			break;
		case 'K':
			good = number(optarg, 1000000000, &s->kills_max);
			break;
		case 'k':
			good = number(optarg, 1000000, &s->kill_ms) && s->kill_ms;
			break;
		case 'S':
			good = number(optarg, 1000000, &s->stops);
			break;
		case 'p':
			good = number(optarg, 4, &s->pairs) && s->pairs;
			break;
		case 'c':
			good = number(optarg, 8, &s->clients) && s->clients;
			break;
		case 'v':
			good = number(optarg, 6, &s->victims);
			break;
		case 's':
			good = number(optarg, UINT64_MAX, &seed);
			s->seed = seed;
			break;
		case 'V':
			s->verbose = true;
			break;
		default:
			good = false;
		}
	}
	return good && optind == argc && s->hvcald && s->engines;
}

int main(int argc, char **argv)
{
	static struct soak s = { .seconds = 60, .clients = 2, .victims = 1, .pairs = 2,
				 .kill_ms = 100, .stops = 64 };
	struct ks_state before;
	unsigned int faults;

	s.seed = soak_now_ns();
	if (!parse(&s, argc, argv)) {
		fputs(usage, stderr);
		return 2;
	}
	if (access("/dev/hvcal", R_OK | W_OK)) {
		printf("1..0 # SKIP no /dev/hvcal: load the module\n");
		return 4;
	}
	s.random = s.seed;
	s.shared = mmap(NULL, sizeof(*s.shared), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s.shared == MAP_FAILED)
		return 1;
	printf("TAP version 13\n");
	ks_state_save(&before);
	set_grace();
	soak_start_all(&s);
	faults = soak_chaos(&s);
	soak_end_all(&s);
	return soak_report(&s, faults, &before) ? 1 : 0;
}
