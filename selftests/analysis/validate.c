// SPDX-License-Identifier: MIT
/*
 * What the analysis predicts of a clip, beside the sizes that an encoder made of it.
 * usage: validate NAME WIDTH HEIGHT SIZES < LUMA
 * SIZES: bytes of each frame, one a line; LUMA: frames of 8 bits without gaps.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <hvcal/analysis.h>

struct correlation {
	double n, x, y, xx, yy, xy;
};

static void add(struct correlation *c, double x, double y)
{
	c->n++;
	c->x += x;
	c->y += y;
	c->xx += x * x;
	c->yy += y * y;
	c->xy += x * y;
}

/* NaN where one of both never changed. */
static double value(const struct correlation *c)
{
	return (c->n * c->xy - c->x * c->y) /
	       sqrt((c->n * c->xx - c->x * c->x) * (c->n * c->yy - c->y * c->y));
}

int main(int argc, char **argv)
{
	struct correlation cost = { 0 }, last = { 0 };
	struct hvcal_analysis_picture pic = { 0 };
	struct hvcal_analysis_result r;
	struct hvcal_analysis *an;
	double size, before = 0, still = 0, screen = 0;
	char cuts[400] = "";
	size_t used = 0;
	int frames = 0;
	uint8_t *luma;
	FILE *sizes;

	if (argc != 5) {
		fprintf(stderr, "usage: validate NAME WIDTH HEIGHT SIZES < LUMA\n");
		return 2;
	}
	pic.width = (uint32_t)strtoul(argv[2], NULL, 10);
	pic.height = (uint32_t)strtoul(argv[3], NULL, 10);
	pic.stride = (ptrdiff_t)pic.width;
	luma = malloc((size_t)pic.width * pic.height + 1);
	pic.luma = luma;
	sizes = fopen(argv[4], "r");
	if (!luma || !sizes || hvcal_analysis_create(&an)) {
		perror(argv[4]);
		return 1;
	}
	for (; fscanf(sizes, "%lf", &size) == 1; frames++) {
		if (fread(luma, pic.width, pic.height, stdin) != pic.height ||
		    hvcal_analysis_frame(an, &pic, NULL, &r)) {
			fprintf(stderr, "validate: %s: no picture for size %d\n", argv[1], frames);
			return 1;
		}
		still += r.still;
		screen += r.screen;
		if (!r.first && r.cut >= 0.5 && used < sizeof(cuts) - 16)
			used += (size_t)snprintf(cuts + used, sizeof(cuts) - used, " %d", frames);
		/* the first P frame has no P frame before it; both see the same frames */
		if (frames > 1) {
			add(&cost, log(r.inter_cost + 0.01), log(size));
			add(&last, log(before), log(size));
		}
		before = size;
	}
	if (!frames) {
		fprintf(stderr, "validate: %s: no frames\n", argv[1]);
		return 1;
	}
	printf("%-28s %6d %6.2f %9.2f %6.2f %6.2f %s\n", argv[1], frames, value(&cost),
	       value(&last), still / frames, screen / frames, used ? cuts : " none");
	hvcal_analysis_destroy(an);
	fclose(sizes);
	free(luma);
	return 0;
}
