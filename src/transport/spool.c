/*
 * spool.c
 *	  A queue of byte records that spills to a temporary file past its memory share.
 *
 * Records lie one behind the other in blocks, each a length and its bytes; a record larger than a
 * block gets a block of its own.  Past the share, whole blocks go to a BufFile, the oldest first,
 * and are read back a block at a time by each reader that meets them.  Once a spool is released,
 * blocks that every reader has passed are forgotten, and the file with the last of its blocks.
 */
#include "postgres.h"

#include "compat.h"
#include "lib/ilist.h"
#include "storage/buffile.h"
#include "transport/spool.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#define BLOCK_BYTES ((size_t) 32 * 1024)
#define FIRST_BLOCK_BYTES ((size_t) 1024)

typedef struct SpoolBlock
{
	dlist_node node;
	size_t size; /* allocated */
	size_t used;
	char *data; /* NULL: in the file */
	int fileno;
	off_t offset;
} SpoolBlock;

struct Spool
{
	MemoryContext context;
	ResourceOwner owner; /* of the temporary file */
	int64 memory_limit;
	int64 memory; /* bytes of blocks in memory */
	int64 held;	  /* bytes of records in all blocks */
	bool is_kept;
	dlist_head blocks;		/* oldest first */
	SpoolBlock *spill_from; /* oldest block that is in memory, NULL: look from the head */
	dlist_head readers;
	BufFile *file;
	int end_fileno;
	off_t end_offset;
	int file_blocks;
};

struct SpoolReader
{
	dlist_node node;
	Spool *spool;
	SpoolBlock *block; /* NULL: before the first */
	size_t offset;
	size_t last_offset; /* of the record given last */
	char *buffer;		/* copy of a block that is in the file */
	size_t buffer_size;
	SpoolBlock *buffered; /* which one */
};

Spool *
dq_spool_create(int64 memory_bytes)
{
	Spool *spool = palloc0(sizeof(Spool));

	spool->context = CurrentMemoryContext;
	spool->owner = CurrentResourceOwner;
	spool->memory_limit = memory_bytes;
	spool->is_kept = true;
	dlist_init(&spool->blocks);
	dlist_init(&spool->readers);
	return spool;
}

Spool *
dq_spool_create_beside(const Spool *other, int64 memory_bytes)
{
	Spool *spool = dq_spool_create(memory_bytes);

	spool->owner = other->owner;
	return spool;
}

/*
 * Moves one block to the file; the file belongs to the owner of the spool, not to whoever drives
 * the loop.
 */
static void
spill_block(Spool *spool, SpoolBlock *block)
{
	if (spool->file == NULL)
	{
		ResourceOwner old_owner = CurrentResourceOwner;
		MemoryContext old = MemoryContextSwitchTo(spool->context);

		CurrentResourceOwner = spool->owner;
		spool->file = BufFileCreateTemp(false);
		CurrentResourceOwner = old_owner;
		MemoryContextSwitchTo(old);
		spool->end_fileno = 0;
		spool->end_offset = 0;
	}
	if (BufFileSeek(spool->file, spool->end_fileno, spool->end_offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file of distquery")));
	block->fileno = spool->end_fileno;
	block->offset = spool->end_offset;
	BufFileWrite(spool->file, block->data, block->used);
	BufFileTell(spool->file, &spool->end_fileno, &spool->end_offset);
	pfree(block->data);
	block->data = NULL;
	spool->memory -= block->size;
	spool->file_blocks++;
}

static SpoolBlock *
next_block(Spool *spool, SpoolBlock *block)
{
	if (block == NULL)
		return dlist_is_empty(&spool->blocks) ?
			NULL :
			dlist_head_element(SpoolBlock, node, &spool->blocks);
	return dlist_has_next(&spool->blocks, &block->node) ?
		dlist_container(SpoolBlock, node, dlist_next_node(&spool->blocks, &block->node)) :
		NULL;
}

/* Spills the oldest blocks until the rest fits; the last one stays, it is being written. */
static void
spill_excess(Spool *spool)
{
	SpoolBlock *last = dlist_tail_element(SpoolBlock, node, &spool->blocks);
	SpoolBlock *block = spool->spill_from ? spool->spill_from : next_block(spool, NULL);

	while (spool->memory > spool->memory_limit && block != last)
	{
		if (block->data)
			spill_block(spool, block);
		block = next_block(spool, block);
	}
	spool->spill_from = block;
}

void
dq_spool_append(Spool *spool, const char *bytes, size_t len)
{
	uint32 header = (uint32) len;
	size_t needed = sizeof(header) + len;
	SpoolBlock *block = dlist_is_empty(&spool->blocks) ?
		NULL :
		dlist_tail_element(SpoolBlock, node, &spool->blocks);

	if (block == NULL || block->size - block->used < needed)
	{
		size_t size = Max(block ? BLOCK_BYTES : FIRST_BLOCK_BYTES, needed);
		SpoolBlock *fresh = MemoryContextAllocZero(spool->context, sizeof(SpoolBlock));

		fresh->data = MemoryContextAllocHuge(spool->context, size);
		fresh->size = size;
		dlist_push_tail(&spool->blocks, &fresh->node);
		spool->memory += size;
		block = fresh;
		if (spool->memory > spool->memory_limit)
			spill_excess(spool);
	}
	memcpy(block->data + block->used, &header, sizeof(header));
	memcpy(block->data + block->used + sizeof(header), bytes, len);
	block->used += needed;
	spool->held += needed;
}

SpoolReader *
dq_spool_reader(Spool *spool)
{
	SpoolReader *reader = MemoryContextAllocZero(spool->context, sizeof(SpoolReader));

	reader->spool = spool;
	dlist_push_tail(&spool->readers, &reader->node);
	return reader;
}

void
dq_spool_reader_free(SpoolReader *reader)
{
	dlist_delete(&reader->node);
	if (reader->buffer)
		pfree(reader->buffer);
	pfree(reader);
}

static void
free_block(Spool *spool, SpoolBlock *block)
{
	dlist_iter iter;

	/* Another block may come to lie at this address: no reader may take it for this one. */
	dlist_foreach(iter, &spool->readers)
	{
		SpoolReader *reader = dlist_container(SpoolReader, node, iter.cur);

		if (reader->buffered == block)
			reader->buffered = NULL;
	}
	dlist_delete(&block->node);
	spool->held -= block->used;
	if (spool->spill_from == block)
		spool->spill_from = NULL;
	if (block->data)
	{
		spool->memory -= block->size;
		pfree(block->data);
	}
	else if (--spool->file_blocks == 0)
	{
		BufFileClose(spool->file);
		spool->file = NULL;
	}
	pfree(block);
}

static bool
is_being_read(Spool *spool, SpoolBlock *block)
{
	dlist_iter iter;

	dlist_foreach(iter, &spool->readers)
	{
		SpoolReader *reader = dlist_container(SpoolReader, node, iter.cur);

		if (reader->block == block || reader->block == NULL)
			return true;
	}
	return false;
}

/* Forgets blocks before the first that a reader still has to read. */
static void
forget_passed(Spool *spool)
{
	SpoolBlock *block;

	while ((block = next_block(spool, NULL)) != NULL &&
		   dlist_has_next(&spool->blocks, &block->node) && !is_being_read(spool, block))
		free_block(spool, block);
}

/* The bytes of the reader's block, from memory or file. */
static const char *
block_bytes(SpoolReader *reader)
{
	Spool *spool = reader->spool;
	SpoolBlock *block = reader->block;

	if (block->data)
		return block->data;
	if (reader->buffered == block)
		return reader->buffer;
	if (reader->buffer_size < block->used)
	{
		if (reader->buffer)
			pfree(reader->buffer);
		reader->buffer = NULL;
		reader->buffer = MemoryContextAllocHuge(spool->context, block->used);
		reader->buffer_size = block->used;
	}
	reader->buffered = NULL;
	if (BufFileSeek(spool->file, block->fileno, block->offset, SEEK_SET) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not seek in a temporary file of distquery")));
	dq_buffile_read_exact(spool->file, reader->buffer, block->used);
	reader->buffered = block;
	return reader->buffer;
}

bool
dq_spool_next(SpoolReader *reader, const char **bytes, size_t *len)
{
	Spool *spool = reader->spool;
	uint32 header;

	while (reader->block == NULL || reader->offset == reader->block->used)
	{
		SpoolBlock *next = next_block(spool, reader->block);

		if (next == NULL)
			return false;
		reader->block = next;
		reader->offset = 0;
		if (!spool->is_kept)
			forget_passed(spool);
	}

	const char *data = block_bytes(reader) + reader->offset;

	memcpy(&header, data, sizeof(header));
	*bytes = data + sizeof(header);
	*len = header;
	reader->last_offset = reader->offset;
	reader->offset += sizeof(header) + header;
	return true;
}

SpoolPosition
dq_spool_position(const SpoolReader *reader)
{
	return (SpoolPosition) { reader->block, (uint32) reader->last_offset };
}

void
dq_spool_read(SpoolReader *reader, SpoolPosition position, const char **bytes, size_t *len)
{
	uint32 header;

	Assert(reader->spool->is_kept);
	reader->block = position.block;
	reader->offset = position.offset;

	const char *data = block_bytes(reader) + reader->offset;

	memcpy(&header, data, sizeof(header));
	*bytes = data + sizeof(header);
	*len = header;
}

void
dq_spool_rewind(SpoolReader *reader)
{
	Assert(reader->spool->is_kept);
	reader->block = NULL;
	reader->offset = 0;
}

void
dq_spool_release(Spool *spool)
{
	spool->is_kept = false;
	forget_passed(spool);
}

bool
dq_spool_is_kept(const Spool *spool)
{
	return spool->is_kept;
}

int64
dq_spool_bytes(const Spool *spool)
{
	return spool->held;
}

void
dq_spool_spill(Spool *spool)
{
	for (SpoolBlock *block = next_block(spool, NULL); block; block = next_block(spool, block))
		if (block->data)
			spill_block(spool, block);
	spool->spill_from = NULL;
	spool->memory_limit = 0;
}

void
dq_spool_clear(Spool *spool)
{
	SpoolBlock *block;
	dlist_iter iter;

	while ((block = next_block(spool, NULL)) != NULL)
		free_block(spool, block);
	dlist_foreach(iter, &spool->readers)
	{
		SpoolReader *reader = dlist_container(SpoolReader, node, iter.cur);

		reader->block = NULL;
		reader->offset = 0;
	}
}

void
dq_spool_free(Spool *spool)
{
	dq_spool_clear(spool);
	while (!dlist_is_empty(&spool->readers))
		dq_spool_reader_free(dlist_head_element(SpoolReader, node, &spool->readers));
	pfree(spool);
}
