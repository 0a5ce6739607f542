// SPDX-License-Identifier: MIT
#include "options.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct option {
	char *key;
	char *value;
	atomic_bool used;
};

struct hvcal_options {
	struct option *list;
	size_t count;
};

struct hvcal_options *hvcal_options_create(void)
{
	return calloc(1, sizeof(struct hvcal_options));
}

void hvcal_options_destroy(struct hvcal_options **options)
{
	struct hvcal_options *o = options ? *options : NULL;

	if (!o)
		return;
	for (size_t i = 0; i < o->count; i++) {
		free(o->list[i].key);
		free(o->list[i].value);
	}
	free(o->list);
	free(o);
	*options = NULL;
}

static struct option *find(struct hvcal_options *o, const char *key)
{
	for (size_t i = 0; i < o->count; i++)
		if (!strcmp(o->list[i].key, key))
			return &o->list[i];
	return NULL;
}

/* Takes @key and @value over, also on failure. */
static int set(struct hvcal_options *o, char *key, char *value)
{
	struct option *old = find(o, key), *list;

	if (old) {
		free(key);
		free(old->value);
		old->value = value;
		return 0;
	}
	list = realloc(o->list, (o->count + 1) * sizeof(*list));
	if (!list) {
		free(key);
		free(value);
		return -ENOMEM;
	}
	o->list = list;
	list[o->count].key = key;
	list[o->count].value = value;
	atomic_init(&list[o->count].used, false);
	o->count++;
	return 0;
}

int hvcal_options_add(struct hvcal_options *o, const char *text, char *error,
		      size_t error_len)
{
	while (*text) {
		size_t len = strcspn(text, ",");
		const char *eq = memchr(text, '=', len);
		const char *dot = memchr(text, '.', len);
		char *key, *value;
		int ret;

		if (!eq || !dot || dot == text || dot + 1 >= eq) {
			if (error)
				snprintf(error, error_len,
					 "option \"%.*s\" is not engine.key=value, as in null.delay_us=500",
					 (int)len, text);
			return -EINVAL;
		}
		key = strndup(text, eq - text);
		value = strndup(eq + 1, text + len - eq - 1);
		if (!key || !value) {
			free(key);
			free(value);
			if (error)
				snprintf(error, error_len, "out of memory");
			return -ENOMEM;
		}
		ret = set(o, key, value);
		if (ret) {
			if (error)
				snprintf(error, error_len, "out of memory");
			return ret;
		}
		text += len;
		text += *text == ',';
	}
	return 0;
}

const char *hvcal_options_get(struct hvcal_options *o, const char *key)
{
	struct option *found = o ? find(o, key) : NULL;

	if (!found)
		return NULL;
	atomic_store_explicit(&found->used, true, memory_order_relaxed);
	return found->value;
}

const char *hvcal_options_unused(struct hvcal_options *o, const char *prefix,
				 unsigned int index)
{
	size_t plen = prefix ? strlen(prefix) : 0;

	for (size_t i = 0; o && i < o->count; i++) {
		const struct option *opt = &o->list[i];

		if (atomic_load_explicit(&opt->used, memory_order_relaxed))
			continue;
		if (prefix && (strncmp(opt->key, prefix, plen) || opt->key[plen] != '.'))
			continue;
		if (!index--)
			return opt->key;
	}
	return NULL;
}

void hvcal_options_each(struct hvcal_options *o,
			void (*fn)(void *cookie, const char *key, const char *value),
			void *cookie)
{
	for (size_t i = 0; o && i < o->count; i++)
		fn(cookie, o->list[i].key, o->list[i].value);
}
