/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "cli.h"
#include "encode.h"

#define BAR 30

void progress_start(struct progress *progress, uint64_t total, bool quiet)
{
	progress->shown = !quiet && isatty(STDERR_FILENO);
	progress->total = total;
	progress->start_ns = cli_now_ns();
}

void progress_draw(struct progress *progress, uint64_t done)
{
	double seconds = (double)(cli_now_ns() - progress->start_ns) / 1e9;
	double fps = seconds > 0 ? (double)done / seconds : 0;
	char bar[BAR + 1];
	uint64_t filled;

	if (!progress->shown)
		return;
	if (!progress->total) {
		fprintf(stderr, "\r\033[K%llu frames  %.1f fps", (unsigned long long)done, fps);
		return;
	}
	/* The total is an estimate for some files. */
	filled = done >= progress->total ? BAR : done * BAR / progress->total;
	for (uint64_t i = 0; i < BAR; i++)
		bar[i] = i < filled ? '#' : '.';
	bar[BAR] = '\0';
	fprintf(stderr, "\r\033[K[%s] %llu/%llu frames  %.1f fps", bar,
		(unsigned long long)done, (unsigned long long)progress->total, fps);
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}
