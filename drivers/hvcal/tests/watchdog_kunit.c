// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_watchdog.c"
