/*
 * lookup_multi.c
 *	  What asking for many keys costs without a database: lists of keys, several requests at once, on
 *	  kept connections; answers are thrown away.
 *
 * lookup_multi URL N BATCH CONCURRENCY asks URL?id=1,...,BATCH and so on up to N (URL/1 and so on where
 * BATCH is 1), and prints the milliseconds of the fastest of ROUNDS, the
 * connections already open.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define URL_BYTES 16384
#define ROUNDS 5

typedef struct Work
{
	const char *base;
	int n;
	int batch;
	int next; /* first key that was not asked yet */
	size_t received;
} Work;

static size_t
discard(char *bytes, size_t size, size_t n, void *received)
{
	*(size_t *) received += size * n;
	return size * n;
}

static double
now_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000.0 + now.tv_nsec / 1000000.0;
}

/* Gives a handle its next list of keys; 0 when there is none left. */
static int
next_request(Work *work, CURL *easy)
{
	char url[URL_BYTES];
	int used;
	int last = work->next + work->batch - 1;

	if (work->next > work->n)
		return 0;
	if (last > work->n)
		last = work->n;
	used = snprintf(url, sizeof(url), "%s%s%d", work->base,
					work->batch == 1 ? "/" : "?id=", work->next);
	for (int key = work->next + 1; key <= last; key++)
		used += snprintf(url + used, sizeof(url) - used, ",%d", key);
	work->next = last + 1;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	return 1;
}

/* Takes what has ended and starts the next on the same handle; returns how many ended for good. */
static int
take_ended(CURLM *multi, Work *work)
{
	CURLMsg *message;
	int left;
	int ended = 0;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURL *easy = message->easy_handle;
		long status = 0;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		if (message->data.result != CURLE_OK || status != 200)
		{
			fprintf(stderr, "lookup_multi: a request failed\n");
			exit(1);
		}
		curl_multi_remove_handle(multi, easy);
		if (next_request(work, easy))
			curl_multi_add_handle(multi, easy);
		else
			ended++;
	}
	return ended;
}

static void
run(CURLM *multi, CURL **easies, int concurrency, Work *work)
{
	int active = 0;
	int running;

	work->next = 1;
	for (int i = 0; i < concurrency; i++)
		if (next_request(work, easies[i]))
		{
			curl_multi_add_handle(multi, easies[i]);
			active++;
		}
	while (active > 0)
	{
		curl_multi_perform(multi, &running);
		active -= take_ended(multi, work);
		if (active > 0)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
}

int
main(int argc, char **argv)
{
	if (argc != 5)
		return 2;

	int concurrency = (int) strtol(argv[4], NULL, 10);
	Work work = { .base = argv[1],
				  .n = (int) strtol(argv[2], NULL, 10),
				  .batch = (int) strtol(argv[3], NULL, 10) };

	curl_global_init(CURL_GLOBAL_DEFAULT);

	CURLM *multi = curl_multi_init();
	CURL **easies = calloc(concurrency, sizeof(CURL *));

	for (int i = 0; i < concurrency; i++)
	{
		easies[i] = curl_easy_init();
		curl_easy_setopt(easies[i], CURLOPT_WRITEFUNCTION, discard);
		curl_easy_setopt(easies[i], CURLOPT_WRITEDATA, &work.received);
		curl_easy_setopt(easies[i], CURLOPT_ACCEPT_ENCODING, "");
	}
	run(multi, easies, concurrency, &work);

	double best = 1e9, cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);

	for (int i = 0; i < ROUNDS; i++)
	{
		double start = now_ms(CLOCK_MONOTONIC), taken;

		run(multi, easies, concurrency, &work);
		taken = now_ms(CLOCK_MONOTONIC) - start;
		best = taken < best ? taken : best;
	}
	printf("bare %.1f\nbare_cpu %.1f\n", best, (now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu) / ROUNDS);
	for (int i = 0; i < concurrency; i++)
		curl_easy_cleanup(easies[i]);
	curl_multi_cleanup(multi);
	curl_global_cleanup();
	free(easies);
	return work.received > 0 ? 0 : 1;
}
