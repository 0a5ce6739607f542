/* SPDX-License-Identifier: MIT */
/*
 * libhvcal: the provider side. A provider owns engines (plug-ins), offers them
 * through /dev/hvcal-provider and works for whoever the kernel sends.
 *
 * Usage:
 *	hvcal_provider_params_default(&params, sizeof(params));
 *	hvcal_provider_open(&p, &params);
 *	hvcal_provider_add(p, plugin, 0, reason, sizeof(reason));
 *	hvcal_provider_run(p, stop_fd);
 *	hvcal_provider_close(&p);
 */
#ifndef HVCAL_PROVIDER_H
#define HVCAL_PROVIDER_H

#include <stddef.h>
#include <stdint.h>

#include "common.h"
#include "engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/** An open provider node with its engines. Thread-safety: one thread at a time. */
typedef struct hvcal_provider hvcal_provider_t;

/**
 * Faults on purpose, for tests of what stands on the other side. Each strikes
 * once, when its count of events has passed; 0 is off.
 */
typedef struct hvcal_provider_fault {
	uint32_t crash_acquire;		/**< abort() before the n-th acquire */
	uint32_t crash_holding;		/**< abort() with the n-th frame in hand */
	uint32_t crash_complete;	/**< abort() instead of the n-th answer to a frame */
	uint32_t wrong_id;		/**< the n-th answer names another item, then its own */
	uint32_t wrong_size;		/**< the n-th answer claims more bytes than there is room */
	uint32_t twice;			/**< the n-th answer is given twice */
} hvcal_provider_fault_t;

typedef struct hvcal_provider_params {
	size_t struct_size;
	const char *node;		/**< NULL: /dev/hvcal-provider */
	/** One line without newline, level as in syslog(3); any thread; NULL: none. */
	void (*log)(void *cookie, int level, const char *line);
	/** Value of "plug-in.option", NULL if it is not set; NULL: there are none. */
	const char *(*option)(void *cookie, const char *key);
	void *cookie;			/**< of these functions */
	hvcal_provider_fault_t fault;
	/**
	 * Called with every engine before it is registered. May take capabilities out
	 * of @desc. Other than 0: the engine is not registered, and
	 * hvcal_provider_add() returns that, with the line in @reason. NULL: all
	 * engines are taken as they are.
	 */
	int (*vet)(void *cookie, unsigned int index, struct hvcal_engine_desc *desc,
		   char *reason, size_t reason_len);
	/**
	 * Not 0: when an engine hangs until the kernel gives this provider up, the
	 * kernel ends this process (SIGKILL), so that frames can be encoded again
	 * elsewhere. Nothing on kernels that cannot do that.
	 */
	int kill_when_hung;
} hvcal_provider_params_t;

HVCAL_API void hvcal_provider_params_default(hvcal_provider_params_t *params, size_t size);

/**
 * Opens the node.
 *
 * @param params copied; NULL: the defaults
 * @return 0; -ENOENT: no module; -EACCES: no permission; other errors of open(2)
 */
HVCAL_API int hvcal_provider_open(hvcal_provider_t **out, const hvcal_provider_params_t *params);

/**
 * Makes engine number @index of @plugin and registers it. Not while
 * hvcal_provider_run() runs.
 *
 * @param plugin must stay loaded until hvcal_provider_close()
 * @param reason receives one line on failure, but for -ENOENT
 * @return 0; -ENOENT: the plug-in has no engine of this number nor a higher one;
 *         -EBUSY: the name of the engine is taken; what the plug-in said
 */
HVCAL_API int hvcal_provider_add(hvcal_provider_t *p, const struct hvcal_engine_plugin *plugin,
				 unsigned int index, char *reason, size_t reason_len);

/** Engines that hvcal_provider_add() made; NULL past the last one. */
HVCAL_API const struct hvcal_engine_desc *hvcal_provider_engine(hvcal_provider_t *p,
								unsigned int index);

/**
 * Works until @stop_fd becomes readable (-1: never).
 *
 * @return 0 when told to stop; -ENODEV: the kernel has given this provider up
 *         because it did not answer, or its last engine is gone; -ENXIO: the device
 *         of an engine is gone. What it had was not answered: when the provider is
 *         closed, that goes to other engines.
 */
HVCAL_API int hvcal_provider_run(hvcal_provider_t *p, int stop_fd);

/**
 * Gives the engines up without loss: new sessions go elsewhere, and those that they
 * have move to other engines as soon as there are any for them. Works on until no
 * stream is left, then close. Cannot be undone.
 *
 * @param stop_fd as of hvcal_provider_run()
 * @param timeout_ms in which streams may go; those that stay lose their engine when it is closed
 * @return 0: none is left, or told to stop; -ETIMEDOUT: some are; -EOPNOTSUPP: the
 *         kernel cannot do it; as hvcal_provider_run()
 */
HVCAL_API int hvcal_provider_drain(hvcal_provider_t *p, int stop_fd, unsigned int timeout_ms);

/**
 * Ends every stream (which waits for the frame that an engine is working on),
 * the engines and the provider. Sets *p to NULL; a pointer to NULL is allowed.
 */
HVCAL_API void hvcal_provider_close(hvcal_provider_t **p);

#ifdef __cplusplus
}
#endif

#endif /* HVCAL_PROVIDER_H */
