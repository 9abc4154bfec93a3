/*
 * validator.c
 *	  Checks the options of CREATE and ALTER, and lists all options for the view distquery.options.
 *
 * PostgreSQL hands over the whole merged list, so what must be there, and what goes together, is
 * checked here too.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_foreign_table.h"
#include "catalog/pg_user_mapping.h"
#include "commands/defrem.h"
#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "spec/options.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

/* A name with more mistakes than that (and in a short one, more than one) was not meant. */
#define MAX_MISTAKES 2

PG_FUNCTION_INFO_V1(distquery_validator);
PG_FUNCTION_INFO_V1(distquery_options);

static OptionPlace
place_of_catalog(Oid catalog)
{
	switch (catalog)
	{
		case ForeignServerRelationId:
			return PLACE_SERVER;
		case UserMappingRelationId:
			return PLACE_MAPPING;
		case ForeignTableRelationId:
			return PLACE_TABLE;
		case AttributeRelationId:
			return PLACE_COLUMN;
		default:
			return 0;
	}
}

/* The valid name that is nearest, or NULL. */
static const char *
closest_name(OptionPlace place, const char *name)
{
	const char *closest = NULL;
	int len = strlen(name);
	int mistakes = Min(MAX_MISTAKES, Max(len / 3, 1));

	if (len >= NAMEDATALEN)
		return NULL;
	for (int i = 0; i < OPTION_COUNT; i++)
	{
		const char *candidate = dq_options[i].name;

		if (!(dq_options[i].places & place))
			continue;

		int distance = varstr_levenshtein_less_equal(name, len, candidate, strlen(candidate), 1, 1,
													 1, mistakes, true);

		if (distance <= mistakes)
		{
			closest = candidate;
			mistakes = distance - 1;
		}
	}
	return closest;
}

static char *
valid_names(OptionPlace place)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < OPTION_COUNT; i++)
		if (dq_options[i].places & place)
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", dq_options[i].name);
	return names.data;
}

static char *
places_text(int places)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int place = PLACE_SERVER; place <= PLACE_COLUMN; place <<= 1)
		if (places & place)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", dq_option_place_name(place));
	return list.data;
}

pg_noreturn static void refuse_name(OptionPlace place, const char *name);

static void
refuse_name(OptionPlace place, const char *name)
{
	const OptionRow *elsewhere = dq_option_find(name);
	const char *closest = elsewhere ? NULL : closest_name(place, name);
	const char *where = place ? dq_option_place_name(place) : "foreign-data wrapper";

	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
			 errmsg("invalid option \"%s\" for %s", name, where),
			 elsewhere ?
				 errhint("Option \"%s\" belongs to: %s.", name, places_text(elsewhere->places)) :
				 closest ? errhint("Perhaps you meant the option \"%s\".", closest) :
				 place	 ? errhint("Valid options are: %s.", valid_names(place)) :
						   errhint("There are no valid options here.")));
}

static void
refuse_value(const OptionRow *row, OptionPlace place, const char *value, const char *problem,
			 const char *hint)
{
	bool may_hold_secret = row->is_secret || row->type == OPTION_HEADERS ||
		((row->type == OPTION_URL || row->type == OPTION_TOKEN_URL || row->type == OPTION_PROXY ||
		  row->type == OPTION_CACHE_URL || row->type == OPTION_URL_OR_PATH) &&
		 strchr(value, '@'));

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 may_hold_secret ? errmsg("invalid value for option \"%s\" of %s", row->name,
									  dq_option_place_name(place)) :
							   errmsg("invalid value for option \"%s\" of %s: \"%s\"", row->name,
									  dq_option_place_name(place), value),
			 errdetail("%c%s.", pg_toupper((unsigned char) problem[0]), problem + 1),
			 hint ? errhint("%s", hint) : 0));
}

static void
require_option(List *options, OptionPlace place, OptionId id, const char *because)
{
	ListCell *cell;

	foreach(cell, options)
		if (strcmp(((DefElem *) lfirst(cell))->defname, dq_options[id].name) == 0)
			return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
			 errmsg("option \"%s\" is required for %s%s", dq_options[id].name,
					dq_option_place_name(place), because)));
}

static const char *
option_text(List *options, OptionId id)
{
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *option = lfirst(cell);

		if (strcmp(option->defname, dq_options[id].name) == 0)
			return defGetString(option);
	}
	return NULL;
}

/* A credential that auth makes no use of is a mistake; one that it needs must be there. */
static void
check_mapping(List *options)
{
	static const struct
	{
		const char *auth;
		OptionId id;
		bool is_required;
	} uses[] = { { "basic", OPT_USERNAME, true },		{ "basic", OPT_PASSWORD, true },
				 { "bearer", OPT_TOKEN, true },			{ "api_key", OPT_API_KEY, true },
				 { "api_key", OPT_API_KEY_IN, false },	{ "mtls", OPT_CERT_FILE, true },
				 { "mtls", OPT_KEY_FILE, true },		{ "mtls", OPT_KEY_PASSWORD, false },
				 { "oauth2", OPT_TOKEN_URL, false },	{ "oauth2", OPT_CLIENT_ID, true },
				 { "oauth2", OPT_CLIENT_SECRET, true }, { "oauth2", OPT_SCOPE, false },
				 { "oauth2", OPT_AUDIENCE, false },		{ "oauth2", OPT_CLIENT_AUTH, false } };
	const char *auth = option_text(options, OPT_AUTH);

	if (auth == NULL)
		auth = dq_options[OPT_AUTH].default_value;
	for (int i = 0; i < lengthof(uses); i++)
	{
		const char *name = dq_options[uses[i].id].name;

		if (pg_strcasecmp(auth, uses[i].auth) == 0)
		{
			if (uses[i].is_required)
				require_option(options, PLACE_MAPPING, uses[i].id,
							   psprintf(" with auth '%s'", auth));
		}
		else if (option_text(options, uses[i].id))
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
					 errmsg("option \"%s\" of user mapping is not used with auth '%s'", name, auth),
					 errhint("Set option \"auth\" to '%s'.", uses[i].auth)));
	}
}

Datum
distquery_validator(PG_FUNCTION_ARGS)
{
	List *options = untransformRelOptions(PG_GETARG_DATUM(0));
	OptionPlace place = place_of_catalog(PG_GETARG_OID(1));
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *option = lfirst(cell);
		const OptionRow *row = dq_option_find(option->defname);
		char *value = defGetString(option);
		char *problem;
		char *hint;

		if (row == NULL || !(row->places & place))
			refuse_name(place, option->defname);
		if (row->is_superuser_only && !superuser())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("only superusers can set option \"%s\"", row->name),
					 errdetail("It makes the database server read a file.  A %s that has it is altered by superusers only.",
							   dq_option_place_name(place))));
		if (!dq_option_check(row, value, &problem, &hint))
			refuse_value(row, place, value, problem, hint);
	}
	if (place == PLACE_SERVER)
		require_option(options, place, OPT_URL, "");
	/* Only the server tells which of them it has to be; spec_build.c knows. */
	if (place == PLACE_TABLE && !option_text(options, OPT_FIELD) &&
		!option_text(options, OPT_LOOKUP_FIELD) && !option_text(options, OPT_ENTITY))
		require_option(options, place, OPT_PATH, "");
	if (place == PLACE_MAPPING)
		check_mapping(options);
	PG_RETURN_VOID();
}

/* Rows of the view distquery.options. */
Datum
distquery_options(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	dq_init_materialized_srf(fcinfo);
	for (int i = 0; i < OPTION_COUNT; i++)
	{
		const OptionRow *row = &dq_options[i];
		Datum values[5];
		bool nulls[5] = { false, false, false, false, false };

		values[0] = CStringGetTextDatum(row->name);
		values[1] = CStringGetTextDatum(places_text(row->places));
		values[2] = CStringGetTextDatum(dq_option_type_text(row));
		nulls[3] = row->default_value == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(row->default_value);
		values[4] = CStringGetTextDatum(row->help);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
