/*
 * yaml_module.h
 *	  What the core and the module distquery_yaml know of each other.
 */
#ifndef DQ_YAML_MODULE_H
#define DQ_YAML_MODULE_H

#include <stdbool.h>
#include <stddef.h>

#define YAML_MODULE "distquery_yaml"
#define YAML_PARSE_FUNCTION "dq_yaml_parse"

/* Told of each value in document order; they return false to stop. */
typedef struct YamlSink
{
	void *arg;
	bool (*begin)(void *arg, bool is_mapping, const char *anchor);
	bool (*end)(void *arg);
	bool (*scalar)(void *arg, const char *text, size_t len, bool is_plain, const char *anchor);
	bool (*alias)(void *arg, const char *anchor);
} YamlSink;

/* False when the text is no YAML (*problem, palloc'd) or the sink stopped (*problem is NULL). */
typedef bool (*YamlParse)(const char *text, size_t len, const YamlSink *sink, char **problem);

#endif /* DQ_YAML_MODULE_H */
