/*
 * fuzz_check.h
 *	  What fuzz programs share: libFuzzer's entry, and rules whose breach is a finding.
 */
#ifndef DQ_FUZZ_CHECK_H
#define DQ_FUZZ_CHECK_H

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aborts, so that the fuzzer keeps the input. */
static inline void
check(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

/* The same with the text that breaks the rule. */
static inline void
check_text(bool condition, const char *what, const char *text)
{
	if (condition)
		return;
	fprintf(stderr, "%s: %s\n", what, text);
	abort();
}

#endif /* DQ_FUZZ_CHECK_H */
