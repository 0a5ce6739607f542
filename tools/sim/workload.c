// SPDX-License-Identifier: MIT
/*
 * Workload files. One statement a line, words of the form key=value:
 *
 *   engine slots=4
 *   class  NAME rt|be [count=N|fill] fps=60 cost=2ms [noise=0.2] [deadline=16ms]
 *          [jitter=2ms] [burst=4] [join=5s]
 *   at     10s clock=1.5 | slots=2
 *
 * Times have a unit: ns, us, ms or s. Text after # is a comment.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct parser {
	const char *path;
	unsigned int line;
	struct sim_workload *w;
};

static bool complain(const struct parser *p, const char *what, const char *word)
{
	fprintf(stderr, "hvcal-sim: %s:%u: %s: '%s'\n", p->path, p->line, what, word);
	return false;
}

static bool number(const char *text, double most, double *value, const char **rest)
{
	char *end;

	errno = 0;
	*value = strtod(text, &end);
	*rest = end;
	return end != text && !errno && *value >= 0 && *value <= most;
}

static bool time_value(const char *text, u64 *ns)
{
	static const struct { const char *unit; double ns; } units[] = {
		{ "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 },
	};
	const char *rest;
	double value;
	size_t i;

	if (!number(text, 1e9, &value, &rest))
		return false;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcmp(rest, units[i].unit) && value * units[i].ns <= 1e15) {
			*ns = (u64)(value * units[i].ns);
			return true;
		}
	return false;
}

static bool whole(const char *text, unsigned int most, unsigned int *value)
{
	const char *rest;
	double v;

	if (!number(text, most, &v, &rest) || *rest || v != (double)(unsigned int)v)
		return false;
	*value = (unsigned int)v;
	return true;
}

static bool real(const char *text, double most, double *value)
{
	const char *rest;

	return number(text, most, value, &rest) && !*rest;
}

static bool parse_class_word(struct sim_class *c, const char *key, const char *value)
{
	double fps;

	if (!strcmp(key, "count")) {
		if (!strcmp(value, "fill")) {
			c->count = 0;
			return true;
		}
		return whole(value, SIM_STREAMS, &c->count) && c->count;
	}
	if (!strcmp(key, "fps")) {
		if (!real(value, 10000, &fps) || fps < 0.1)
			return false;
		c->period = (u64)(1e9 / fps);
		return true;
	}
	if (!strcmp(key, "noise"))
		return real(value, 0.99, &c->noise);
	if (!strcmp(key, "burst"))
		return whole(value, 64, &c->burst) && c->burst;
	if (!strcmp(key, "cost"))
		return time_value(value, &c->cost) && c->cost;
	if (!strcmp(key, "deadline"))
		return time_value(value, &c->deadline) && c->deadline;
	if (!strcmp(key, "jitter"))
		return time_value(value, &c->jitter);
	if (!strcmp(key, "join"))
		return time_value(value, &c->join);
	return false;
}

/* Splits "key=value" in place. */
static bool split(char *word, char **value)
{
	*value = strchr(word, '=');
	if (!*value)
		return false;
	*(*value)++ = 0;
	return true;
}

static bool parse_class(const struct parser *p, char **save)
{
	struct sim_class *c = &p->w->classes[p->w->nclasses];
	char *word = strtok_r(NULL, " \t\n", save), *value;

	if (p->w->nclasses == SIM_CLASSES)
		return complain(p, "too many classes", word ? word : "");
	if (!word || strlen(word) >= sizeof(c->name))
		return complain(p, "a class needs a short name", word ? word : "");
	*c = (struct sim_class){ .count = 1, .burst = 1 };
	snprintf(c->name, sizeof(c->name), "%s", word);
	word = strtok_r(NULL, " \t\n", save);
	if (!word || (strcmp(word, "rt") && strcmp(word, "be")))
		return complain(p, "rt or be is expected", word ? word : "");
	c->effort = !strcmp(word, "be");
	while ((word = strtok_r(NULL, " \t\n", save)))
		if (!split(word, &value) || !parse_class_word(c, word, value))
			return complain(p, "not understood, or out of range", word);
	if (!c->cost)
		return complain(p, "a class needs a cost", c->name);
	if (!c->effort && !c->period)
		return complain(p, "a real-time class needs fps", c->name);
	if (c->effort && !c->count)
		return complain(p, "best effort is never refused: give a count", c->name);
	if (!c->deadline)
		c->deadline = c->period;
	p->w->nclasses++;
	return true;
}

static bool parse_engine(const struct parser *p, char **save)
{
	char *word = strtok_r(NULL, " \t\n", save), *value;

	if (!word || !split(word, &value) || strcmp(word, "slots") ||
	    !whole(value, SIM_SLOTS, &p->w->slots) || !p->w->slots)
		return complain(p, "slots=1..64 is expected", word ? word : "");
	return true;
}

static bool parse_at(const struct parser *p, char **save)
{
	struct sim_event *e = &p->w->events[p->w->nevents];
	char *word = strtok_r(NULL, " \t\n", save), *value;

	if (p->w->nevents == SIM_EVENTS)
		return complain(p, "too many events", word ? word : "");
	*e = (struct sim_event){};
	if (!word || !time_value(word, &e->when))
		return complain(p, "a time is expected", word ? word : "");
	if (p->w->nevents && e[-1].when > e->when)
		return complain(p, "events must be in order of time", word);
	word = strtok_r(NULL, " \t\n", save);
	if (word && split(word, &value)) {
		p->w->nevents++;
		e->what = SIM_CLOCK;
		if (!strcmp(word, "clock") && real(value, 100, &e->clock) && e->clock > 0)
			return true;
		e->what = SIM_SLOTS_LOST;
		if (!strcmp(word, "slots") && whole(value, p->w->slots, &e->slots) && e->slots)
			return true;
	}
	return complain(p, "clock=FACTOR or slots=N is expected", word ? word : "");
}

static bool parse_line(const struct parser *p, char *line)
{
	char *save, *word;

	line[strcspn(line, "#")] = 0;
	word = strtok_r(line, " \t\n", &save);
	if (!word)
		return true;
	if (!strcmp(word, "engine"))
		return parse_engine(p, &save);
	if (!strcmp(word, "class"))
		return parse_class(p, &save);
	if (!strcmp(word, "at"))
		return parse_at(p, &save);
	return complain(p, "engine, class or at is expected", word);
}

static void name_of(const char *path, char *name, size_t len)
{
	const char *base = strrchr(path, '/');
	char *dot;

	snprintf(name, len, "%s", base ? base + 1 : path);
	dot = strrchr(name, '.');
	if (dot)
		*dot = 0;
}

bool sim_workload_read(struct sim_workload *w, const char *path)
{
	struct parser p = { .path = path, .w = w };
	FILE *f = fopen(path, "r");
	bool ok = true;
	char line[512];

	*w = (struct sim_workload){ .slots = 1 };
	if (!f) {
		fprintf(stderr, "hvcal-sim: %s: %s\n", path, strerror(errno));
		return false;
	}
	name_of(path, w->name, sizeof(w->name));
	while (ok && fgets(line, sizeof(line), f)) {
		p.line++;
		if (!strchr(line, '\n') && !feof(f))
			ok = complain(&p, "the line is too long", "");
		else
			ok = parse_line(&p, line);
	}
	if (ok && ferror(f)) {
		fprintf(stderr, "hvcal-sim: %s: %s\n", path, strerror(errno));
		ok = false;
	}
	fclose(f);
	if (ok && !w->nclasses)
		ok = complain(&p, "no class in this file", path);
	return ok;
}
