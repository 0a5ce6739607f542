/* SPDX-License-Identifier: MIT */
/* The system's, and the kernel's short names. */
#include_next <linux/types.h>
#include "../shim.h"
