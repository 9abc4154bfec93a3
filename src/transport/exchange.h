/*
 * exchange.h
 *	  One request and its answer, over as many attempts as its retry policy allows.
 *
 * An Exchange waits until its service may be asked (service.h), makes attempts (each a Transfer,
 * transfer.h), backs off between them, and hands decompressed bytes of a 2xx answer to its owner
 * as they arrive.  All waiting happens in dq_loop_step() (loop.h); nothing here blocks.
 *
 * Ownership: an exchange lives in a memory context of its own below the one current at start;
 * libcurl's handle is released by that context's reset callback, on any exit path.
 * dq_exchange_free() may be called at any time, also in an owner's on_progress.
 */
#ifndef DQ_EXCHANGE_H
#define DQ_EXCHANGE_H

#include "compat.h"
#include "portability/instr_time.h"
#include "request/request.h"
#include "transport/activity.h"
#include "transport/credentials.h"
#include "transport/request_record.h"
#include "service/service.h"

/* What bounds a request; all from the declaration. */
typedef struct TransferLimits
{
	int timeout_ms; /* of one attempt, counted only while our loop runs; 0: none */
	int connect_timeout_ms;
	int retries;			  /* further attempts after the first */
	int retry_backoff_ms;	  /* first delay's upper bound; doubles each time, full jitter */
	int64 max_response_bytes; /* decompressed */
	const char *proxy;		  /* NULL: none */
	const char *ca_file;	  /* NULL: the system's */
	int redirects;			  /* followed of one request, never to another scheme */
	ServiceLimits service;	  /* what all requests to it together are held to */
} TransferLimits;

/*
 * The service as the transport sees it.  Borrowed by exchanges; must live until the end of the
 * transaction.
 */
typedef struct Endpoint
{
	Oid serverid;
	const char *server_name;
	TransferLimits limits;
	const Credentials *credentials;
} Endpoint;

typedef enum ExchangeState
{
	EXCHANGE_WAITING,	  /* for an access token, or until its service may be asked */
	EXCHANGE_RUNNING,	  /* an attempt is on the wire */
	EXCHANGE_BACKING_OFF, /* until the next attempt */
	EXCHANGE_DONE, /* the whole answer came; status is final (2xx, or a status that the owner accepts) */
	EXCHANGE_FAILED /* error is set */
} ExchangeState;

/* An error kept until the scan that it belongs to asks.  Texts hold no secrets. */
typedef struct RemoteError
{
	FailureKind kind;
	int sqlstate;
	char *message;
	char *detail;  /* may be NULL */
	char *hint;	   /* may be NULL */
	char *context; /* may be NULL */
} RemoteError;

/* Raises it by ereport(ERROR). */
pg_noreturn extern void dq_remote_error_raise(const RemoteError *error);

typedef struct ExchangeStats
{
	int requests; /* attempts put on the wire */
	int retries;
	int connections;	  /* opened for it */
	int64 wire_bytes;	  /* as received, compressed */
	int64 body_bytes;	  /* decompressed */
	double first_byte_ms; /* of the last attempt, from its start */
	double total_ms;	  /* from the start of the exchange to its end, or to now */
} ExchangeStats;

typedef struct Exchange Exchange;

/*
 * Called by dq_loop_step(), outside libcurl, when new body bytes are there, or the state became
 * DONE or FAILED.  Runs in a short-lived memory context.  Must not raise for anything a service
 * said: such an error belongs to one scan, and another may be reading.
 */
typedef void (*ExchangeProgress)(Exchange *exchange, void *owner);

typedef struct ExchangeOptions
{
	const Request *request;	  /* copied */
	const Endpoint *endpoint; /* borrowed */
	Oid relid;
	uint32 scan;			   /* for its record */
	const char *relation_name; /* for messages: foreign table "..."; NULL: none is asked for */
	const void *group;		   /* whom dq_exchange_park() means */
	bool accept_not_found;	   /* 404 is an answer, not an error */
	bool accept_not_modified;  /* so is 304 */
	CacheUse cache;			   /* for its record */
	bool is_token_request;	   /* to the token endpoint of the credentials' mapping (oauth.h) */
	Activity *activity;		   /* that it is part of, NULL: none; outlives it */
	ExchangeProgress on_progress;
	void *owner;
} ExchangeOptions;

/* Starts (or queues) it; the first attempt goes out in the next dq_loop_step(). */
extern Exchange *dq_exchange_start(const ExchangeOptions *options);

extern ExchangeState dq_exchange_state(const Exchange *exchange);

/* Where it was asked in the end: the request's URL, or where redirects led; borrowed. */
extern const char *dq_exchange_url(const Exchange *exchange);

/* HTTP status of the last answer, 0 before there is one. */
extern int dq_exchange_status(const Exchange *exchange);

/*
 * Value of a response header of the final answer (several joined by ", "), NULL if absent;
 * borrowed.
 */
extern const char *dq_exchange_header(const Exchange *exchange, const char *name);

/*
 * Hands out the body bytes not taken so far (2xx answers only); valid until the next
 * dq_loop_step().  False when there are none.
 */
extern bool dq_exchange_take(Exchange *exchange, const char **bytes, size_t *len);

/*
 * Says that something of the body was used and cannot be taken back: from now on a failure is
 * final, there is no retry. Until then a failure after some bytes restarts the body: the owner is
 * told by the count of restarts.
 */
extern void dq_exchange_commit(Exchange *exchange);
extern int dq_exchange_restarts(const Exchange *exchange);

extern const RemoteError *dq_exchange_error(const Exchange *exchange);

/* Says that the answer, though whole, was not what was declared; for figures and its record. */
extern void dq_exchange_note_content_failure(Exchange *exchange);

/* So many elements were found in bytes that were taken; for its record and the activity. */
extern void dq_exchange_count_rows(Exchange *exchange, int64 rows, int64 bytes);

/*
 * Nobody drives the loop for a group's exchanges from now on (NULL: for any), and maybe for long:
 * those on the wire give their slots back, and take them again with unpark.
 */
extern void dq_exchange_park(const void *group);
extern void dq_exchange_unpark(const void *group);

extern void dq_exchange_stats(const Exchange *exchange, ExchangeStats *stats);

/*
 * "GET http://..., status 200, attempt 1 of 3, 12 ms." -- for details; secrets redacted; palloc'd.
 */
extern char *dq_exchange_describe(const Exchange *exchange);

/* Ends it in whatever state it is: the transfer is taken off the wire, the slot given back. */
extern void dq_exchange_free(Exchange *exchange);

/* Milliseconds until a timeout cancels the statement, negative when none will. */
extern double dq_exchange_time_left_ms(void);

#endif /* DQ_EXCHANGE_H */
