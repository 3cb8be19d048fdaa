/* SPDX-License-Identifier: BSD-2-Clause */
#include "view/inspect.h"

#include <inttypes.h>
#include <string.h>

#include "view/jsonl.h"

static const char *const amd64_registers[] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15",
};

static const char *machine_str(enum elf_machine m)
{
	switch (m) {
	case ELF_MACHINE_AMD64:
		return "amd64";
	case ELF_MACHINE_ARM64:
		return "arm64";
	default:
		return "unknown machine";
	}
}

static const char *pclntab_str(enum pclntab_version v)
{
	static const char *const names[] = {
		[PCLNTAB_1_2] = "1.2",
		[PCLNTAB_1_16] = "1.16",
		[PCLNTAB_1_18] = "1.18",
		[PCLNTAB_1_20] = "1.20",
	};

	return (size_t)v < ARRAY_SIZE(names) ? names[v] : NULL;
}

#define LOC_MAX 32

/* "rax", "x3", "[rsp+0x10]"; "" if there is none. */
static const char *loc_str(char buf[static LOC_MAX], enum elf_machine m, const struct wire_loc *l)
{
	bool is_amd64 = m == ELF_MACHINE_AMD64;

	buf[0] = '\0';
	if (l->kind == WIRE_LOC_STACK)
		snprintf(buf, LOC_MAX, "[%s%+d]", is_amd64 ? "rsp" : "sp", l->off);
	else if (l->kind == WIRE_LOC_REG && is_amd64 && l->reg < ARRAY_SIZE(amd64_registers))
		snprintf(buf, LOC_MAX, "%s", amd64_registers[l->reg]);
	else if (l->kind == WIRE_LOC_REG)
		snprintf(buf, LOC_MAX, "x%d", l->reg);
	return buf;
}

/* What the value of a hook is; NULL if it reads none. */
static const char *value_str(enum wire_hook h)
{
	switch (h) {
	case WIRE_HOOK_BIRTH:
	case WIRE_HOOK_DEATH:
	case WIRE_HOOK_READY:
		return "g";
	case WIRE_HOOK_PARK:
		return "wait reason";
	case WIRE_HOOK_MARK_END:
		return "live bytes";
	case WIRE_HOOK_SPAN_ALLOC:
	case WIRE_HOOK_SPAN_FREE:
		return "memory";
	default:
		return NULL;
	}
}

/* ---- text ---- */

static void print_identity(struct view_out *o, const struct inspect *i)
{
	const struct gobin_info *b = i->info;
	char name[VIEW_NAME_MAX];

	view_printf(o, VIEW_BOLD, "%s", view_name(name, i->name));
	fprintf(o->f, "\n  version      %s (from the %s)\n",
		b->version.text[0] ? view_name(name, b->version.text) : "?", b->version_from);
	fprintf(o->f, "  kind         %s, %s, %s, %s%s\n", machine_str(b->machine),
		b->is_pie ? "PIE" : "fixed address", b->is_static ? "static" : "dynamic",
		b->is_stripped ? "stripped" : "with symbols", b->is_cgo ? ", cgo" : "");
	if (b->module[0])
		fprintf(o->f, "  module       %s\n", view_name(name, b->module));
	if (b->main_path[0] && strcmp(b->main_path, b->module))
		fprintf(o->f, "  main package %s\n", view_name(name, b->main_path));
	if (b->build_id && b->build_id[0])
		fprintf(o->f, "  build id     %s\n", b->build_id);
	if (pclntab_str(b->pclntab_version))
		fprintf(o->f,
			"  pclntab      version %s at 0x%" PRIx64 " (from %s), %zu functions\n",
			pclntab_str(b->pclntab_version), b->pclntab_va,
			view_name(name, b->pclntab_from), b->functions);
	if (i->moduledata)
		fprintf(o->f, "  moduledata   0x%" PRIx64 ", text 0x%" PRIx64 "-0x%" PRIx64 "\n",
			i->moduledata->va, i->moduledata->text, i->moduledata->etext);
}

static void print_site(struct view_out *o, const struct inspect *i, enum wire_hook h)
{
	const struct code_site *s = &i->sites->hook[h];
	char value[LOC_MAX], g[LOC_MAX], function[VIEW_NAME_MAX], insn[VIEW_NAME_MAX];

	fprintf(o->f, "    %-10s ", code_hook_name(h));
	if (!s->is_found) {
		view_printf(o, VIEW_WARN, "missing: %s\n", view_name(insn, s->why));
		return;
	}
	fprintf(o->f, "%s +0x%" PRIx64 "  %s  ", view_name(function, s->function),
		s->va - s->func_va, view_name(insn, s->insn));
	if (s->cost == CODE_EMULATED)
		view_printf(o, VIEW_GOOD, "emulated");
	else
		view_printf(o, VIEW_WARN, "stepped");
	if (value_str(h) && *loc_str(value, i->info->machine, &s->value))
		fprintf(o->f, "  %s in %s", value_str(h), value);
	if (*loc_str(g, i->info->machine, &s->g))
		fprintf(o->f, ", g in %s", g);
	fputc('\n', o->f);
}

static void print_sites(struct view_out *o, const struct inspect *i)
{
	fputs("  probe sites\n", o->f);
	if (!i->sites) {
		fputs("    none decoded\n", o->f);
		return;
	}
	for (unsigned int h = 0; h < WIRE_HOOK_MAX; h++)
		print_site(o, i, h);
}

/* The fields that people ask for; -v prints them all. */
static bool is_telling(const char *field)
{
	static const char *const telling[] = { "g_goid", "g_gopc", "g_atomicstatus",
					       "gcc_heapmarked" };

	for (size_t k = 0; k < ARRAY_SIZE(telling); k++) {
		if (!strcmp(telling[k], field))
			return true;
	}
	return false;
}

static void print_offsets(struct view_out *o, const struct inspect *i, bool is_verbose)
{
	size_t known = 0;

	if (!i->offsets) {
		view_printf(o, VIEW_WARN, "  offsets      unknown: memory is not read\n");
		return;
	}
	for (size_t k = 0; k < offsets_count(); k++)
		known += offsets_value(i->offsets, k) != OFFSET_NONE;
	fprintf(o->f, "  offsets      from %s, %zu of %zu fields%s\n",
		offsets_source_str(i->offsets_source), known, offsets_count(),
		i->globals && i->globals->offsets_hold ? ", confirmed by the code" : "");
	for (size_t k = 0; k < offsets_count(); k++) {
		uint32_t value = offsets_value(i->offsets, k);

		if (!is_verbose && !is_telling(offsets_name(k)))
			continue;
		if (value == OFFSET_NONE)
			fprintf(o->f, "    %-22s -\n", offsets_name(k));
		else
			fprintf(o->f, "    %-22s %" PRIu32 "\n", offsets_name(k), value);
	}
}

static void print_globals(struct view_out *o, const struct inspect *i)
{
	char why[VIEW_NAME_MAX];

	if (!i->globals)
		return;
	fputs("  globals\n", o->f);
	for (unsigned int g = 0; g < GLOBAL_MAX; g++) {
		const __typeof__(i->globals->global[0]) *f = &i->globals->global[g];

		fprintf(o->f, "    %-18s ", global_name(g));
		if (!f->va)
			view_printf(o, VIEW_WARN, "missing%s%s\n", f->why[0] ? ": " : "",
				    view_name(why, f->why));
		else
			fprintf(o->f, "0x%" PRIx64 "  %d of %d references agree, next best %d\n",
				f->va, f->score, f->of, f->second);
	}
}

static void print_wait_reasons(struct view_out *o, const struct inspect *i, bool is_verbose)
{
	char name[VIEW_NAME_MAX];

	fprintf(o->f, "  wait reasons %zu\n", i->n_wait_reasons);
	for (size_t k = 0; is_verbose && k < i->n_wait_reasons; k++)
		fprintf(o->f, "    %2zu %s\n", k,
			*i->wait_reasons[k] ? view_name(name, i->wait_reasons[k]) : "-");
}

void inspect_text(struct view_out *o, const struct inspect *i, bool is_verbose)
{
	print_identity(o, i);
	print_sites(o, i);
	print_offsets(o, i, is_verbose);
	print_globals(o, i);
	print_wait_reasons(o, i, is_verbose);
	if (i->reason == GOBIN_OK)
		view_printf(o, VIEW_GOOD, "  can be watched");
	else
		view_printf(o, VIEW_BAD, "  cannot be watched in full: %s",
			    gobin_reason_str(i->reason));
	fputc('\n', o->f);
}

/* ---- JSON ---- */

/* Addresses as numbers: programs compute with them. */
static struct json_object *address(uint64_t va)
{
	return va ? json_object_new_uint64(va) : NULL;
}

static struct json_object *site_json(const struct inspect *i, enum wire_hook h)
{
	const struct code_site *s = &i->sites->hook[h];
	struct json_object *o = json_object_new_object();
	char value[LOC_MAX], g[LOC_MAX];
	bool is_found = s->is_found;

	loc_str(value, i->info->machine, &s->value);
	loc_str(g, i->info->machine, &s->g);
	jsonl_add(o, "hook", jsonl_text(code_hook_name(h)));
	jsonl_add(o, "found", jsonl_flag(is_found));
	jsonl_add(o, "why", is_found ? NULL : jsonl_text(s->why));
	jsonl_add(o, "function", jsonl_name(s->function));
	jsonl_add(o, "offset", is_found ? json_object_new_uint64(s->va - s->func_va) : NULL);
	jsonl_add(o, "address", is_found ? address(s->va) : NULL);
	jsonl_add(o, "file_offset", is_found ? json_object_new_uint64(s->file_off) : NULL);
	jsonl_add(o, "instruction", is_found ? jsonl_text(s->insn) : NULL);
	jsonl_add(o, "emulated", is_found ? jsonl_flag(s->cost == CODE_EMULATED) : NULL);
	jsonl_add(o, "value", is_found && value_str(h) ? jsonl_text(value_str(h)) : NULL);
	jsonl_add(o, "value_in", is_found ? jsonl_name(value) : NULL);
	jsonl_add(o, "g_in", is_found ? jsonl_name(g) : NULL);
	return o;
}

static struct json_object *sites_json(const struct inspect *i)
{
	struct json_object *a = json_object_new_array();

	for (unsigned int h = 0; i->sites && h < WIRE_HOOK_MAX; h++)
		json_object_array_add(a, site_json(i, h));
	return a;
}

static struct json_object *offsets_json(const struct inspect *i)
{
	struct json_object *o = json_object_new_object();

	for (size_t k = 0; k < offsets_count(); k++) {
		uint32_t value = i->offsets ? offsets_value(i->offsets, k) : OFFSET_NONE;

		jsonl_add(o, offsets_name(k),
			  value == OFFSET_NONE ? NULL : json_object_new_int64(value));
	}
	return o;
}

static struct json_object *globals_json(const struct inspect *i)
{
	struct json_object *o = json_object_new_object();

	for (unsigned int g = 0; i->globals && g < GLOBAL_MAX; g++) {
		const __typeof__(i->globals->global[0]) *f = &i->globals->global[g];
		struct json_object *one = json_object_new_object();

		jsonl_add(one, "address", address(f->va));
		jsonl_add(one, "score", json_object_new_int(f->score));
		jsonl_add(one, "of", json_object_new_int(f->of));
		jsonl_add(one, "second", json_object_new_int(f->second));
		jsonl_add(one, "why", f->va ? NULL : jsonl_name(f->why));
		jsonl_add(o, global_name(g), one);
	}
	return o;
}

static struct json_object *wait_reasons_json(const struct inspect *i)
{
	struct json_object *a = json_object_new_array();

	for (size_t k = 0; k < i->n_wait_reasons; k++)
		json_object_array_add(a, jsonl_text(i->wait_reasons[k]));
	return a;
}

static void add_identity(struct json_object *o, const struct inspect *i)
{
	const struct gobin_info *b = i->info;

	jsonl_add(o, "name", jsonl_text(i->name));
	jsonl_add(o, "go_version", jsonl_name(b->version.text));
	jsonl_add(o, "version_from", jsonl_text(b->version_from));
	jsonl_add(o, "machine", jsonl_text(machine_str(b->machine)));
	jsonl_add(o, "module", jsonl_name(b->module));
	jsonl_add(o, "main_package", jsonl_name(b->main_path));
	jsonl_add(o, "stripped", jsonl_flag(b->is_stripped));
	jsonl_add(o, "pie", jsonl_flag(b->is_pie));
	jsonl_add(o, "static", jsonl_flag(b->is_static));
	jsonl_add(o, "cgo", jsonl_flag(b->is_cgo));
	jsonl_add(o, "build_id", jsonl_name(b->build_id));
	jsonl_add(o, "size_bytes", json_object_new_uint64(b->size));
}

struct json_object *inspect_json(const struct inspect *i)
{
	const struct gobin_info *b = i->info;
	bool is_ok = i->reason == GOBIN_OK;
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	add_identity(o, i);
	jsonl_add(o, "pclntab_version", jsonl_text(pclntab_str(b->pclntab_version)));
	jsonl_add(o, "pclntab_address", address(b->pclntab_va));
	jsonl_add(o, "pclntab_from", jsonl_text(b->pclntab_from));
	jsonl_add(o, "functions", json_object_new_uint64(b->functions));
	jsonl_add(o, "moduledata_address", i->moduledata ? address(i->moduledata->va) : NULL);
	jsonl_add(o, "sites", sites_json(i));
	jsonl_add(o, "offsets_from",
		  i->offsets ? jsonl_text(offsets_source_str(i->offsets_source)) : NULL);
	jsonl_add(o, "offsets_confirmed", i->globals ? jsonl_flag(i->globals->offsets_hold) : NULL);
	jsonl_add(o, "offsets", offsets_json(i));
	jsonl_add(o, "globals", globals_json(i));
	jsonl_add(o, "wait_reasons", wait_reasons_json(i));
	jsonl_add(o, "watchable", jsonl_flag(is_ok));
	jsonl_add(o, "why", is_ok ? NULL : jsonl_text(gobin_reason_str(i->reason)));
	return o;
}
