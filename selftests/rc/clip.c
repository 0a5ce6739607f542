// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

int clip_open(struct clip *clip, const char *line)
{
	char path[512];
	int fd, kind;
	void *map;

	memset(clip, 0, sizeof(*clip));
	if (sscanf(line, "%31s %511s %u %u %lf %u %lf %d", clip->name, path, &clip->width,
		   &clip->height, &clip->fps, &clip->frames, &clip->kbps, &kind) != 8) {
		fprintf(stderr, "bench-rc: not a line of clips.sh: %s\n", line);
		return -1;
	}
	clip->kind = (enum clip_kind)kind;
	if (clip->frames > FRAMES_MAX)
		clip->frames = FRAMES_MAX;
	clip->len = (size_t)clip->frames * clip->width * clip->height * 3 / 2;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(path);
		return -1;
	}
	map = mmap(NULL, clip->len, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED) {
		perror(path);
		return -1;
	}
	clip->data = map;
	clip->hints = calloc(clip->frames, sizeof(*clip->hints));
	if (!clip->hints) {
		munmap(map, clip->len);
		return -1;
	}
	return 0;
}

void clip_close(struct clip *clip)
{
	free(clip->hints);
	munmap((void *)clip->data, clip->len);
}
