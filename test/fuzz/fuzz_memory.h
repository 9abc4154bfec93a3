/*
 * fuzz_memory.h
 *	  palloc for fuzz programs: fuzz_release() gives back all that one input left behind, as a
 *	  memory context would.
 *
 * The functions stand in for libpgcommon's.  Each chunk is a malloc of its own, so that the
 * sanitizer sees its bounds.
 */
#ifndef DQ_FUZZ_MEMORY_H
#define DQ_FUZZ_MEMORY_H

/* Precedes each chunk; a multiple of the strictest alignment. */
typedef struct FuzzChunk
{
	struct FuzzChunk *prev;
	struct FuzzChunk *next;
} FuzzChunk;

static FuzzChunk fuzz_chunks = { &fuzz_chunks, &fuzz_chunks };

static void
fuzz_link(FuzzChunk *chunk)
{
	if (chunk == NULL)
		abort();
	chunk->prev = &fuzz_chunks;
	chunk->next = fuzz_chunks.next;
	chunk->next->prev = chunk;
	fuzz_chunks.next = chunk;
}

static void
fuzz_unlink(FuzzChunk *chunk)
{
	chunk->prev->next = chunk->next;
	chunk->next->prev = chunk->prev;
}

static void
fuzz_release(void)
{
	while (fuzz_chunks.next != &fuzz_chunks)
	{
		FuzzChunk *chunk = fuzz_chunks.next;

		fuzz_unlink(chunk);
		free(chunk);
	}
}

void *
palloc(Size size)
{
	FuzzChunk *chunk = malloc(sizeof(FuzzChunk) + size);

	fuzz_link(chunk);
	return chunk + 1;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void *
palloc_extended(Size size, int flags)
{
	return flags & MCXT_ALLOC_ZERO ? palloc0(size) : palloc(size);
}

void
pfree(void *pointer)
{
	FuzzChunk *chunk = (FuzzChunk *) pointer - 1;

	fuzz_unlink(chunk);
	free(chunk);
}

void *
repalloc(void *pointer, Size size)
{
	FuzzChunk *chunk = (FuzzChunk *) pointer - 1;

	fuzz_unlink(chunk);
	chunk = realloc(chunk, sizeof(FuzzChunk) + size);
	fuzz_link(chunk);
	return chunk + 1;
}

char *
pnstrdup(const char *in, Size size)
{
	size_t len = strnlen(in, size);
	char *copy = memcpy(palloc(len + 1), in, len);

	copy[len] = '\0';
	return copy;
}

char *
pstrdup(const char *in)
{
	return pnstrdup(in, strlen(in));
}

#endif /* DQ_FUZZ_MEMORY_H */
