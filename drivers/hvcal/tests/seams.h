/* SPDX-License-Identifier: GPL-2.0 */
/*
 * To be included before a file under test: what that calls outside of HVCAL, and
 * a case must be able to see or to refuse, goes to the rig from here on.
 */
#ifndef HVCAL_SEAMS_H
#define HVCAL_SEAMS_H

#include <linux/dma-buf.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../hvcal_compat.h"
#include "rig.h"

#undef kzalloc
#define kzalloc rig_kzalloc
#undef kvcalloc
#define kvcalloc rig_kvcalloc

#define ktime_get_ns rig_now
#define copy_to_user rig_copy_to_user
#define clear_user rig_clear_user
#define copy_struct_from_user rig_copy_struct_from_user
#define hvcal_receive_fd rig_receive_fd
#define close_fd rig_close_fd
#define dma_buf_put rig_dmabuf_put

#endif /* HVCAL_SEAMS_H */
