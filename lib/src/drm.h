/* SPDX-License-Identifier: MIT */
/*
 * The four DRM ioctls that a dumb buffer takes. The kernel's own header is in
 * another package on every distribution; this part of it never changes.
 */
#ifndef HVCAL_DRM_H
#define HVCAL_DRM_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <stddef.h>

#define HVCAL_DRM_CLOEXEC 02000000U
#define HVCAL_DRM_RDWR 02U

struct hvcal_drm_version {
	int major, minor, patch;
	size_t name_len;
	char *name;
	size_t date_len;
	char *date;
	size_t desc_len;
	char *desc;
};

struct hvcal_drm_create_dumb {
	__u32 height, width, bpp, flags;
	__u32 handle, pitch;	/* out */
	__u64 size;		/* out */
};

struct hvcal_drm_destroy_dumb {
	__u32 handle;
};

struct hvcal_drm_prime_handle {
	__u32 handle;
	__u32 flags;
	__s32 fd;		/* out */
};

#define HVCAL_DRM_VERSION _IOWR('d', 0x00, struct hvcal_drm_version)
#define HVCAL_DRM_PRIME_HANDLE_TO_FD _IOWR('d', 0x2d, struct hvcal_drm_prime_handle)
#define HVCAL_DRM_CREATE_DUMB _IOWR('d', 0xb2, struct hvcal_drm_create_dumb)
#define HVCAL_DRM_DESTROY_DUMB _IOWR('d', 0xb4, struct hvcal_drm_destroy_dumb)

#endif
