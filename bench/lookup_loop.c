/*
 * lookup_loop.c
 *	  What a lookup costs without a database: GET after GET on one kept connection, answers thrown
 *	  away.
 *
 * lookup_loop URL N asks URL/1 ... URL/N and prints the milliseconds that it took, the connection
 * already open.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

static void
get(CURL *easy, const char *base, int id)
{
	char url[256];
	long status = 0;

	snprintf(url, sizeof(url), "%s/%d", base, id);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	if (curl_easy_perform(easy) != CURLE_OK ||
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 200)
	{
		fprintf(stderr, "lookup_loop: GET %s failed\n", url);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	curl_global_init(CURL_GLOBAL_DEFAULT);

	CURL *easy = curl_easy_init();
	size_t received = 0;
	int n = (int) strtol(argv[2], NULL, 10);

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &received);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	get(easy, argv[1], 1);

	double start = now_ms(CLOCK_MONOTONIC), cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID);

	for (int id = 1; id <= n; id++)
		get(easy, argv[1], id);
	printf("bare %.1f\nbare_cpu %.1f\n", now_ms(CLOCK_MONOTONIC) - start,
		   now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu);
	curl_easy_cleanup(easy);
	curl_global_cleanup();
	return received > 0 ? 0 : 1;
}
