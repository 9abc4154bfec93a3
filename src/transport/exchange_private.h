/*
 * exchange_private.h
 *	  The inside of an Exchange, shared by exchange*.c, transfer.c, loop.c, retry.c, redirect.c, oauth.c,
 *	  request_record.c and remote_error.c only.
 */
#ifndef DQ_EXCHANGE_PRIVATE_H
#define DQ_EXCHANGE_PRIVATE_H

#include "lib/ilist.h"
#include "transport/exchange.h"
#include "transport/guard.h"
#include "transport/loop.h"
#include "transport/trace.h"

/* Bytes of an answer that is no success, kept for the error message. */
#define EXCERPT_BYTES 4096

struct TokenFailure;
struct TokenWait;

/* What ended an attempt beyond libcurl's own code. */
typedef enum AttemptFault
{
	FAULT_NONE = 0,
	FAULT_TIMEOUT,
	FAULT_CONNECT_TIMEOUT,
	FAULT_TOO_LARGE,
	FAULT_TOO_MANY_HEADERS,
	FAULT_INFLATED,
	FAULT_OUT_OF_MEMORY,
	FAULT_ADDRESS, /* refused by guard.c */
	FAULT_DESCRIPTORS,
	FAULT_LINE_BREAK,
	FAULT_BUDGET,
	FAULT_LOOP
} AttemptFault;

/* Bytes that libcurl's callbacks append to without ever raising. */
typedef struct WireBuffer
{
	char *data;
	size_t len;
	size_t size;
} WireBuffer;

/* What becomes the record of an attempt (request_record.c). */
typedef struct AttemptFigures
{
	bool is_due; /* it was begun, and has no record yet */
	TimestampTz started_at;
	instr_time started;
	uint64 query_id;
	int64 rows;
	/* when it ends: */
	RequestTimes times;
	int64 sent_bytes;
	bool is_reused;
} AttemptFigures;

struct Exchange
{
	MemoryContext context;	/* the exchange lives in it */
	dlist_node active_node; /* in the loop's list until DONE or FAILED */
	bool is_active;
	dlist_node news_node; /* in the loop's list of owners to call */
	bool has_news;
	ExchangeState state;
	Request request;		  /* copied */
	const Endpoint *endpoint; /* own_endpoint */
	Endpoint own_endpoint;	  /* the owner's may be gone at release; texts are still borrowed */
	Oid relid;
	uint32 scan;		 /* for its record */
	char *relation_name; /* NULL: none */
	const void *group;
	Service *service;
	bool accept_not_found;
	bool accept_not_modified;
	bool is_token_request;
	ExchangeProgress on_progress;
	void *owner;

	/* over all attempts */
	int attempt; /* from 1 */
	int restarts;
	int hops;				/* redirects followed */
	const char *first_url;	/* before them; NULL: there were none */
	bool has_left_origin;	/* credentials and declared headers stay behind */
	char *redirect_problem; /* why the last one is not followed, NULL: it does not matter */
	bool is_committed;
	bool is_waiting; /* counted by the service */
	bool holds_slot;
	bool is_probe;	   /* of the service's circuit breaker */
	bool is_parked;	   /* on the wire without a slot */
	double started_ms; /* loop clock */
	double ended_ms;
	double due_ms; /* loop clock: next attempt, while backing off */
	RemoteError *error;
	RemoteError *last_failure; /* of the attempt before, NULL: there was none */
	ExchangeStats stats;
	Oid userid; /* who asks */
	CacheUse cache;
	ActivityState shown;
	Activity *activity;		  /* may be NULL */
	char *shown_url;		  /* for records: redacted and cut */
	instr_time waiting_since; /* for the service's leave */
	bool has_content_failure;
	struct TokenWait *token_wait; /* of an access token that it waits for, or NULL */
	bool has_renewed;			  /* asked again with a new token after status 401 */

	/* this attempt */
	CURL *easy;
	struct curl_slist *header_list;
	char *sent_url; /* with secrets */
	TraceSpan span;
	char *token; /* access token by OAuth 2.0, or NULL */
	double attempt_started_ms;
	AttemptFault fault;
	GuardState guard;
	int status;
	bool is_body_wanted;	/* 2xx */
	bool is_excerpt_enough; /* we stopped reading the body of an error status */
	int os_errno;			/* of a connection that failed */
	int64 body_bytes;
	int64 attempt_wire_bytes;
	AttemptFigures figures;
	WireBuffer body;	 /* not taken yet */
	WireBuffer headers;	 /* of the final response, lines with CRLF */
	size_t header_bytes; /* of all responses: interim ones, too */
	WireBuffer excerpt;
	char curl_error[CURL_ERROR_SIZE];
};

/* loop.c */
extern bool dq_loop_add(Exchange *exchange);
extern void dq_loop_remove(Exchange *exchange);
extern void dq_loop_activate(Exchange *exchange);
extern void dq_loop_deactivate(Exchange *exchange);
extern void dq_loop_tell(Exchange *exchange);
extern void dq_loop_count(size_t bytes);
extern CURL *dq_loop_handle(void);
extern void dq_loop_return_handle(CURL *easy);
extern void dq_loop_discard_handle(CURL *easy);

/* transfer.c */
extern bool dq_transfer_start(Exchange *exchange);
extern void dq_transfer_stop(Exchange *exchange);
extern void dq_transfer_trim(Exchange *exchange);
extern void dq_transfer_prepare_handle(CURL *easy);

/* loop.c: the exchanges that have not ended, in the order of their start */
extern dlist_head *dq_loop_active(void);

/* retry.c */
extern bool dq_retry_is_worth(Exchange *exchange, CURLcode code, const char **more);
extern void dq_retry_schedule(Exchange *exchange);
extern double dq_retry_after_ms(Exchange *exchange, CURLcode code);

/* request_record.c: an attempt begins, is about to be taken off the wire, has come to its end */
extern void dq_record_prepare(Exchange *exchange);
extern void dq_record_begin(Exchange *exchange);
extern void dq_record_measure(Exchange *exchange);
extern void dq_record_end(Exchange *exchange, RequestFate fate, FailureKind failure);

/* When the latest attempt ended, 0 when there was none. */
extern TimestampTz dq_record_ended_at(const Exchange *exchange);

/* The exchange is released: the record of its latest attempt, if that is due. */
extern void dq_record_release(Exchange *exchange);

/* exchange_activity.c: what an exchange is at; and what the backend waits for */
extern void dq_exchange_show(Exchange *exchange, ActivityState state);
extern void dq_exchange_show_since(Exchange *exchange, ActivityState state, TimestampTz since);
extern void dq_exchange_show_wait(Exchange *exchange, WaitReason reason);
extern void dq_exchange_name_waits(void);
extern uint32 dq_exchange_wait_event(void);

/* exchange.c */
extern void dq_exchange_try_start(Exchange *exchange);
extern void dq_exchange_attempt_ended(Exchange *exchange, CURLcode code);
extern double dq_exchange_deadline(const Exchange *exchange);
extern void dq_exchange_check_deadline(Exchange *exchange);

/* remote_error.c */
extern FailureKind dq_remote_failure_kind(const Exchange *exchange, CURLcode code);
extern RemoteError *dq_remote_error_make(Exchange *exchange, CURLcode code, const char *more);
extern RemoteError *dq_remote_error_refused(Exchange *exchange, const ServiceAnswer *answer);
extern RemoteError *dq_remote_error_no_token(Exchange *exchange,
											 const struct TokenFailure *failure);

#endif /* DQ_EXCHANGE_PRIVATE_H */
