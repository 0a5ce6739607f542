/* SPDX-License-Identifier: MIT */
/*
 * libhvcal: what all of its public headers share.
 *
 * Conventions of the whole library:
 *
 * - Functions return 0 or a negative errno; hvcal_strerror() says it in words.
 *   Results come back through out-parameters, which are untouched on error
 *   unless the function says otherwise.
 * - Structures that may grow begin with struct_size. Set it, and every default,
 *   with the hvcal_*_default(&s, sizeof(s)) function of the structure. A library
 *   newer than the program treats what the program does not know as zero; an
 *   older library refuses (-E2BIG) a field that it does not know, unless zero.
 * - Unless a field says otherwise, zero means "the usual".
 * - Times are absolute CLOCK_MONOTONIC nanoseconds unless called a duration.
 * - File descriptors passed in stay the caller's; libhvcal duplicates what it
 *   keeps.
 * - Contexts, pools, sessions and buffers are counted: one that is closed by its
 *   owner lives on until the last object that needs it is gone, so the order in
 *   which they are closed does not matter.
 */
#ifndef HVCAL_COMMON_H
#define HVCAL_COMMON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef HVCAL_API
#define HVCAL_API __attribute__((visibility("default")))
#endif

/* Version of this interface: major.minor.patch. Same major: compatible. */
#define HVCAL_API_MAJOR 0
#define HVCAL_API_MINOR 1
#define HVCAL_API_PATCH 0
#define HVCAL_API_VERSION \
	((HVCAL_API_MAJOR << 16) | (HVCAL_API_MINOR << 8) | HVCAL_API_PATCH)

/** A connection to the encode engines of this machine. Thread-safe. */
typedef struct hvcal_context hvcal_context_t;

/** Version of the library that runs, coded as HVCAL_API_VERSION. */
HVCAL_API uint32_t hvcal_version(void);

/** The same for people, for example "0.1.0". Static storage. */
HVCAL_API const char *hvcal_version_string(void);

/**
 * What an error of this library means, in one line without newline. Static
 * storage; any value gives a string.
 */
HVCAL_API const char *hvcal_strerror(int error);

/** Now, on the clock of every time in this interface (CLOCK_MONOTONIC ns). */
HVCAL_API uint64_t hvcal_now_ns(void);

#ifdef __cplusplus
}
#endif

#endif /* HVCAL_COMMON_H */
