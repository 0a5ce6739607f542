/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "codec.h"
#include "encode.h"
#include "info.h"

static const char *const cap_names[] = {
	"frame-qp", "force-key", "retarget", "roi", "scale", "tonemap", "hdr10", "hdr10+",
	"lossless", "layers",
};

#define NCAP_NAMES (sizeof(cap_names) / sizeof(cap_names[0]))

static const char *health_text(uint32_t health)
{
	switch (health) {
	case HVCAL_HEALTH_READY:
		return "ready";
	case HVCAL_HEALTH_SUSPECT:
		return "suspect";
	case HVCAL_HEALTH_DRAINING:
		return "draining";
	case HVCAL_HEALTH_GONE:
		return "gone";
	default:
		return "unknown";
	}
}

static const char *vendor_text(uint32_t vendor)
{
	switch (vendor) {
	case 0x10de:
		return "NVIDIA";
	case 0x8086:
		return "Intel";
	case 0x1002:
		return "AMD";
	default:
		return NULL;
	}
}

static void codec_text(uint32_t codec, char text[8])
{
	const struct codec_name *name = codec_by_fourcc(codec);

	if (name)
		snprintf(text, 8, "%s", name->name);
	else
		fourcc_text(codec, text);
}

static void print_module(const struct info *info, FILE *to)
{
	const struct info_module *m = &info->module;

	fprintf(to, "library  libhvcal %s\n", hvcal_version_string());
	if (info->direct) {
		fprintf(to, "module   not used, direct mode: %s\n", info->reason);
		return;
	}
	if (m->error) {
		fprintf(to, "module   %s: %s\n", INFO_NODE, strerror(m->error));
		return;
	}
	fprintf(to, "module   hvcal%s%s, ABI %u.%u\n", m->version[0] ? " " : "", m->version,
		m->abi_major, m->abi_minor);
	fprintf(to, "features");
	for (unsigned int bit = 0; bit < 64; bit++) {
		if (!(m->features >> bit & 1))
			continue;
		if (info_feature_name(bit))
			fprintf(to, " %s", info_feature_name(bit));
		else
			fprintf(to, " bit%u", bit);
	}
	fprintf(to, "%s\nlimits   %u sessions a client, %u frames queued a session\n",
		m->features ? "" : " none", m->max_sessions, m->max_queued);
}

static void print_devices(const struct info *info, FILE *to)
{
	uint32_t gpus = 0;

	for (uint32_t i = 0; i < info->ndevices; i++) {
		const hvcal_device_info_t *d = &info->devices[i];
		const char *vendor = vendor_text(d->vendor);

		if (!d->id)
			continue;
		gpus++;
		fprintf(to, "gpu %-4u %s  %04x:%04x%s%s  driver %s", d->id, d->slot, d->vendor,
			d->device, vendor ? " " : "", vendor ? vendor : "",
			d->driver[0] ? d->driver : "none");
		if (d->numa_node >= 0)
			fprintf(to, "  node %d", d->numa_node);
		if (d->render_minor >= 0)
			fprintf(to, "  /dev/dri/renderD%d", d->render_minor);
		fprintf(to, "  %u engines\n", d->engines);
	}
	if (!gpus)
		fprintf(to, "gpus     none%s\n", info->direct ? " (direct mode does not look)" : "");
}

/* "8/10" */
static void depths_text(uint32_t mask, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int n = 0; n < 32 && used < size; n++)
		if (mask >> n & 1)
			used += (size_t)snprintf(text + used, size - used, "%s%u",
						 used ? "/" : "", n);
}

static void print_cap(const hvcal_engine_cap_t *cap, FILE *to)
{
	char codec[8], format[5], min[24], max[24], depths[32];
	int width = 0;

	codec_text(cap->codec, codec);
	depths_text(cap->depth_mask, depths, sizeof(depths));
	snprintf(min, sizeof(min), "%ux%u", cap->min_width, cap->min_height);
	snprintf(max, sizeof(max), "%ux%u", cap->max_width, cap->max_height);
	fprintf(to, "  codec  %-5s  %9s to %-11s  %-5s bit  from", codec, min, max, depths);
	for (int f = 0; f < 8 && cap->formats[f]; f++) {
		fourcc_text(cap->formats[f], format);
		width += fprintf(to, " %s", format);
	}
	fprintf(to, "%*s ", width < 20 ? 20 - width : 0, "");
	for (unsigned int bit = 0; bit < NCAP_NAMES; bit++)
		if (cap->flags >> bit & 1)
			fprintf(to, " %s", cap_names[bit]);
	if (cap->cost_ns_per_mpix)
		fprintf(to, "; claims %.2f ms per megapixel",
			(double)cap->cost_ns_per_mpix / 1e6);
	fputc('\n', to);
}

static void print_engine(const struct info *info, const struct info_engine *e, FILE *to)
{
	const hvcal_engine_info_t *in = &e->info;

	fprintf(to, "engine   %-14s %-8s %-8s %4u slot%c", in->name, kind_text(in->kind),
		health_text(in->health), in->slots, in->slots == 1 ? ' ' : 's');
	if (!info->direct) {
		fprintf(to, " %5u session%c", in->sessions, in->sessions == 1 ? ' ' : 's');
		if (in->max_sessions)
			fprintf(to, " of %u", in->max_sessions);
		fprintf(to, "  load %5.1f %%  %llu frames", in->load_ppm / 1e4,
			(unsigned long long)in->jobs_done);
		if (in->external_ppm)
			fprintf(to, "  %.1f %% by others", in->external_ppm / 1e4);
	} else if (in->max_sessions) {
		fprintf(to, " at most %u sessions", in->max_sessions);
	}
	if (in->device)
		fprintf(to, "  gpu %u", in->device);
	if (e->tried && e->tried->desc.slot[0])
		fprintf(to, "  at %s", e->tried->desc.slot);
	if (in->numa_node >= 0)
		fprintf(to, "  node %d", in->numa_node);
	if (e->tried)
		fprintf(to, "  %s", e->tried->description);
	fputc('\n', to);
	for (uint32_t c = 0; c < e->ncaps; c++)
		print_cap(&e->caps[c], to);
	if (e->tried && e->tried->reason[0])
		fprintf(to, "  without what failed: %s\n", e->tried->reason);
}

static void print_engines(const struct info *info, FILE *to)
{
	if (!info->nengines)
		fprintf(to, "engines  none (%s)\n", info->direct ? "no plug-in is usable" :
			"is hvcald running?");
	for (uint32_t i = 0; i < info->nengines; i++)
		print_engine(info, &info->engines[i], to);
	for (unsigned int i = 0; i < info->probe.count; i++) {
		const struct hvcal_probe_result *r = &info->probe.list[i];
		const char *why = info_absent(info, r);

		if (why)
			fprintf(to, "absent   %-14s %s\n",
				r->desc.name[0] ? r->desc.name : r->plugin, why);
	}
}

static const char *sessions_problem(const struct info *info)
{
	if (info->direct)
		return "not listed in direct mode";
	if (info->sessions_error == EACCES || info->sessions_error == EPERM)
		return "only root reads " INFO_SESSIONS;
	if (info->sessions_error == ENOENT)
		return "no " INFO_SESSIONS " (mount -t debugfs none /sys/kernel/debug, as root)";
	return info->sessions_error ? strerror(info->sessions_error) : NULL;
}

static void print_sessions(const struct info *info, FILE *to)
{
	const char *problem = sessions_problem(info);

	if (problem)
		fprintf(to, "sessions %s\n", problem);
	else
		fprintf(to, "sessions\n%s", info->sessions ? info->sessions : "");
}

void info_print(const struct info *info, FILE *to)
{
	if (info->show_all) {
		print_module(info, to);
		print_devices(info, to);
	}
	if (info->show_engines)
		print_engines(info, to);
	if (info->show_sessions)
		print_sessions(info, to);
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, text ? json_object_new_string(text) : NULL);
}

static void add_number(struct json_object *to, const char *key, int64_t value)
{
	json_object_object_add(to, key, json_object_new_int64(value));
}

static struct json_object *json_module(const struct info *info)
{
	const struct info_module *m = &info->module;
	struct json_object *to, *features;

	if (info->direct || m->error)
		return NULL;
	to = json_object_new_object();
	features = json_object_new_array();
	add_text(to, "version", m->version[0] ? m->version : NULL);
	add_number(to, "abi_major", m->abi_major);
	add_number(to, "abi_minor", m->abi_minor);
	for (unsigned int bit = 0; bit < 64; bit++)
		if (m->features >> bit & 1 && info_feature_name(bit))
			json_object_array_add(features,
					      json_object_new_string(info_feature_name(bit)));
	json_object_object_add(to, "features", features);
	add_number(to, "max_sessions", m->max_sessions);
	add_number(to, "max_queued", m->max_queued);
	return to;
}

static struct json_object *json_devices(const struct info *info)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < info->ndevices; i++) {
		const hvcal_device_info_t *d = &info->devices[i];
		struct json_object *to = json_object_new_object();

		add_number(to, "id", d->id);
		add_text(to, "slot", d->slot);
		add_number(to, "vendor", d->vendor);
		add_number(to, "device", d->device);
		add_text(to, "driver", d->driver[0] ? d->driver : NULL);
		add_number(to, "numa_node", d->numa_node);
		add_number(to, "render_minor", d->render_minor);
		add_number(to, "engines", d->engines);
		json_object_array_add(list, to);
	}
	return list;
}

static struct json_object *json_cap(const hvcal_engine_cap_t *cap)
{
	struct json_object *to = json_object_new_object();
	struct json_object *depths = json_object_new_array();
	struct json_object *formats = json_object_new_array();
	struct json_object *flags = json_object_new_array();
	char text[8];

	codec_text(cap->codec, text);
	add_text(to, "codec", text);
	add_number(to, "min_width", cap->min_width);
	add_number(to, "min_height", cap->min_height);
	add_number(to, "max_width", cap->max_width);
	add_number(to, "max_height", cap->max_height);
	for (int n = 0; n < 32; n++)
		if (cap->depth_mask >> n & 1)
			json_object_array_add(depths, json_object_new_int(n));
	for (int f = 0; f < 8 && cap->formats[f]; f++) {
		fourcc_text(cap->formats[f], text);
		json_object_array_add(formats, json_object_new_string(text));
	}
	for (unsigned int bit = 0; bit < NCAP_NAMES; bit++)
		if (cap->flags >> bit & 1)
			json_object_array_add(flags, json_object_new_string(cap_names[bit]));
	json_object_object_add(to, "depths", depths);
	json_object_object_add(to, "formats", formats);
	json_object_object_add(to, "flags", flags);
	add_number(to, "cost_ns_per_mpix", (int64_t)cap->cost_ns_per_mpix);
	return to;
}

/* What is known of engines that were tried, and null of those of the module. */
static void json_tried(struct json_object *to, const struct hvcal_probe_result *r)
{
	add_text(to, "plugin", r ? r->plugin : NULL);
	add_text(to, "description", r ? r->description : NULL);
	add_text(to, "slot", r && r->desc.slot[0] ? r->desc.slot : NULL);
	add_text(to, "failed", r && r->reason[0] ? r->reason : NULL);
}

static struct json_object *json_engines(const struct info *info)
{
	struct json_object *list = json_object_new_array();

	for (uint32_t i = 0; i < info->nengines; i++) {
		const hvcal_engine_info_t *in = &info->engines[i].info;
		struct json_object *to = json_object_new_object();
		struct json_object *caps = json_object_new_array();

		add_number(to, "id", in->id);
		add_text(to, "name", in->name);
		add_text(to, "kind", kind_text(in->kind));
		add_text(to, "state", health_text(in->health));
		add_number(to, "device", in->device);
		add_number(to, "numa_node", in->numa_node);
		add_number(to, "slots", in->slots);
		add_number(to, "session_depth", in->session_depth);
		add_number(to, "sessions", in->sessions);
		add_number(to, "max_sessions", in->max_sessions);
		add_number(to, "load_ppm", in->load_ppm);
		add_number(to, "external_ppm", in->external_ppm);
		add_number(to, "frames", (int64_t)in->jobs_done);
		json_tried(to, info->engines[i].tried);
		for (uint32_t c = 0; c < info->engines[i].ncaps; c++)
			json_object_array_add(caps, json_cap(&info->engines[i].caps[c]));
		json_object_object_add(to, "caps", caps);
		json_object_array_add(list, to);
	}
	return list;
}

static struct json_object *json_absent(const struct info *info)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int i = 0; i < info->probe.count; i++) {
		const struct hvcal_probe_result *r = &info->probe.list[i];
		struct json_object *to;

		if (!info_absent(info, r))
			continue;
		to = json_object_new_object();
		add_text(to, "plugin", r->plugin);
		add_text(to, "name", r->desc.name[0] ? r->desc.name : NULL);
		json_object_object_add(to, "works", json_object_new_boolean(!r->error));
		add_text(to, "reason", info_absent(info, r));
		json_object_array_add(list, to);
	}
	return list;
}

/* The lines of debugfs as they are: they are for people, and may change. */
static struct json_object *json_sessions(const struct info *info)
{
	struct json_object *list = json_object_new_array();
	const char *at = info->sessions;

	while (at && *at) {
		size_t length = strcspn(at, "\n");

		json_object_array_add(list, json_object_new_string_len(at, (int)length));
		at += length + (at[length] == '\n');
	}
	return list;
}

int info_print_json(const struct info *info, FILE *to)
{
	struct json_object *root = json_object_new_object();
	const char *problem = sessions_problem(info), *text;

	if (info->show_all) {
		add_text(root, "library", hvcal_version_string());
		add_text(root, "backend", info->direct ? "direct" : INFO_NODE);
		add_text(root, "direct_reason", info->direct ? info->reason : NULL);
		json_object_object_add(root, "module", json_module(info));
		json_object_object_add(root, "devices", json_devices(info));
	}
	if (info->show_engines) {
		json_object_object_add(root, "engines", json_engines(info));
		json_object_object_add(root, "absent", json_absent(info));
	}
	if (info->show_sessions) {
		json_object_object_add(root, "sessions", problem ? NULL : json_sessions(info));
		add_text(root, "sessions_problem", problem);
	}
	text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
					      JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		fprintf(to, "%s\n", text);
	json_object_put(root);
	return text ? 0 : -ENOMEM;
}
