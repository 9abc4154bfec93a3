/*
 * option_check.h
 *	  Checks of option values by type, which option_value.c has a table of.  For these files only.
 *
 * A check sets *problem (a phrase) and maybe *hint, palloc'd, where the value is not good; both are
 * NULL before.
 */
#ifndef DQ_OPTION_CHECK_H
#define DQ_OPTION_CHECK_H

#include "spec/options.h"

typedef void (*OptionCheck)(const OptionRow *row, const char *value, char **problem, char **hint);

#define DQ_CONTROL_PROBLEM "control characters are not allowed"

extern void dq_option_check_spell(const OptionRow *row, const char *value, char **problem,
								  char **hint);
extern void dq_option_check_spell_sort(const OptionRow *row, const char *value, char **problem,
									   char **hint);
extern void dq_option_check_spell_limit(const OptionRow *row, const char *value, char **problem,
										char **hint);
extern void dq_option_check_spell_fields(const OptionRow *row, const char *value, char **problem,
										 char **hint);
extern void dq_option_check_path(const OptionRow *row, const char *value, char **problem,
								 char **hint);
extern void dq_option_check_lookup_path(const OptionRow *row, const char *value, char **problem,
										char **hint);
extern void dq_option_check_url(const OptionRow *row, const char *value, char **problem,
								char **hint);
extern void dq_option_check_token_url(const OptionRow *row, const char *value, char **problem,
									  char **hint);
extern void dq_option_check_url_or_path(const OptionRow *row, const char *value, char **problem,
										char **hint);
extern void dq_option_check_cache_url(const OptionRow *row, const char *value, char **problem,
									  char **hint);
extern void dq_option_check_cache_prefix(const OptionRow *row, const char *value, char **problem,
										 char **hint);
extern void dq_option_check_proxy(const OptionRow *row, const char *value, char **problem,
								  char **hint);
extern void dq_option_check_headers(const OptionRow *row, const char *value, char **problem,
									char **hint);

#endif /* DQ_OPTION_CHECK_H */
