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

void
dq_name_set_init(NameSet *set)
{
	*set = (NameSet) { .slots = palloc0(INITIAL_SLOTS * sizeof(uint64)), .nslots = INITIAL_SLOTS };
}

/* By repalloc, which stays in the memory context of the set whatever is the current one. */
static void
grow(NameSet *set)
{
	uint32 nslots = set->nslots;
	uint64 *hashes = memcpy(palloc(nslots * sizeof(uint64)), set->slots, nslots * sizeof(uint64));

	set->slots = repalloc(set->slots, 2 * nslots * sizeof(uint64));
	memset(set->slots, 0, 2 * nslots * sizeof(uint64));
	set->nslots = 2 * nslots;
	set->used = 0;
	for (uint32 i = 0; i < nslots; i++)
		if (hashes[i])
			put(set, hashes[i]);
	pfree(hashes);
}

bool
dq_name_set_add(NameSet *set, const char *name, size_t len)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) name, (int) len, 0);

	if (set->used * 2 >= set->nslots)
		grow(set);
	return put(set, hash == 0 ? 1 : hash);
}

void
dq_name_set_free(NameSet *set)
{
	if (set->slots)
		pfree(set->slots);
	memset(set, 0, sizeof(*set));
}
