/*
 * decl_name.c
 *	  Names for tables and columns: from whatever a document calls them to what is good in SQL.
 *
 * A name depends on the text that it is made from alone, except where two come out the same, so
 * that importing again gives the same names.  ASCII comes out as lower-case words joined by
 * underscores; other characters stay as they are.
 */
#include "base.h"

#include "common/hashfn.h"
#include "import/decl.h"

/* What PostgreSQL keeps of a name. */
#define MAX_NAME_BYTES (NAMEDATALEN - 1)

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A capital begins a word behind a small letter or digit, and before a small letter. */
static bool
begins_word(const char *raw, size_t i)
{
	if (i == 0 || !is_upper(raw[i]))
		return false;
	if (is_lower(raw[i - 1]) || is_digit(raw[i - 1]))
		return true;
	/* "HTMLUrl" is html_url, but "IDs" is ids. */
	return is_upper(raw[i - 1]) && is_lower(raw[i + 1]) &&
		!(raw[i + 1] == 's' && !is_lower(raw[i + 2]));
}

char *
dq_name_snake(const char *raw)
{
	StringInfoData name;

	initStringInfo(&name);
	for (size_t i = 0; raw[i]; i++)
	{
		char c = raw[i];
		bool is_letter = is_lower(c) || is_upper(c) || (unsigned char) c >= 0x80;
		bool is_gap = name.len > 0 && name.data[name.len - 1] == '_';

		if (!is_letter && !is_digit(c))
		{
			if (name.len > 0 && !is_gap)
				appendStringInfoChar(&name, '_');
			continue;
		}
		if ((begins_word(raw, i) && !is_gap) || (name.len == 0 && is_digit(c)))
			appendStringInfoChar(&name, '_');
		appendStringInfoChar(&name, is_upper(c) ? c - 'A' + 'a' : c);
	}
	while (name.len > 0 && name.data[name.len - 1] == '_')
		name.data[--name.len] = '\0';
	if (name.len == 0)
		appendStringInfoString(&name, "value");
	return dq_decl_take(&name);
}

/* The bytes of name, at most max, that end between two characters of UTF-8. */
static int
clip(const char *name, int max)
{
	int len = (int) strnlen(name, max + 1);

	if (len <= max)
		return len;
	len = max;
	while (len > 0 && ((unsigned char) name[len] & 0xC0) == 0x80)
		len--;
	return len;
}

char *
dq_name_cut(const char *name)
{
	size_t len = strlen(name);

	if (len <= MAX_NAME_BYTES)
		return pstrdup(name);
	return psprintf("%.*s_%08x", clip(name, MAX_NAME_BYTES - 9), name,
					hash_bytes((const unsigned char *) name, (int) len));
}

bool
dq_name_is_system(const char *name)
{
	static const char *const system[] = { "ctid", "xmin", "xmax", "cmin", "cmax", "tableoid" };

	for (int i = 0; i < lengthof(system); i++)
		if (strcmp(name, system[i]) == 0)
			return true;
	return false;
}

/*
 * Sets of names
 */

/* The slot that holds name, or the free one where it belongs. */
static uint32
find_slot(const NameSet *set, const char *name)
{
	uint32 mask = set->nslots - 1;
	uint32 slot = hash_bytes((const unsigned char *) name, (int) strlen(name)) & mask;

	while (set->slots[slot] && strcmp(set->names[set->slots[slot] - 1], name) != 0)
		slot = (slot + 1) & mask;
	return slot;
}

int
dq_name_index(const NameSet *set, const char *name)
{
	return set->n > 0 ? set->slots[find_slot(set, name)] - 1 : -1;
}

bool
dq_name_is_used(const NameSet *set, const char *name)
{
	return dq_name_index(set, name) >= 0;
}

void
dq_name_use(NameSet *set, const char *name)
{
	if ((uint32) set->n * 2 >= set->nslots)
	{
		set->nslots = set->nslots ? set->nslots * 2 : 64;
		set->slots = palloc0(sizeof(int) * set->nslots);
		for (int i = 0; i < set->n; i++)
			set->slots[find_slot(set, set->names[i])] = i + 1;
	}
	if (dq_name_is_used(set, name))
		return;
	set->names = dq_decl_grow(set->names, set->n, sizeof(char *));
	set->names[set->n++] = name;
	set->slots[find_slot(set, name)] = set->n;
}

char *
dq_name_unique(NameSet *set, const char *name)
{
	char *candidate = dq_name_cut(name);

	for (int i = 2; dq_name_is_used(set, candidate) || dq_name_is_system(candidate); i++)
	{
		char *suffix = psprintf("_%d", i);
		int room = MAX_NAME_BYTES - (int) strlen(suffix);

		candidate = dq_name_cut(name);
		candidate = psprintf("%.*s%s", clip(candidate, room), candidate, suffix);
	}
	dq_name_use(set, candidate);
	return candidate;
}
