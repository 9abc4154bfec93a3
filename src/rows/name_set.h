/*
 * name_set.h
 *	  Names of members that were seen; private to rows/.
 */
#ifndef DQ_NAME_SET_H
#define DQ_NAME_SET_H

#include "lib/stringinfo.h"

/* Hashes of 64 bits with open addressing; 0 marks a free slot. */
typedef struct NameSet
{
	uint64 *slots; /* palloc'd */
	uint32 nslots; /* a power of two */
	uint32 used;
} NameSet;

/* An empty set, which lives in the current context. */
extern void dq_name_set_init(NameSet *set);

/* Adds a name; false when it was there. */
extern bool dq_name_set_add(NameSet *set, const char *name, size_t len);

extern void dq_name_set_free(NameSet *set);

#endif /* DQ_NAME_SET_H */
