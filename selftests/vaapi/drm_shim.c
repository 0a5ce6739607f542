// SPDX-License-Identifier: MIT
/*
 * Preloaded where there is no GPU: libva takes any file for a render node, so that it
 * loads the driver of LIBVA_DRIVER_NAME. Engine and libva stay as they are.
 */
int drmGetNodeTypeFromFd(int fd);

__attribute__((visibility("default")))
int drmGetNodeTypeFromFd(int fd)
{
	(void)fd;
	return 2; /* DRM_NODE_RENDER */
}
