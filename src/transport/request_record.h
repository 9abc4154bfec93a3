/*
 * request_record.h
 *	  What is remembered of one HTTP attempt, or of an answer that took none because it was cached.
 *
 * A record is made when an attempt ends, whatever the reason: an answer, a failure, a cancel,
 * nobody who wants the rest.  That of a whole answer is made when its owner lets the exchange go, in
 * the same step of the loop: its rows were all counted by then, and it is known whether they were
 * what was declared.  It goes to the ring of all backends (request_ring.h) and to the list of the
 * statement's requests (request_list.h).
 *
 * A plain value: it holds no pointers, and no secrets.
 */
#ifndef DQ_REQUEST_RECORD_H
#define DQ_REQUEST_RECORD_H

#include "datatype/timestamp.h"
#include "request/trace_context.h"
#include "transport/credentials.h"
#include "service/failure.h"

/* Longer URLs are cut, with an ellipsis at their end. */
#define RECORD_URL_BYTES 512
#define RECORD_METHOD_BYTES 8

/* What a cache had to do with it. */
typedef enum CacheUse
{
	CACHE_USE_OFF,		/* strategy is not "cache" */
	CACHE_USE_HIT,		/* no request: answered from the cache */
	CACHE_USE_MISS,		/* asked, since the cache had no answer */
	CACHE_USE_STALE,	/* no request: answered by an older answer; or asked to renew that */
	CACHE_USE_COALESCED /* no request: another session has asked meanwhile */
} CacheUse;

typedef enum RequestFate
{
	FATE_ENDED,		/* status and failure say how */
	FATE_LEFT,		/* nobody needed the rest: LIMIT, a closed cursor */
	FATE_CANCELLED, /* by a cancel, an error of the statement, a rollback */
	FATE_UNDER_WAY, /* not at its end yet; only in lists of the statement under way */
	FATE_CACHED		/* there was no request: attempt is 0 */
} RequestFate;

/*
 * In ms; all but waited_ms since the start of the attempt.  Negative: it did not come to that, or
 * there was no need (a kept connection).
 */
typedef struct RequestTimes
{
	double waited_ms;	  /* before the start: for a slot, the rate, Retry-After; not back-off */
	double name_ms;		  /* name resolved */
	double connect_ms;	  /* TCP connected */
	double tls_ms;		  /* TLS done */
	double first_byte_ms; /* of the answer */
	double total_ms;	  /* the end, or now */
} RequestTimes;

typedef struct RequestRecord
{
	TimestampTz started_at; /* of this attempt */
	uint64 query_id;		/* 0: not computed */
	Oid database;
	Oid userid; /* current user when it was asked for */
	Oid serverid;
	Oid relid;	 /* InvalidOid: no table's */
	uint32 scan; /* number of the table reader in its backend, 0: none */
	int pid;
	int attempt;	  /* from 1; 0: cached */
	int status;		  /* HTTP, 0: none came */
	bool is_reused;	  /* it went over a kept connection */
	RequestFate fate; /* if FATE_ENDED: */
	FailureKind failure;
	CacheUse cache;
	int64 rows;		  /* elements found in the answer */
	int64 body_bytes; /* of the answer, decompressed */
	int64 wire_bytes; /* the same as received */
	int64 sent_bytes; /* head and body of the request, as libcurl counts them */
	RequestTimes times;
	char trace_id[TRACE_ID_DIGITS + 1]; /* '': it belongs to no trace */
	char span_id[SPAN_ID_DIGITS + 1];
	char method[RECORD_METHOD_BYTES];
	char url[RECORD_URL_BYTES]; /* ASCII */
} RequestRecord;

/* Bytes of a record in use: all up to the end of its URL. */
extern Size dq_record_size(const RequestRecord *record);

/* A URL as records have it: without secrets, cut, ASCII; palloc'd. */
extern char *dq_record_url(const Credentials *credentials, const char *url);

/* Fills in what is the same for all: who asks, and what; shown_url is of dq_record_url(). */
extern void dq_record_init(RequestRecord *record, const char *method, const char *shown_url);

/* To the ring and the list; cannot raise. */
extern void dq_record_note(const RequestRecord *record);

/* Words for users: "hit"; "ended". */
extern const char *dq_cache_use_name(CacheUse use);
extern const char *dq_fate_name(RequestFate fate);

/* "ok", the kind of failure, or how it ended without either. */
extern const char *dq_record_outcome(const RequestRecord *record);

/*
 * The records of the attempts that are under way in this backend, with what is known so far;
 * palloc'd; returns how many.
 */
extern int dq_records_under_way(RequestRecord **records);

#endif /* DQ_REQUEST_RECORD_H */
