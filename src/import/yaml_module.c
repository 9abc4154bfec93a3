/*
 * yaml_module.c
 *	  The loadable module distquery_yaml: libyaml's events for doc_yaml.c.
 *
 * Apart from the core, so that this does not need libyaml.  libyaml's parser is asked for one
 * event after the other; between them, never inside, the sink may raise.  The parser is released
 * with the memory context that was current.
 */
#include "postgres.h"

#include <yaml.h>

#include "compat.h"
#include "fmgr.h"
#include "import/yaml_module.h"
#include "miscadmin.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT bool dq_yaml_parse(const char *text, size_t len, const YamlSink *sink,
									  char **problem);

static void
release_parser(void *arg)
{
	yaml_parser_delete(arg);
}

static yaml_parser_t *
make_parser(const char *text, size_t len)
{
	yaml_parser_t *parser = palloc0(sizeof(yaml_parser_t));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	callback->func = release_parser;
	callback->arg = parser;
	if (!yaml_parser_initialize(parser))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
				 errdetail("libyaml could not make a parser.")));
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	yaml_parser_set_input_string(parser, (const unsigned char *) text, len);
	yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
	return parser;
}

static char *
describe_problem(const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "unknown problem";

	if (parser->error == YAML_MEMORY_ERROR)
		return pstrdup("libyaml is out of memory");
	return psprintf("%s in line %zu", problem, parser->problem_mark.line + 1);
}

/* A second document would be passed over silently. */
static bool
tell(const yaml_event_t *event, const YamlSink *sink, int *documents, char **problem)
{
	switch (event->type)
	{
		case YAML_DOCUMENT_START_EVENT:
			if (++*documents == 1)
				return true;
			*problem = pstrdup("it holds more than one document");
			return false;
		case YAML_MAPPING_START_EVENT:
			return sink->begin(sink->arg, true, (const char *) event->data.mapping_start.anchor);
		case YAML_SEQUENCE_START_EVENT:
			return sink->begin(sink->arg, false, (const char *) event->data.sequence_start.anchor);
		case YAML_MAPPING_END_EVENT:
		case YAML_SEQUENCE_END_EVENT:
			return sink->end(sink->arg);
		case YAML_SCALAR_EVENT:
			return sink->scalar(sink->arg, (const char *) event->data.scalar.value,
								event->data.scalar.length,
								event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
								(const char *) event->data.scalar.anchor);
		case YAML_ALIAS_EVENT:
			return sink->alias(sink->arg, (const char *) event->data.alias.anchor);
		default:
			return true;
	}
}

/* What libyaml allocated for an event is given back before anything can raise. */
typedef struct EventHolder
{
	yaml_event_t event;
	bool is_held;
} EventHolder;

static void
release_event(void *arg)
{
	EventHolder *holder = arg;

	if (holder->is_held)
		yaml_event_delete(&holder->event);
	holder->is_held = false;
}

bool
dq_yaml_parse(const char *text, size_t len, const YamlSink *sink, char **problem)
{
	yaml_parser_t *parser = make_parser(text, len);
	EventHolder *holder = palloc0(sizeof(EventHolder));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));
	int documents = 0;

	callback->func = release_event;
	callback->arg = holder;
	MemoryContextRegisterResetCallback(CurrentMemoryContext, callback);
	for (;;)
	{
		yaml_event_type_t type;

		CHECK_FOR_INTERRUPTS();
		if (!yaml_parser_parse(parser, &holder->event))
		{
			*problem = describe_problem(parser);
			return false;
		}
		holder->is_held = true;
		type = holder->event.type;
		if (type == YAML_STREAM_END_EVENT)
			break;
		if (!tell(&holder->event, sink, &documents, problem))
			return false;
		release_event(holder);
	}
	release_event(holder);
	return true;
}
