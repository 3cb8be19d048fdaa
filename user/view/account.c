/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/account.h"

void agent_events_add(struct agent_events *e, const struct snapshot_process *p)
{
	e->received += p->received;
	e->sampled += p->sampled_out;
	e->lost += p->lost;
	e->bad += p->bad;
	e->hits += p->hits;
}
