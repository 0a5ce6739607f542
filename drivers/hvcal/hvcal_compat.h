/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where 6.1, 6.12 and 7.2 differ. Told from the types of the functions
 * themselves where both have them: what fits neither form does not compile. The
 * rest is told by Kbuild, which looks into the headers.
 */
#ifndef HVCAL_COMPAT_H
#define HVCAL_COMPAT_H

#include <linux/file.h>
#include <linux/hrtimer.h>

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

typedef enum hrtimer_restart (*hvcal_hrtimer_fn)(struct hrtimer *timer);

/* An absolute timer on CLOCK_MONOTONIC. */
static inline void hvcal_hrtimer_init(struct hrtimer *timer, hvcal_hrtimer_fn fn)
{
#ifdef HVCAL_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	timer->function = fn;
#endif
}

#endif /* HVCAL_COMPAT_H */
