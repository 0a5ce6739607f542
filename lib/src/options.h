/* SPDX-License-Identifier: MIT */
/*
 * Options of engines: "null.delay_us=500,x264.threads=2". The part before the
 * dot is the name of the plug-in; a plug-in asks for the whole key.
 */
#ifndef HVCAL_SRC_OPTIONS_H
#define HVCAL_SRC_OPTIONS_H

#include <stddef.h>

/** Thread-safety: lookups from any thread once the last one was added. */
struct hvcal_options;

/** @return NULL: out of memory */
struct hvcal_options *hvcal_options_create(void);

/** Frees the options; a pointer to NULL is allowed. Sets *@options to NULL. */
void hvcal_options_destroy(struct hvcal_options **options);

/**
 * Adds "key=value[,key=value...]"; a later value of a key replaces an earlier
 * one.
 *
 * @param error receives one line that says what is wrong, may be NULL
 * @return 0; -EINVAL: not key=value; -ENOMEM. What stood before the bad part
 *         was added.
 */
int hvcal_options_add(struct hvcal_options *options, const char *text,
		      char *error, size_t error_len);

/** @return the value, owned by @options; NULL: not set (or @options is NULL) */
const char *hvcal_options_get(struct hvcal_options *options, const char *key);

/**
 * Finds keys that nobody asked for, which are most likely misspelt.
 *
 * @param prefix only keys of this plug-in; NULL all
 * @return the @index-th such key, owned by @options; NULL: no more
 */
const char *hvcal_options_unused(struct hvcal_options *options,
				 const char *prefix, unsigned int index);

/** Calls @fn for every option, in the order in which they were added. */
void hvcal_options_each(struct hvcal_options *options,
			void (*fn)(void *cookie, const char *key, const char *value),
			void *cookie);

#endif
