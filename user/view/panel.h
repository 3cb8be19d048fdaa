/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One process on the status page, below its row: what was found and why, charts, its account, where
 * its goroutines come from.  Used by view/status.
 */
#ifndef GOTIDE_VIEW_PANEL_H
#define GOTIDE_VIEW_PANEL_H

#include <stdio.h>

#include "trend/verdict.h"
#include "view/spark.h"

/* Go statements of a process; of others the panel says how many they are. */
#define PANEL_SITES_MAX 5

#define PANEL_KEY_MAX 32

struct panel {
	const struct snapshot_process *p;
	const struct verdict *v;
	const char *key; /* unlike all others on the page; a letter, then letters and digits */
	bool has_profiles; /* the agent hands out profiles */
};

/* The charts of a process: a row holds the lines, its panel shows them once more, larger. */
enum panel_chart {
	PANEL_GOROUTINES = 0,
	PANEL_HEAP,
	PANEL_RSS,
	PANEL_CHARTS,
};

/* As it stands in a row: nothing if there is too little to show. */
void panel_spark(FILE *f, const struct panel *l, enum panel_chart c);

void panel_write(FILE *f, const struct panel *l);

#endif
