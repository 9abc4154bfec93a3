/*
 * json_iterate.c
 *	  Where values of JSON end, without checking them, and walks through arrays and objects of JSON
 *	  that was checked.
 */
#include "base.h"

#include "rows/json_scan.h"

static const char *extent_byte(JsonExtent *extent, const char *p, const char *end);

#ifdef __SSE2__

/* Bit i of the result is the parity of bits 0 to i. */
static inline uint32
prefix_parity16(uint32 bits)
{
	bits ^= bits << 1;
	bits ^= bits << 2;
	bits ^= bits << 4;
	bits ^= bits << 8;
	return bits & 0xFFFF;
}

static inline uint32
mask_of(__m128i bytes, char wanted)
{
	return _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(wanted)));
}

const char *
dq_json_extent(JsonExtent *extent, const char *p, const char *end)
{
	while (end - p >= 16)
	{
		__m128i bytes = _mm_loadu_si128((const __m128i *) p);
		__m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20)); /* [ to {, ] to } */
		uint32 inside;
		uint32 opening;
		uint32 closing;

		/* Backslashes stand in strings only and are rare: such a block goes by single bytes. */
		if (extent->is_escaped || mask_of(bytes, '\\') != 0)
		{
			const char *block_end = p + 16;
			const char *found = extent_byte(extent, p, block_end);

			if (found)
				return found;
			p = block_end;
			continue;
		}

		/* Bytes between an odd quote, itself included, and the next one are inside a string. */
		inside = prefix_parity16(mask_of(bytes, '"'));
		if (extent->in_string)
			inside ^= 0xFFFF;
		extent->in_string = (inside & 0x8000) != 0;
		opening = mask_of(folded, '{') & ~inside;
		closing = mask_of(folded, '}') & ~inside;
		while (closing != 0)
		{
			int at = pg_rightmost_one_pos32(closing);
			uint32 before = (UINT32_C(1) << at) - 1;

			for (uint32 rest = opening & before; rest != 0; rest &= rest - 1)
				extent->depth++;
			opening &= ~before;
			closing &= closing - 1;
			if (--extent->depth <= 0)
				return p + at + 1;
		}
		for (; opening != 0; opening &= opening - 1)
			extent->depth++;
		p += 16;
	}
	return extent_byte(extent, p, end);
}

#else

const char *
dq_json_extent(JsonExtent *extent, const char *p, const char *end)
{
	return extent_byte(extent, p, end);
}

#endif

static const char *
extent_byte(JsonExtent *extent, const char *p, const char *end)
{
	while (p < end)
	{
		char byte = *p++;

		if (extent->is_escaped)
			extent->is_escaped = false;
		else if (extent->in_string)
		{
			if (byte == '"')
				extent->in_string = false;
			else if (byte == '\\')
				extent->is_escaped = true;
		}
		else if (byte == '"')
			extent->in_string = true;
		else if (byte == '{' || byte == '[')
			extent->depth++;
		else if ((byte == '}' || byte == ']') && --extent->depth <= 0)
			return p;
	}
	return NULL;
}

const char *
dq_json_pass_value(const char *p, const char *end, JsonSlice *value)
{
	JsonExtent extent = { 0 };
	const char *start = p;
	const char *after;

	value->start = p;
	value->has_escapes = false;
	switch (json_class(*p))
	{
		case JSONC_QUOTE:
			value->kind = JSONK_STRING;
			for (p++; p < end && *p != '"'; p++)
			{
				if (*p == '\\')
				{
					value->has_escapes = true;
					p++;
				}
			}
			p++;
			break;
		case JSONC_OBJECT:
		case JSONC_ARRAY:
			value->kind = *p == '{' ? JSONK_OBJECT : JSONK_ARRAY;
			after = dq_json_extent(&extent, p, end);
			p = after ? after : end;
			break;
		case JSONC_NULL:
			value->kind = JSONK_NULL;
			p += 4;
			break;
		case JSONC_TRUE:
			value->kind = JSONK_TRUE;
			p += 4;
			break;
		case JSONC_FALSE:
			value->kind = JSONK_FALSE;
			p += 5;
			break;
		default:
			value->kind = JSONK_NUMBER;
			while (p < end && json_class(*p) != JSONC_PUNCTUATION && json_class(*p) != JSONC_SPACE)
				p++;
	}
	if (p > end)
		p = end;
	value->len = p - start;
	return p;
}

void
dq_json_iterate(JsonIterator *iterator, const JsonSlice *container)
{
	Assert(container->kind == JSONK_ARRAY || container->kind == JSONK_OBJECT);
	iterator->next = container->start + 1;
	iterator->end = container->start + container->len - 1;
	iterator->is_object = container->kind == JSONK_OBJECT;
}

bool
dq_json_iterator_next(JsonIterator *iterator, JsonSlice *key, JsonSlice *value)
{
	const char *end = iterator->end;
	const char *p = json_skip_space(iterator->next, end);

	memset(key, 0, sizeof(JsonSlice));
	if (p < end && *p == ',')
		p = json_skip_space(p + 1, end);
	if (p >= end)
		return false;
	if (iterator->is_object)
	{
		p = json_skip_space(dq_json_pass_value(p, end, key), end);
		p = json_skip_space(p + 1, end); /* behind the colon */
	}
	if (p >= end)
		return false;
	iterator->next = dq_json_pass_value(p, end, value);
	return true;
}
