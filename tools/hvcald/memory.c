// SPDX-License-Identifier: MIT
/*
 * A stream whose engine has died is to go on within a frame or two, and most of the
 * time that opening an encoder takes is page faults: for memory that the one before
 * had given back to the kernel, in the arena of a thread that nobody used yet, or in
 * a process that has touched nothing so far. All streams of the dead engine come at
 * once, and their threads stand in line for each page.
 */
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hvcald.h"

enum {
	HEAP_KEEP = 64 << 20,	/* of what closed streams gave back */
	HEAP_BLOCK = 32 << 20,	/* more than a plane of a 4K picture; glibc's limit */
	HEAP_READY = 16 << 20,	/* for the first streams: four small ones, or one of 720 rows */
};

void hvcald_memory_keep(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, HEAP_BLOCK);
	mallopt(M_TRIM_THRESHOLD, HEAP_KEEP);
}

/* Kernels before 5.14 cannot, and some memory may be guarded: it comes when it is touched. */
static void populate(uintptr_t from, uintptr_t to, int how)
{
	const uintptr_t in_page = (uintptr_t)sysconf(_SC_PAGESIZE) - 1;

	from = (from + in_page) & ~in_page;
	to &= ~in_page;
	if (from < to)
		(void)madvise((void *)from, to - from, how);
}

/* Where what the loader has made read-only ends, though its segment is not. */
static uintptr_t relocated_end(const struct dl_phdr_info *object)
{
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_GNU_RELRO)
			return object->dlpi_addr + object->dlpi_phdr[i].p_vaddr +
			       object->dlpi_phdr[i].p_memsz;
	return 0;
}

/* Code and constants of a library, and the tables that it fills when it is first used. */
static int populate_object(struct dl_phdr_info *object, size_t size, void *cookie)
{
	uintptr_t fixed = relocated_end(object);

	(void)size;
	(void)cookie;
	for (int i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &object->dlpi_phdr[i];
		uintptr_t from = object->dlpi_addr + h->p_vaddr, to = from + h->p_memsz;

		if (h->p_type != PT_LOAD)
			continue;
		if (h->p_flags & PF_W)
			populate(from > fixed ? from : fixed, to, MADV_POPULATE_WRITE);
		else
			populate(from, to, MADV_POPULATE_READ);
	}
	return 0;
}

void hvcald_memory_ready(void)
{
	char *heap = malloc(HEAP_READY);

	if (heap)
		populate((uintptr_t)heap, (uintptr_t)heap + HEAP_READY, MADV_POPULATE_WRITE);
	free(heap);
	dl_iterate_phdr(populate_object, NULL);
}
