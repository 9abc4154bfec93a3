/*
 * fuzz_server.c
 *	  SELECT fuzz_run('decoder', '-max_total_time=10 corpus ...'): libFuzzer within a backend.
 *
 * An error that a target raises is its answer, but for those that cannot be meant: internal ones,
 * and those without a class of their own.  libFuzzer ends the process when it is done; so this is
 * for a single-user server (test/setup/fuzz-server.sh).
 */
#include "postgres.h"

#include "access/xact.h"
#include "compat.h"
#include "fmgr.h"
#include "fuzz_server.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#define MAX_ARGUMENTS 64

extern int LLVMFuzzerRunDriver(int *argc, char ***argv,
							   int (*callback)(const uint8_t *data, size_t size));

PG_FUNCTION_INFO_V1(fuzz_run);

static const struct
{
	const char *name;
	FuzzTarget target;
} targets[] = { { "decoder", fuzz_decoder },
				{ "options", fuzz_options },
				{ "cache", fuzz_cache },
				{ "headers", fuzz_headers } };

static FuzzTarget target = NULL;
static MemoryContext input_context = NULL;

void
fuzz_check(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* What went wrong is an answer: never ours to be surprised by. */
static void
check_error(const ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (category == ERRCODE_INTERNAL_ERROR)
		fprintf(stderr, "%s (%s)\n", error->message, error->detail ? error->detail : "");
	fuzz_check(category != ERRCODE_INTERNAL_ERROR, "an internal error");
	fuzz_check(error->elevel == ERROR, "more than an error");
}

static int
run_one(const uint8_t *data, size_t size)
{
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext old = MemoryContextSwitchTo(input_context);

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(input_context);
	PG_TRY();
	{
		target(data, size);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(input_context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		check_error(error);
	}
	PG_END_TRY();
	CurrentResourceOwner = owner;
	MemoryContextSwitchTo(old);
	MemoryContextReset(input_context);
	return 0;
}

Datum
fuzz_run(PG_FUNCTION_ARGS)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char *rest = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char *arguments[MAX_ARGUMENTS + 1] = { "fuzz_server" };
	char **argv = arguments;
	int argc = 1;

	for (int i = 0; i < lengthof(targets); i++)
		if (strcmp(targets[i].name, name) == 0)
			target = targets[i].target;
	if (target == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("there is no fuzz target \"%s\"", name)));
	for (char *word = strtok_r(rest, " ", &rest); word && argc < MAX_ARGUMENTS;
		 word = strtok_r(NULL, " ", &rest))
		arguments[argc++] = word;
	input_context = AllocSetContextCreate(TopMemoryContext, "fuzz input", ALLOCSET_DEFAULT_SIZES);
	LLVMFuzzerRunDriver(&argc, &argv, run_one);
	PG_RETURN_VOID();
}
