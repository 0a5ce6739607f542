// SPDX-License-Identifier: GPL-2.0
#include "seams.h"

#include "../hvcal_user.c"

bool rig_users_gone(void)
{
	return list_empty(&users);
}
