/*
 * bind.c
 *	  From a plan's conditions and the values of this execution to the questions that are asked.
 *
 * A condition becomes one or more parts: a comparison has one, a list as many as max_batch, its
 * separator, a path placeholder or a lookup ask for.  The questions are the product of all
 * conditions' parts; a question whose URL is longer than max_url is halved along its longest list.
 * A condition whose value cannot be sent is left out, if the clause is checked locally anyway.
 *
 * Parts of one list overlap when a service reads its filter more widely than SQL does, so every
 * row is held against the keys of the question that brought it (KeyCheck): no row comes twice.
 */
#include "postgres.h"

#include "access/nbtree.h"
#include "catalog/pg_type.h"
#include "fdw/bind_private.h"
#include "fdw/bind_scope.h"
#include "fdw/bind_tree.h"
#include "fdw/spell_value.h"
#include "fetch/strategy.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* More questions than that are not one statement's business. */
#define MAX_ASKS 100000

/* From so many on, asking for more rows is cheaper than asking more questions. */
#define MANY_ASKS 1000

/* True when the question would mean something else without the condition. */
static bool
must_send(const Binder *binder, const Term *term)
{
	return term->condition->is_exact || term->column->is_required || binder->plan->is_lookup ||
		term->column->from_request;
}

/* How many values of a list one question may hold. */
static int
part_size(const Binder *binder, const Term *term)
{
	if (term->condition->op != COND_IN)
		return Max(term->value->nvalues, 1);
	return dq_column_lists(term->column, binder->plan->is_lookup) ? binder->table->max_batch : 1;
}

static void
add_part(Term *term, Datum *values, const char **texts, int n)
{
	term->parts[term->nparts++] = (Part) { n, values, texts };
}

/* The text of a value as it is sent; NULL when it cannot be said. */
static char *
value_text(const Binder *binder, const Term *term, Datum value)
{
	const PlanCondition *condition = term->condition;
	bool is_parameter = !dq_bind_is_in_path(binder, term) &&
		!dq_bind_is_in_body(binder, term, condition->op);

	return is_parameter ?
		dq_bind_text(term->column, condition->op, term->value->type, value, condition->is_exact) :
		dq_spell_value(term->column, condition->op, term->value->type, value, condition->is_exact);
}

/* Cuts the values of a condition into parts; false when the condition is left out. */
static bool
make_parts(Binder *binder, Term *term)
{
	const ConditionValue *value = term->value;
	int size = part_size(binder, term);
	const char **texts = palloc(sizeof(char *) * Max(value->nvalues, 1));
	Datum *values = palloc(sizeof(Datum) * Max(value->nvalues, 1));
	int listed = 0;

	term->parts = palloc0(sizeof(Part) * Max(value->nvalues, 1));
	if (value->is_unknown)
	{
		texts[0] = value->marker;
		add_part(term, values, texts, 1);
		return true;
	}
	if (value->nvalues == 0)
	{
		add_part(term, values, texts, 0);
		return true;
	}
	for (int i = 0; i < value->nvalues; i++)
	{
		char *sent;

		if (!dq_bind_can_equal(term->column, term->condition->op, value->type, value->values[i]))
			continue;
		sent = value_text(binder, term, value->values[i]);
		if (sent == NULL)
		{
			if (must_send(binder, term))
				dq_bind_unsendable(binder->table, term->column);
			return false;
		}
		if (size > 1 && !dq_bind_can_list(term->column, sent))
		{
			const char **alone = palloc(sizeof(char *));
			Datum *key = palloc(sizeof(Datum));

			alone[0] = sent;
			key[0] = value->values[i];
			add_part(term, key, alone, 1);
			continue;
		}
		texts[listed] = sent;
		values[listed++] = value->values[i];
	}
	for (int i = 0; i < listed; i += size)
		add_part(term, values + i, texts + i, Min(size, listed - i));
	return true;
}

/* The value of a condition as a Datum of the column's own type. */
static Datum
value_for_column(const Term *term, Datum value)
{
	Oid from = getBaseType(term->value->type);
	Oid to = getBaseType(term->column->type);
	Oid output;
	Oid input;
	Oid param;
	bool is_varlena;

	if (from == to)
		return value;
	getTypeOutputInfo(from, &output, &is_varlena);
	getTypeInputInfo(to, &input, &param);
	return OidInputFunctionCall(input, OidOutputFunctionCall(output, value), param, -1);
}

/*
 * The order of the column's type against that of the keys, looked up once.  Text and varchar share
 * text's.
 */
static FmgrInfo *
key_comparison(Term *term)
{
	Oid column_type = getBaseType(term->column->type);
	Oid key_type = getBaseType(term->value->type);
	TypeCacheEntry *entry;
	Oid function;

	if (term->compare)
		return term->compare;
	entry = lookup_type_cache(column_type, TYPECACHE_BTREE_OPFAMILY);
	if (entry->btree_opintype != column_type)
		key_type = entry->btree_opintype;
	function = get_opfamily_proc(entry->btree_opf, entry->btree_opintype, key_type, BTORDER_PROC);
	if (!OidIsValid(function))
		function = get_opfamily_proc(entry->btree_opf, entry->btree_opintype, entry->btree_opintype,
									 BTORDER_PROC);
	if (!OidIsValid(function))
		elog(ERROR, "types %u and %u have no order", column_type, key_type);
	term->compare = palloc0(sizeof(FmgrInfo));
	fmgr_info(function, term->compare);
	return term->compare;
}

/* What a choice restricts, for strategies that answer one question from another's rows. */
static Scope *
choice_scope(const Choice *choice)
{
	const Binder *binder = choice->binder;
	Scope *scope;
	ScopeTerm *terms;

	/* Planned for asking: the answer is no more than this query needs. */
	if (binder->plan->enough > 0 || binder->plan->fields != NIL)
		return NULL;
	scope = palloc0(sizeof(Scope));
	terms = palloc0(sizeof(ScopeTerm) * Max(binder->nterms, 1));
	scope->base = dq_bind_url(choice, 0, false);
	if (choice->with_trees && binder->ntrees > 0)
		scope->logic = dq_bind_url(choice, 0, true);
	scope->logic_is_checked = binder->can_leave_trees_out;
	scope->is_ordered = binder->plan->nsort > 0;
	scope->is_whole = binder->nterms == 0 && scope->logic == NULL;
	scope->terms = terms;
	for (int i = 0; i < binder->nterms; i++)
	{
		const Term *term = &binder->terms[i];
		const Part *part = choice->parts[i];

		if (term->value->is_unknown)
			return NULL;
		if (!dq_bind_is_in_path(binder, term))
			dq_scope_term(&terms[scope->nterms++], term->column, term->condition, term->value->type,
						  part->nvalues, part->values, part->texts);
	}
	return scope;
}

/* Of several columns, the one with most values tells best which rows are asked for. */
static void
name_keys(Ask *ask, const ColumnSpec *column, const Part *part)
{
	if (part->nvalues <= ask->nkeys)
		return;
	ask->key_name = column->name;
	ask->nkeys = part->nvalues;
	ask->keys = (const char *const *) part->texts;
}

static void
add_ask(Binder *binder, const Choice *choice, char *url)
{
	Ask ask = { .url = url,
				.body = dq_bind_body(choice),
				.is_lookup = binder->plan->is_lookup,
				.is_whole = binder->nterms + binder->ntrees == 0 && !binder->plan->is_lookup &&
					binder->plan->enough == 0 };

	/* What a GraphQL service answers holds the columns of one question only. */
	if (dq_strategy(binder->table) != STRATEGY_LIVE && binder->table->graphql == NULL)
		ask.scope = choice_scope(choice);
	if (dq_strategy(binder->table) == STRATEGY_CACHE && ask.scope)
	{
		ask.alone = dq_bind_alone(choice, ask.scope);
		ask.wider = dq_bind_wider(choice, ask.scope, &ask.nwider);
		if (binder->table->cache_rows && !ask.is_lookup)
			ask.row_key = dq_bind_row_key(choice);
	}

	dq_bind_marks(choice, ask.marks);
	ask.values = palloc0(sizeof(RequestValue) * Max(binder->nterms, 1));
	ask.checks = palloc0(sizeof(KeyCheck) * Max(binder->nterms, 1));
	for (int i = 0; i < binder->nterms; i++)
	{
		Term *term = &binder->terms[i];
		const Part *part = choice->parts[i];
		bool is_equality = term->condition->op == COND_EQ || term->condition->op == COND_IN;

		if (term->value->is_unknown)
			continue;
		if (term->condition->key > 0 || term->condition->op == COND_IN ||
			(ask.is_lookup && is_equality))
			name_keys(&ask, term->column, part);
		if (is_equality && part->nvalues == 1 &&
			(dq_bind_is_in_path(binder, term) || term->column->from_request))
			ask.values[ask.nvalues++] = (RequestValue) {
				.attnum = term->column->attnum,
				.if_missing = term->column->json != NULL,
				.value = value_for_column(term, part->values[0])
			};
		/* A lookup of many keys may find nothing, or something else, in place of one. */
		if (term->nparts > 1 || term->is_halved || (binder->plan->is_lookup && part->nvalues > 1))
			ask.checks[ask.nchecks++] = (KeyCheck) { .attnum = term->column->attnum,
													 .compare = key_comparison(term),
													 .nkeys = part->nvalues,
													 .keys = part->values };
	}
	if (binder->nasks == binder->max_asks)
	{
		binder->max_asks = Max(16, binder->max_asks * 2);
		binder->asks = binder->asks ? repalloc(binder->asks, sizeof(Ask) * binder->max_asks) :
									  palloc(sizeof(Ask) * binder->max_asks);
	}
	if (binder->nasks >= MAX_ASKS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("foreign table \"%s\" would have to be asked more than %d questions",
						binder->table->name, MAX_ASKS),
				 errhint(
					 "Restrict the query further, or declare a filter \"in\" that takes many keys at once.")));
	binder->asks[binder->nasks++] = ask;
}

/* The term whose list takes most of a URL that is too long, -1 when there is no list to halve. */
static int
longest_list(const Choice *choice)
{
	int longest = -1;

	for (int i = 0; i < choice->binder->nterms; i++)
		if (choice->binder->terms[i].condition->op == COND_IN && choice->parts[i]->nvalues > 1 &&
			(longest < 0 || choice->parts[i]->nvalues > choice->parts[longest]->nvalues))
			longest = i;
	return longest;
}

static void
ask_choice(Binder *binder, Choice *choice)
{
	size_t max_bytes = binder->table->max_url_bytes;
	char *url = dq_bind_url(choice, binder->nterms, true);
	int i;

	CHECK_FOR_INTERRUPTS();
	choice->with_trees = true;
	if (strlen(url) > max_bytes && binder->can_leave_trees_out && binder->ntrees > 0)
	{
		choice->with_trees = false;
		url = dq_bind_url(choice, binder->nterms, false);
	}
	if (strlen(url) <= max_bytes || (i = longest_list(choice)) < 0)
	{
		add_ask(binder, choice, url);
		return;
	}
	pfree(url);
	check_stack_depth();

	const Part *whole = choice->parts[i];
	int half = whole->nvalues / 2;
	Part *halves = palloc(sizeof(Part) * 2);

	halves[0] = (Part) { half, whole->values, whole->texts };
	halves[1] = (Part) { whole->nvalues - half, whole->values + half, whole->texts + half };
	binder->terms[i].is_halved = true;
	choice->parts[i] = &halves[0];
	ask_choice(binder, choice);
	choice->parts[i] = &halves[1];
	ask_choice(binder, choice);
	choice->parts[i] = whole;
}

/* All choices of one part a term, the last term varying fastest. */
static void
ask_product(Binder *binder)
{
	int *index = palloc0(sizeof(int) * (binder->nterms + 1));
	Choice choice = { .binder = binder, .parts = palloc0(sizeof(Part *) * (binder->nterms + 1)) };
	int i;

	do
	{
		for (i = 0; i < binder->nterms; i++)
			choice.parts[i] = &binder->terms[i].parts[index[i]];
		ask_choice(binder, &choice);
		for (i = binder->nterms - 1; i >= 0; i--)
		{
			if (++index[i] < binder->terms[i].nparts)
				break;
			index[i] = 0;
		}
	} while (i >= 0);
}

/*
 * Lists multiply when several are asked in parts: those that are checked locally anyway are left
 * out then, the longest first.
 */
static void
leave_lists_out(Binder *binder)
{
	for (;;)
	{
		double product = 1;
		int longest = -1;
		int nlists = 0;

		for (int i = 0; i < binder->nterms; i++)
		{
			const Term *term = &binder->terms[i];

			product *= term->nparts;
			nlists += term->nparts > 1;
			if (term->nparts > 1 && !must_send(binder, term) &&
				(longest < 0 || term->nparts > binder->terms[longest].nparts))
				longest = i;
		}
		if (product <= (nlists > 1 ? MANY_ASKS : MAX_ASKS) || longest < 0)
			return;
		binder->nterms--;
		memmove(&binder->terms[longest], &binder->terms[longest + 1],
				sizeof(Term) * (binder->nterms - longest));
	}
}

/* The ORs that are asked; false when one of them is true for no row. */
static bool
bind_trees(Binder *binder, const ConditionValue *values)
{
	binder->trees = palloc0(sizeof(BoundTree *) * Max(binder->plan->ntrees, 1));
	binder->can_leave_trees_out = true;
	for (int i = 0; i < binder->plan->ntrees; i++)
	{
		const BoundTree *tree;
		TreeVerdict verdict = dq_bind_tree(binder->table, binder->plan, i, values, &tree);

		if (verdict == TREE_FALSE)
			return false;
		if (verdict == TREE_OMITTED)
			continue;
		binder->trees[binder->ntrees++] = tree;
		binder->can_leave_trees_out &= !binder->plan->trees[i].is_exact;
	}
	return true;
}

int
dq_bind_asks(const TableSpec *table, const PlanData *plan, const ConditionValue *values, Ask **asks)
{
	Binder binder = { .table = table, .plan = plan };

	binder.terms = palloc0(sizeof(Term) * Max(plan->nconditions, 1));
	for (int i = 0; i < plan->nconditions; i++)
	{
		Term *term = &binder.terms[binder.nterms];

		if (plan->conditions[i].in_tree)
			continue;
		term->condition = &plan->conditions[i];
		term->column = &table->columns[plan->conditions[i].attnum - 1];
		term->value = &values[i];
		term->nparts = 0;
		if (!make_parts(&binder, term))
			continue;
		if (term->nparts == 0)
		{
			*asks = NULL;
			return 0;
		}
		binder.nterms++;
	}
	if (!bind_trees(&binder, values))
	{
		*asks = NULL;
		return 0;
	}
	leave_lists_out(&binder);
	ask_product(&binder);
	*asks = binder.asks;
	return binder.nasks;
}
