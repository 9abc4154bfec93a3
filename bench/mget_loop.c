/*
 * mget_loop.c
 *	  What a hit costs without a database: MGET after MGET by hiredis on one kept connection, answers
 *	  thrown away.
 *
 * mget_loop PORT DB N asks N times for all names of a database of Redis at once, and prints the
 * milliseconds of the fastest, and the bytes that came with it.
 */
#include <hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000.0 + now.tv_nsec / 1000000.0;
}

static redisReply *
checked(redisReply *reply, int type)
{
	if (reply && reply->type == type)
		return reply;
	fprintf(stderr, "mget_loop: Redis does not answer as expected\n");
	exit(1);
}

int
main(int argc, char **argv)
{
	double fastest = -1;
	size_t bytes = 0;

	if (argc != 4)
		return 2;

	redisContext *redis = redisConnect("127.0.0.1", (int) strtol(argv[1], NULL, 10));

	if (redis == NULL || redis->err)
		return 1;
	freeReplyObject(checked(redisCommand(redis, "SELECT %s", argv[2]), REDIS_REPLY_STATUS));

	redisReply *names = checked(redisCommand(redis, "KEYS *"), REDIS_REPLY_ARRAY);
	const char **command = calloc(names->elements + 1, sizeof(char *));
	size_t *lengths = calloc(names->elements + 1, sizeof(size_t));

	command[0] = "MGET";
	lengths[0] = 4;
	for (size_t i = 0; i < names->elements; i++)
	{
		command[i + 1] = names->element[i]->str;
		lengths[i + 1] = (size_t) names->element[i]->len;
	}
	for (long i = strtol(argv[3], NULL, 10); i > 0; i--)
	{
		double start = now_ms();
		redisReply *reply = checked(redisCommandArgv(redis, (int) names->elements + 1, command,
													 lengths),
									REDIS_REPLY_ARRAY);
		double ms = now_ms() - start;

		bytes = 0;
		for (size_t j = 0; j < reply->elements; j++)
			bytes += (size_t) reply->element[j]->len;
		freeReplyObject(reply);
		if (fastest < 0 || ms < fastest)
			fastest = ms;
	}
	printf("%.4f %zu\n", fastest, bytes);
	return 0;
}
