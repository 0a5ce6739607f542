/* SPDX-License-Identifier: MIT */
/*
 * A picture in memory, and what turns one into another.
 */
#ifndef HVCAL_TOOL_PICTURE_H
#define HVCAL_TOOL_PICTURE_H

#include <stdint.h>

#include <libavutil/pixfmt.h>

#define PICTURE_MAX_SIDE 16384

/** Planes of a picture; the memory is somebody else's. */
struct picture {
	enum AVPixelFormat format;
	int width;		/**< pixels */
	int height;		/**< pixels */
	uint8_t *data[4];
	int stride[4];		/**< bytes */
};

/** Bytes of one row, and number of rows, of plane @plane. 0 if there is none. */
int picture_row_bytes(const struct picture *picture, int plane);
int picture_rows(const struct picture *picture, int plane);

/** Allocates the planes. Free with picture_free(). @return 0, -ENOMEM, -EINVAL */
int picture_alloc(struct picture *picture, enum AVPixelFormat format,
		  int width, int height);
void picture_free(struct picture *picture);

/** What turns pictures of one kind into another; keeps its tables between calls. */
struct converter;

/**
 * Puts @from into @to: copied when both are alike, else converted and scaled. A
 * picture that is one row or column larger than @to is cropped.
 * @converter: NULL at first; give it to converter_free() in the end.
 * @full_range: the samples use their full range.
 * @return 0, -EINVAL if this conversion does not exist, -ENOMEM
 */
int picture_convert(struct converter **converter, const struct picture *from,
		    const struct picture *to, int full_range);
void converter_free(struct converter **converter);

#endif /* HVCAL_TOOL_PICTURE_H */
