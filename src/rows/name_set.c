/*
 * name_set.c
 *	  Names of members that were seen.
 *
 * Only their hashes are kept: that two different names of an answer share one of 64 bits is not to be
 * expected.
 */
#include "base.h"

#include "common/hashfn.h"
#include "rows/name_set.h"

#define INITIAL_SLOTS 64

/* Whether the hash was not there; there is a free slot. */
static bool
put(NameSet *set, uint64 hash)
{
	uint32 slot = hash & (set->nslots - 1);

	for (; set->slots[slot]; slot = (slot + 1) & (set->nslots - 1))
		if (set->slots[slot] == hash)
			return false;
	set->slots[slot] = hash;
	set->used++;
	return true;
}

bool
dq_name_set_add(NameSet *set, const char *name, size_t len)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) name, (int) len, 0);

	if (set->used * 2 >= set->nslots)
	{
		NameSet larger = { .nslots = set->nslots ? set->nslots * 2 : INITIAL_SLOTS };

		larger.slots = palloc0(larger.nslots * sizeof(uint64));
		for (uint32 i = 0; i < set->nslots; i++)
			if (set->slots[i])
				put(&larger, set->slots[i]);
		dq_name_set_free(set);
		*set = larger;
	}
	return put(set, hash == 0 ? 1 : hash);
}

void
dq_name_set_free(NameSet *set)
{
	if (set->slots)
		pfree(set->slots);
	memset(set, 0, sizeof(*set));
}
