/*
 * logic_test.c
 *	  AND and OR of conditions, in the words of the dialects that have them.
 */
#include "base.h"

#include "request/dialect.h"
#include "request/logic.h"
#include "tap.h"

static const char *five[] = { "5" };
static const char *two[] = { "O'Neil", "b,\"c\"" };

static Template *
compile(const char *source, const char *const *names)
{
	char *problem;

	return source ? dq_template_compile(source, names, &problem) : NULL;
}

static const Logic *
logic_of(const Dialect *dialect)
{
	Logic *logic = palloc0(sizeof(Logic));
	const char *const *names = dq_logic_placeholders();

	logic->whole = compile(dialect->whole, names);
	logic->top = compile(dialect->top, names);
	logic->all = compile(dialect->all, names);
	logic->any = compile(dialect->any, names);
	logic->all_joiner = dialect->all_joiner;
	logic->any_joiner = dialect->any_joiner;
	return logic;
}

/* A condition as a parameter of its own, or as a part of something larger. */
static const BoundTree *
leaf(const Dialect *dialect, const char *name, ConditionOp op, bool is_part)
{
	BoundTree *tree = palloc0(sizeof(BoundTree));
	const char *source = is_part && dialect->part[op] ? dialect->part[op] : dialect->spell[op];
	bool is_list = op == COND_IN || op == COND_LIKE;

	tree->condition = (BoundCondition) { .name = name,
										 .op = op,
										 .spell = compile(source, dq_condition_placeholders(op)),
										 .is_text = is_list,
										 .nvalues = op == COND_IN ? 2 :
											 op < COND_NULL		  ? 1 :
																	0,
										 .values = is_list ? two : five };
	return tree;
}

static const BoundTree *
join(BoundKind kind, const BoundTree *a, const BoundTree *b)
{
	BoundTree *tree = palloc0(sizeof(BoundTree));

	tree->kind = kind;
	tree->nparts = b ? 2 : 1;
	tree->parts = palloc(sizeof(BoundTree *) * 2);
	tree->parts[0] = a;
	tree->parts[1] = b;
	return tree;
}

static const char *
spell(const Dialect *dialect, int ntrees, const BoundTree *const *trees)
{
	StringInfoData out;

	initStringInfo(&out);
	dq_logic_spell(&out, dialect->any ? logic_of(dialect) : NULL, ntrees, trees);
	return out.data;
}

/* a = 5 AND (b > 5 OR (c IN (...) AND d IS NULL)) */
static const char *
spell_example(const char *name)
{
	const Dialect *dialect = dq_dialect_find(name);
	const BoundTree *trees[] = {
		leaf(dialect, "a", COND_EQ, false),
		join(BOUND_ANY, leaf(dialect, "b", COND_GT, true),
			 join(BOUND_ALL, leaf(dialect, "c", COND_IN, true),
				  leaf(dialect, "d", COND_NULL, true))),
	};

	return spell(dialect, 2, trees);
}

static void
test_dialects(void)
{
	const Dialect *odata = dq_dialect_find("odata");
	const Dialect *postgrest = dq_dialect_find("postgrest");
	const BoundTree *one;

	is_text(spell_example("postgrest"),
			"a=eq.5&or=(b.gt.%225%22,and(c.in.(%22O%27Neil%22,%22b%2C%5C%22c%5C%22%22),d.is.null))",
			"postgrest");
	is_text(spell_example("odata"),
			"$filter=a%20eq%205%20and%20(b%20gt%205%20or%20((c%20eq%20%27O%27%27Neil%27%20or%20"
			"c%20eq%20%27b%2C%22c%22%27)%20and%20d%20eq%20null))",
			"odata");
	is_text(spell(odata, 0, NULL), "", "no conditions are no parameter");
	one = join(BOUND_ANY, leaf(postgrest, "a", COND_EQ, true), NULL);
	is_text(spell(postgrest, 1, &one), "or=(a.eq.%225%22)", "an OR of one");
	one = join(BOUND_ALL, leaf(postgrest, "a", COND_EQ, true), leaf(postgrest, "b", COND_NE, true));
	is_text(spell(postgrest, 1, &one), "or=(and(a.eq.%225%22,b.neq.%225%22))", "an AND alone");
	one = leaf(odata, "c", COND_IN, false);
	is_text(spell(odata, 1, &one),
			"$filter=(c%20eq%20%27O%27%27Neil%27%20or%20c%20eq%20%27b%2C%22c%22%27)",
			"a list is an OR");
	one = join(BOUND_ALL, join(BOUND_ANY, leaf(odata, "a", COND_NE, true), NULL), NULL);
	is_text(spell(odata, 1, &one), "$filter=a%20ne%205", "single parts need no brackets");
}

static void
test_parameters(void)
{
	const Dialect *spring = dq_dialect_find("spring");
	const BoundTree *trees[] = { leaf(spring, "a", COND_EQ, false),
								 leaf(spring, "c", COND_IN, false) };

	ok(spring->any == NULL, "spring has no OR");
	is_text(spell(spring, 2, trees), "a=5&c=O%27Neil&c=b%2C%22c%22",
			"parameters, and a list repeated");
}

int
main(void)
{
	test_dialects();
	test_parameters();
	return tap_done();
}
