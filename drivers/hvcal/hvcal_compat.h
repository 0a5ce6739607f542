/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where 6.1, 6.12 and 7.2 differ. Told from the types of the functions
 * themselves: no probe to run, no version to guess at, and what fits neither
 * form does not compile.
 */
#ifndef HVCAL_COMPAT_H
#define HVCAL_COMPAT_H

#include <linux/file.h>

typedef int (*hvcal_receive_fd_2)(struct file *file, unsigned int o_flags);
typedef int (*hvcal_receive_fd_3)(struct file *file, int __user *ufd, unsigned int o_flags);

static inline int hvcal_call_receive_fd_2(void *fn, struct file *file, unsigned int o_flags)
{
	return ((hvcal_receive_fd_2)fn)(file, o_flags);
}

static inline int hvcal_call_receive_fd_3(void *fn, struct file *file, unsigned int o_flags)
{
	return ((hvcal_receive_fd_3)fn)(file, NULL, o_flags);
}

/* receive_fd() gained its second argument in 6.8. */
static inline int hvcal_receive_fd(struct file *file, unsigned int o_flags)
{
	return _Generic(&receive_fd,
			hvcal_receive_fd_2: hvcal_call_receive_fd_2,
			hvcal_receive_fd_3: hvcal_call_receive_fd_3)(receive_fd, file, o_flags);
}

#endif /* HVCAL_COMPAT_H */
