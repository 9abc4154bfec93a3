/*
 * async.h
 *	  Queries that run on their own: what the files of this room share.
 *
 * The queue is the table distquery.async_query.  submit() adds to it; the database's dispatcher
 * (one process while there is work) starts an executor for each query; the executor runs it as the
 * one who submitted it and stores its rows in a table.  See docs/async.md for what users see and
 * docs/internals.md for the processes and locks.
 */
#ifndef DQ_ASYNC_H
#define DQ_ASYNC_H

#include "nodes/pg_list.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* distquery.max_workers: executors at once in a database. */
extern int dq_max_workers;

#define ASYNC_CHANNEL "distquery"
#define ASYNC_SCHEMA "distquery"
#define ASYNC_QUEUE "async_query"

/* A row of the queue; borrowed by nobody, lives in the context that was current at its loading. */
typedef struct AsyncQuery
{
	pg_uuid_t id;
	char *sql;
	Oid session_role;	 /* whom the executor connects as */
	Oid owner;			 /* whom the query runs as, and whose the result is */
	ArrayType *settings; /* names and values in turns */
	bool is_unlogged;
	char *state;
	int pid;	/* of the executor, 0: none */
	int64 rows; /* of the result */
	Oid result; /* table, InvalidOid: none */
	char *error_code;
	char *error_message;
	char *error_detail;
	char *error_hint;
	char *error_context;
} AsyncQuery;

/*
 * Trusted sections (trusted.c): the queue is read and written as the bootstrap superuser, with SPI
 * connected, under a search_path that nobody else can write to.
 */
typedef struct TrustedSection
{
	Oid user;
	int security;
	int guc_level;
} TrustedSection;

/* OID of the queue of this database's extension, InvalidOid when there is none. */
extern Oid dq_async_queue(void);

/* Raises when this database has no queue. */
extern void dq_async_trusted_begin(TrustedSection *section);
extern void dq_async_trusted_end(const TrustedSection *section);

/* The same as another role, for data of that role: nothing that it calls can do more. */
extern void dq_async_restricted_begin(TrustedSection *section, Oid role);

/* Executes a statement with parameters by SPI, returns the number of rows. */
extern uint64 dq_async_execute(const char *sql, int n, Oid *types, Datum *values,
							   const char *nulls);

/* The queue (queue.c): all need a trusted section. */
extern AsyncQuery *dq_async_load(const pg_uuid_t *id);
extern void dq_async_insert(const AsyncQuery *query, Interval *lifetime, int max_attempts);

/* To running, by this process; false when it is no longer queued. */
extern bool dq_async_begin(const pg_uuid_t *id);
extern void dq_async_done(const AsyncQuery *query, int64 rows, Oid result);
extern void dq_async_failed(const pg_uuid_t *id, const char *state, const ErrorData *error);

/* False when it is no longer queued. */
extern bool dq_async_cancel_queued(const pg_uuid_t *id);

/* The executor has ended without saying how: queued again, or failed.  NULL id: all running. */
extern void dq_async_abandoned(const pg_uuid_t *id);
extern void dq_async_delete(const pg_uuid_t *id);

/* Text of an id, palloc'd. */
extern char *dq_async_id_text(const pg_uuid_t *id);

/* Processes (process.c): locks that tell them, and waking them. */
typedef enum AsyncLock
{
	ASYNC_LOCK_DISPATCHER = 1, /* exclusive, session: there is one dispatcher a database */
	ASYNC_LOCK_SUBMIT,		   /* shared: from before commit to after it; exclusive: to leave */
	ASYNC_LOCK_EXECUTORS	   /* shared, session: held by executors; exclusive: to see them gone */
} AsyncLock;

/* The entry of bgw_extra for an executor. */
typedef struct AsyncOrder
{
	pg_uuid_t id;
	Oid session_role;
} AsyncOrder;

extern void dq_async_lock_tag(LOCKTAG *tag, AsyncLock lock);

/* Process ID of the dispatcher of this database, 0 when there is none. */
extern int dq_async_dispatcher(void);
extern void dq_async_wake(int pid);

/* Starts a dispatcher; false when no worker can be started.  Only one will stay. */
extern bool dq_async_start_dispatcher(void);
extern bool dq_async_start_dispatcher_in(Oid database);

/* True when this transaction has submitted: its commit will see to the queue. */
extern bool dq_async_has_submitted(void);

/* Starts one if there is none, for callers that see work. */
extern void dq_async_attend(void);

/* The executor of a query, 0 when it is not that query's any more. */
extern int dq_async_executor_pid(const AsyncQuery *query);

/* Launcher (launcher.c): dq_async_init() in _PG_init, before memory is asked for. */
extern void dq_async_init(void);

/* A database needs a dispatcher at that time; DT_NOEND: it needs none. */
extern void dq_async_schedule(Oid database, TimestampTz due);

/* Settings (settings.c) of the session that a query takes along. */
extern ArrayType *dq_async_settings_capture(void);
extern void dq_async_settings_apply(ArrayType *settings);

/* Results (result_table.c). */
extern struct _DestReceiver *dq_async_result_receiver(const AsyncQuery *query);

/* After the last row: makes the table and fills it. */
extern Oid dq_async_result_store(struct _DestReceiver *receiver);

/* Makes it fit to be read; returns the number of rows.  Needs a trusted section. */
extern int64 dq_async_result_finish(const struct _DestReceiver *receiver, Oid table);

/* Drops the table of a result; false when somebody uses it. */
extern bool dq_async_result_drop(Oid relid);

#endif /* DQ_ASYNC_H */
