/* SPDX-License-Identifier: MIT */
#ifndef HVCALTEST_DRM_SHIM_H
#define HVCALTEST_DRM_SHIM_H

/** The fence of a file from now on; it stays the caller's, and is signalled when it can be read. */
void drm_shim_fence(int fd, int fence);

#endif
