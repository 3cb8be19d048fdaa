/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/profile.h"

#include <string.h>

void profile_release(struct profile *p)
{
	vec_release(&p->samples);
}

bool profile_is_shown(const struct symbol_frame *f)
{
	return !f->is_wrapper && strcmp(f->function, "runtime.goexit");
}
