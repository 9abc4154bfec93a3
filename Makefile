# Makefile
#
# Builds, installs and tests distquery with PGXS; "make help" lists the targets.
#
# "check" and "demo" have to work on a machine that has no PostgreSQL yet, so PGXS is read only when a
# target needs it.

EXTENSION = distquery
EXTVERSION = 0.1.0
MODULE_big = distquery

# Parts of the extension script, in the order in which they are joined.
SQL_PARTS = \
	src/sql/guard.sql \
	src/sql/handler.sql \
	src/sql/options.sql \
	src/sql/materialize.sql \
	src/sql/check_server.sql \
	src/sql/cache.sql \
	src/sql/shared_memory.sql \
	src/sql/figures.sql \
	src/sql/async.sql \
	src/sql/services.sql \
	src/sql/requests.sql \
	src/sql/activity.sql \
	src/sql/trace.sql \
	src/sql/waterfall.sql \
	src/sql/import.sql

# Loadable modules that need a further library, which the core does not link: built where it is.
MODULE_SOURCES = src/cache/redis_module.c src/import/yaml_module.c

OBJS = \
	src/distquery.o \
	src/rows/decoder.o \
	src/rows/decoder_container.o \
	src/rows/decoder_scalar.o \
	src/rows/decoder_value.o \
	src/rows/json_iterate.o \
	src/rows/json_key.o \
	src/rows/json_locate.o \
	src/rows/json_pointer.o \
	src/rows/json_scan.o \
	src/rows/json_string.o \
	src/rows/name_set.o \
	src/rows/splitter.o \
	src/rows/splitter_envelope.o \
	src/request/body.o \
	src/request/cache_url.o \
	src/request/cdn_loop.o \
	src/request/condition.o \
	src/request/dialect.o \
	src/request/graphql_errors.o \
	src/request/http_cache.o \
	src/request/graphql_field.o \
	src/request/graphql_query.o \
	src/request/host_rules.o \
	src/request/link_header.o \
	src/request/logic.o \
	src/request/paging.o \
	src/request/request.o \
	src/request/scope.o \
	src/request/template.o \
	src/request/total.o \
	src/request/trace_context.o \
	src/request/url.o \
	src/service/breaker.o \
	src/service/digest.o \
	src/service/failure.o \
	src/service/flight.o \
	src/service/histogram.o \
	src/service/queue.o \
	src/service/rate.o \
	src/service/service.o \
	src/service/shared_forget.o \
	src/service/shared_state.o \
	src/service/shared_table.o \
	src/transport/activity.o \
	src/transport/budget.o \
	src/transport/credentials.o \
	src/transport/exchange.o \
	src/transport/exchange_activity.o \
	src/transport/exchange_answer.o \
	src/transport/guard.o \
	src/transport/loop.o \
	src/transport/oauth.o \
	src/transport/redirect.o \
	src/transport/request_list.o \
	src/transport/request_record.o \
	src/transport/request_ring.o \
	src/transport/remote_error.o \
	src/transport/resolve.o \
	src/transport/retry.o \
	src/transport/spool.o \
	src/transport/token_answer.o \
	src/transport/token_store.o \
	src/transport/trace.o \
	src/transport/trace_log.o \
	src/transport/transfer.o \
	src/transport/user_agent.o \
	src/transport/watch.o \
	src/transport/way.o \
	src/spec/option_address.o \
	src/spec/option_headers.o \
	src/spec/option_table.o \
	src/spec/option_value.o \
	src/spec/spec_answers.o \
	src/spec/spec_build.o \
	src/spec/spec_cache.o \
	src/spec/spec_column.o \
	src/spec/spec_credentials.o \
	src/spec/spec_server.o \
	src/spec/spec_partition.o \
	src/spec/spec_spelling.o \
	src/spec/spec_graphql.o \
	src/spec/validator.o \
	src/cache/cache_block.o \
	src/cache/envelope.o \
	src/cache/link.o \
	src/cache/link_connect.o \
	src/cache/link_order.o \
	src/cache/memcached_protocol.o \
	src/cache/memcached_reply.o \
	src/cache/identity.o \
	src/cache/remote_invalidation.o \
	src/cache/remote_lookup.o \
	src/cache/remote_put.o \
	src/cache/remote_store.o \
	src/cache/shared_cache.o \
	src/cache/shared_store.o \
	src/cache/store.o \
	src/fetch/cache_key.o \
	src/fetch/cache_value.o \
	src/fetch/cached_answer.o \
	src/fetch/cached_end.o \
	src/fetch/cached_fetch.o \
	src/fetch/cached_http.o \
	src/fetch/cached_keys.o \
	src/fetch/cached_record.o \
	src/fetch/cached_rows.o \
	src/fetch/cached_wider.o \
	src/fetch/fetch.o \
	src/fetch/fetch_create.o \
	src/fetch/fetch_reader.o \
	src/fetch/page_check.o \
	src/fetch/fetch_activity.o \
	src/fetch/freshness.o \
	src/fetch/invalidation.o \
	src/fetch/fetch_group.o \
	src/fetch/fetch_page.o \
	src/fetch/figures.o \
	src/fetch/last_errors.o \
	src/fetch/statement.o \
	src/fetch/key_index.o \
	src/fetch/page_facts.o \
	src/fetch/transaction_store.o \
	src/fetch/waterfall.o \
	src/fdw/analyze.o \
	src/fdw/append.o \
	src/fdw/bind.o \
	src/fdw/bind_alone.o \
	src/fdw/bind_scope.o \
	src/fdw/bind_tree.o \
	src/fdw/bind_url.o \
	src/fdw/bind_keys.o \
	src/fdw/bind_body.o \
	src/fdw/bind_graphql.o \
	src/fdw/bind_value.o \
	src/fdw/bind_wider.o \
	src/fdw/choose.o \
	src/fdw/clause.o \
	src/fdw/clause_text.o \
	src/fdw/clause_tree.o \
	src/fdw/cost.o \
	src/fdw/count.o \
	src/fdw/explain.o \
	src/fdw/explain_waterfall.o \
	src/fdw/extent.o \
	src/fdw/fdw.o \
	src/fdw/filter.o \
	src/fdw/paths.o \
	src/fdw/plan.o \
	src/fdw/plan_data.o \
	src/fdw/pruning.o \
	src/fdw/scan.o \
	src/fdw/spell_value.o \
	src/fdw/stats.o \
	src/fdw/table_reader.o \
	src/join/join_exec.o \
	src/join/join_explain.o \
	src/join/join_fill.o \
	src/join/join_paths.o \
	src/join/join_plan.o \
	src/join/key_table.o \
	src/import/comments.o \
	src/import/decl.o \
	src/import/decl_name.o \
	src/import/decl_sql.o \
	src/import/doc.o \
	src/import/doc_json.o \
	src/import/doc_yaml.o \
	src/import/document.o \
	src/import/import.o \
	src/import/import_graphql.o \
	src/import/import_openapi.o \
	src/import/import_schema.o \
	src/import/introspection.o \
	src/import/introspection_arguments.o \
	src/import/introspection_lookup.o \
	src/import/introspection_table.o \
	src/import/openapi.o \
	src/import/openapi_filter.o \
	src/import/openapi_lookup.o \
	src/import/openapi_meaning.o \
	src/import/openapi_names.o \
	src/import/openapi_operation.o \
	src/import/openapi_paging.o \
	src/import/openapi_places.o \
	src/import/openapi_rows.o \
	src/import/openapi_schema.o \
	src/import/openapi_table.o \
	src/import/openapi_type.o \
	src/import/openapi_words.o \
	src/store/materialize.o \
	src/insight/activity.o \
	src/insight/cache.o \
	src/insight/figures.o \
	src/insight/last_errors.o \
	src/insight/requests.o \
	src/insight/row.o \
	src/insight/services.o \
	src/insight/shared_memory.o \
	src/insight/trace.o \
	src/insight/waterfall.o \
	src/insight/waterfall_names.o \
	src/insight/waterfall_svg.o \
	src/async/client.o \
	src/async/dispatcher.o \
	src/async/drop.o \
	src/async/executor.o \
	src/async/launcher.o \
	src/async/process.o \
	src/async/queue.o \
	src/async/result_table.o \
	src/async/settings.o \
	src/async/submit.o \
	src/async/trusted.o

unlisted = $(filter-out $(SQL_PARTS) $(OBJS:.o=.c) $(MODULE_SOURCES),$(wildcard src/*.c src/*/*.c src/sql/*.sql))
ifneq (,$(unlisted))
$(error $(unlisted): add it to OBJS or SQL_PARTS in the Makefile)
endif

# Sources that build without a backend (see src/base.h): unit tests and fuzz targets link these.
PURE_SOURCES = $(filter-out src/rows/decoder% src/import/doc_yaml.c src/import/document.c, \
	$(filter src/rows/% src/request/% src/import/decl% src/import/doc% src/import/introspection% \
		src/import/openapi%,$(OBJS:.o=.c))) \
	$(addprefix src/service/,breaker.c histogram.c rate.c shared_table.c) src/transport/token_answer.c \
	$(addprefix src/cache/,cache_block.c envelope.c memcached_reply.c)

DATA_built = $(EXTENSION)--$(EXTVERSION).sql

REGRESS = $(if $(TESTS),$(TESTS),$(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql))))
REGRESS_OPTS = --load-extension=$(EXTENSION)

EXTRA_CLEAN = build $(OBJS:.o=.d) tmp_check distquery_redis.so distquery_redis.dylib distquery_yaml.so distquery_yaml.dylib $(MODULE_SOURCES:.c=.o) $(MODULE_SOURCES:.c=.d)

PG_CONFIG ?= pg_config
PKG_CONFIG ?= pkg-config

WARNINGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wshadow -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla -Wformat=2 -Wno-declaration-after-statement
LIB_CFLAGS = $(shell $(PKG_CONFIG) --cflags libcurl json-c)
LIB_LIBS = $(shell $(PKG_CONFIG) --libs libcurl json-c)

# The server's headers as system headers: what compilers find in them is not ours.
PG_CPPFLAGS = -Isrc -MMD -MP $(LIB_CFLAGS) -isystem $(shell $(PG_CONFIG) --includedir-server)
PG_CFLAGS = -std=gnu99 -fvisibility=hidden $(WARNINGS)
SHLIB_LINK = $(LIB_LIBS)

# WERROR=1 makes warnings errors, ASSERTS=1 checks assertions (as "make check" does).
ifdef WERROR
PG_CFLAGS += -Werror
endif
ifdef ASSERTS
PG_CPPFLAGS += -DUSE_ASSERT_CHECKING
endif

# Bitcode is not worth a clang installation of the same version as the server's.
override with_llvm = no

# V=1 shows commands.
ifdef V
export V
else
Q = @
endif

# Targets that find out by themselves what they need.
own_targets = help check demo unit unit-build fuzz fuzz-build bench lint format format-check asan

own_goals = $(filter $(own_targets),$(MAKECMDGOALS))
pgxs_goals = $(filter-out $(own_targets),$(or $(MAKECMDGOALS),all))

ifneq (,$(and $(own_goals),$(pgxs_goals)))
# Goals of both kinds: one after the other.
.NOTPARALLEL:
.PHONY: $(MAKECMDGOALS)
$(MAKECMDGOALS):
	@$(MAKE) --no-print-directory $@

else ifneq (,$(pgxs_goals))
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq (,$(wildcard $(PGXS)))
$(error PostgreSQL's server headers are not here ($(PG_CONFIG) --pgxs): \
	"make check" and "make demo" install what is missing, or give PG_CONFIG=/path/to/pg_config)
endif
include $(PGXS)

# Modules beside the core, one for each further library that pkg-config finds.
ifeq (0,$(shell $(PKG_CONFIG) --exists yaml-0.1; echo $$?))
EXTRA_MODULES += distquery_yaml$(DLSUFFIX)
distquery_yaml$(DLSUFFIX): src/import/yaml_module.o
	$(CC) $(CFLAGS) -o $@ $< $(LDFLAGS) $(LDFLAGS_SL) -shared $(shell $(PKG_CONFIG) --libs yaml-0.1)
src/import/yaml_module.o: override CPPFLAGS += $(shell $(PKG_CONFIG) --cflags yaml-0.1)
endif
ifeq (0,$(shell $(PKG_CONFIG) --exists hiredis; echo $$?))
EXTRA_MODULES += distquery_redis$(DLSUFFIX)
distquery_redis$(DLSUFFIX): src/cache/redis_module.o
	$(CC) $(CFLAGS) -o $@ $< $(LDFLAGS) $(LDFLAGS_SL) -shared $(shell $(PKG_CONFIG) --libs hiredis)
src/cache/redis_module.o: override CPPFLAGS += $(shell $(PKG_CONFIG) --cflags hiredis)
endif

all: $(EXTRA_MODULES)
install: install-modules
uninstall: uninstall-modules
.PHONY: install-modules uninstall-modules
install-modules: $(EXTRA_MODULES) installdirs
	$(if $(EXTRA_MODULES),$(INSTALL_SHLIB) $(EXTRA_MODULES) '$(DESTDIR)$(pkglibdir)/')
uninstall-modules:
	rm -f $(addprefix '$(DESTDIR)$(pkglibdir)'/,$(EXTRA_MODULES))

$(DATA_built): $(SQL_PARTS)
	cat $^ > $@

# The tests of installcheck find the fixture service in $DQ_URL; plans do not depend on what was learned.
pg_regress_installcheck := $(subst &&,&& PGOPTIONS='-c distquery.learned_figures=off' test/fixtures/with-service,$(pg_regress_installcheck))

.PHONY: prove_installcheck
prove_installcheck: ## run test/t against the installed extension (PROVE_TESTS=, PROVE_FLAGS=)
	$(prove_installcheck)
PROVE_FLAGS += -I test/perl
PROVE_TESTS ?= test/t/*.pl

-include $(OBJS:.o=.d) $(MODULE_SOURCES:.c=.d)

else
.PHONY: help check demo unit fuzz bench lint format format-check asan

#
# Targets of our own
#

help: ## list the targets
	@echo 'all                build the extension'
	@echo 'install            install it (PG_CONFIG= picks the server)'
	@echo 'installcheck       pg_regress against a running server that has it installed'
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' Makefile

check: ## build and test against private servers; installs packages it misses (TESTS=, PROVE_TESTS=)
	$(Q)TESTS='$(TESTS)' PROVE_TESTS='$(PROVE_TESTS)' PG_CONFIG='$(if $(findstring file,$(origin PG_CONFIG)),,$(PG_CONFIG))' \
		test/setup/check.sh

demo: ## one query over three services; installs packages it misses
	$(Q)PG_CONFIG='$(if $(findstring file,$(origin PG_CONFIG)),,$(PG_CONFIG))' test/demo/demo.sh

# Unit tests and fuzz targets: pure sources as frontend code.

PURE_CPPFLAGS = -Isrc -DFRONTEND -DUSE_ASSERT_CHECKING -D_GNU_SOURCE $(LIB_CFLAGS) \
	-isystem $(shell $(PG_CONFIG) --includedir-server) -isystem $(shell $(PG_CONFIG) --includedir)
PURE_CFLAGS = -std=gnu99 -g -O1 -fno-omit-frame-pointer -fwrapv $(WARNINGS) $(if $(WERROR),-Werror)
PURE_LIBS = -L$(shell $(PG_CONFIG) --pkglibdir) -L$(shell $(PG_CONFIG) --libdir) -lpgcommon -lpgport $(LIB_LIBS) -lm

UNIT_SOURCES = $(sort $(wildcard test/unit/*_test.c))
UNIT_SAN ?=
UNIT_DIR = build/unit$(if $(UNIT_SAN),-san)
UNIT_PROGRAMS = $(patsubst test/unit/%.c,$(UNIT_DIR)/%,$(UNIT_SOURCES))
UNIT_OBJS = $(patsubst %.c,$(UNIT_DIR)/%.o,$(PURE_SOURCES))

unit: unit-build ## C tests of the pure rooms
	$(Q)ASAN_OPTIONS=detect_leaks=0 prove $(if $(V),-v) --exec '' $(UNIT_PROGRAMS)

unit-build: $(UNIT_PROGRAMS)
.SECONDARY: $(UNIT_OBJS)

asan: ## the same with address and undefined-behaviour sanitizers
	$(Q)$(MAKE) --no-print-directory unit UNIT_SAN='-fsanitize=address,undefined -fno-sanitize-recover=undefined'

$(UNIT_DIR)/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PURE_CPPFLAGS) -MMD -MP $(PURE_CFLAGS) $(UNIT_SAN) -c -o $@ $<

$(UNIT_DIR)/%_test: test/unit/%_test.c $(UNIT_OBJS)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PURE_CPPFLAGS) -MMD -MP $(PURE_CFLAGS) $(UNIT_SAN) -o $@ $< $(UNIT_OBJS) $(PURE_LIBS)

-include $(UNIT_OBJS:.o=.d) $(UNIT_PROGRAMS:=.d)

FUZZ_CC ?= clang
FUZZ_SECONDS ?= 180
FUZZ_SAN = -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined
FUZZ_TARGETS = $(patsubst test/fuzz/%.c,build/fuzz/%,$(sort $(wildcard test/fuzz/fuzz_*.c)))

# Targets that need a backend: the whole extension and test/fuzz/server as one library, loaded into a single-user server.  Where
# that server has AddressSanitizer (test/setup/sanitized.sh), the library has it, too.
FUZZ_ASAN = $(shell nm -D $(shell $(PG_CONFIG) --bindir)/postgres 2>/dev/null | grep -q __asan_init && echo address,)
FUZZ_DIR = build/fuzz-server$(if $(FUZZ_ASAN),-asan)
FUZZ_LIBRARY = $(FUZZ_DIR)/distquery_fuzz.so

fuzz: fuzz-build ## fuzz each target for FUZZ_SECONDS=180
	$(Q)test/setup/fuzz.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)
	$(Q)PG_CONFIG='$(PG_CONFIG)' test/setup/fuzz-server.sh $(FUZZ_SECONDS) $(FUZZ_LIBRARY)

fuzz-build: $(FUZZ_TARGETS) $(FUZZ_LIBRARY)

FUZZ_LIBRARY_SAN = -fsanitize=fuzzer-no-link,$(FUZZ_ASAN)undefined -fsanitize-trap=undefined
FUZZ_LIBRARY_OBJS = $(patsubst %.c,$(FUZZ_DIR)/%.o,$(OBJS:.o=.c) $(sort $(wildcard test/fuzz/server/*.c)))
FUZZ_DRIVER = $(shell $(FUZZ_CC) -print-file-name=libclang_rt.fuzzer_no_main-$(shell uname -m).a)

$(FUZZ_DIR)/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) -Isrc -DUSE_ASSERT_CHECKING -D_GNU_SOURCE $(LIB_CFLAGS) -isystem $(shell $(PG_CONFIG) --includedir-server) \
		-MMD -MP $(PURE_CFLAGS) -w -fPIC -fvisibility=hidden $(FUZZ_LIBRARY_SAN) -c -o $@ $<

# -Bsymbolic: the driver's functions, not those of a server with a sanitizer of its own.
$(FUZZ_LIBRARY): $(FUZZ_LIBRARY_OBJS)
	$(Q)$(FUZZ_CC) -shared $(FUZZ_LIBRARY_SAN) -Wl,-Bsymbolic -o $@ $^ $(FUZZ_DRIVER) -lstdc++ $(LIB_LIBS) -lm

-include $(FUZZ_LIBRARY_OBJS:.o=.d)

# The pure sources once, for all of them.
FUZZ_OBJS = $(patsubst %.c,build/fuzz/objects/%.o,$(PURE_SOURCES))
.SECONDARY: $(FUZZ_OBJS)

build/fuzz/objects/%.o: %.c
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(PURE_CPPFLAGS) -MMD -MP $(PURE_CFLAGS) -Wno-ignored-attributes $(subst fuzzer,fuzzer-no-link,$(FUZZ_SAN)) -c -o $@ $<

build/fuzz/fuzz_%: test/fuzz/fuzz_%.c test/fuzz/fuzz_check.h test/fuzz/fuzz_memory.h $(FUZZ_OBJS)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(PURE_CPPFLAGS) $(PURE_CFLAGS) -Wno-ignored-attributes $(FUZZ_SAN) -o $@ $< $(FUZZ_OBJS) $(PURE_LIBS)

-include $(FUZZ_OBJS:.o=.d)

bench: ## measure against curl, COPY and bare libcurl; see bench/
	$(Q)PG_CONFIG='$(if $(findstring file,$(origin PG_CONFIG)),,$(PG_CONFIG))' bench/run

# What tools say about the text. FILES= narrows lint.

C_FILES = $(sort $(wildcard src/*.[ch] src/*/*.[ch] test/unit/*.[ch] test/fuzz/*.[ch] test/fuzz/server/*.[ch] bench/*.[ch]))
FILES ?= $(sort $(wildcard src/*.c src/*/*.c))
CLANG_FORMAT ?= clang-format

lint: ## cppcheck, clang-tidy and our own rules (FILES= narrows)
	$(Q)PG_CONFIG='$(PG_CONFIG)' CPPFLAGS='-Isrc $(LIB_CFLAGS) $(shell $(PKG_CONFIG) --cflags hiredis 2>/dev/null)' test/setup/lint.sh $(FILES)

format: ## rewrite the C sources in the project's layout
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

format-check: ## fail where "make format" would change something
	$(Q)$(CLANG_FORMAT) --dry-run --Werror $(C_FILES)
endif
