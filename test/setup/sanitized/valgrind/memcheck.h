/*
 * memcheck.h
 *	  Valgrind's requests as those of AddressSanitizer, for a PostgreSQL built with -DUSE_VALGRIND.
 *
 * PostgreSQL tells Valgrind which bytes of its memory contexts and buffers may be used; with this
 * file in the place of Valgrind's own, AddressSanitizer knows it: a use of memory that was pfree'd,
 * or beyond a chunk, is found although it lies within a block of malloc.  What is known of
 * undefined bytes is lost.
 */
#ifndef DQ_SANITIZED_MEMCHECK_H
#define DQ_SANITIZED_MEMCHECK_H

#include <sanitizer/asan_interface.h>

#define VALGRIND_MAKE_MEM_DEFINED(addr, size) __asan_unpoison_memory_region((addr), (size))
#define VALGRIND_MAKE_MEM_UNDEFINED(addr, size) __asan_unpoison_memory_region((addr), (size))
#define VALGRIND_MAKE_MEM_NOACCESS(addr, size) __asan_poison_memory_region((addr), (size))
#define VALGRIND_MEMPOOL_ALLOC(pool, addr, size) __asan_unpoison_memory_region((addr), (size))
#define VALGRIND_MEMPOOL_CHANGE(pool, old, addr, size) \
	__asan_unpoison_memory_region((addr), (size))
#define VALGRIND_MEMPOOL_FREE(pool, addr) ((void) 0)
#define VALGRIND_CREATE_MEMPOOL(pool, redzone, zeroed) ((void) 0)
#define VALGRIND_DESTROY_MEMPOOL(pool) ((void) 0)
#define VALGRIND_CHECK_MEM_IS_DEFINED(addr, size) ((void) 0)

#endif /* DQ_SANITIZED_MEMCHECK_H */
